//! Late and repeated changes: the number of requests, and the write units.

use annals_application::commands::{CommandHandler, CommandMetadata, Outcome};
use annals_domain::identity::Provider;
use annals_tests::changes::change;
use serde_json::Value;

use crate::counted::Counted;

const CHANGES: usize = 1_000;

/// Ingests the changes as one body. Returns how many were stored.
async fn take(handler: &CommandHandler, changes: &[Value]) -> usize {
    let body = Value::from(changes.to_vec()).to_string();
    let ingested = handler.ingest_body(Provider::Salesforce, &body, CommandMetadata::default()).await;
    let reads = ingested.expect("the store answers").results;
    assert!(reads.iter().all(|read| read.outcome != Outcome::Quarantined));
    reads.iter().filter(|read| read.outcome != Outcome::Duplicate).count()
}

/// The operations on the events table since the last call: how many queries and how many writes.
fn requests(counted: &Counted) -> (usize, usize) {
    let (events, _) = counted.seen();
    let count = |name: &str| events.iter().filter(|operation| *operation == name).count();
    assert_eq!(count("Query") + count("PutItem"), events.len(), "{events:?}");
    (count("Query"), count("PutItem"))
}

fn oldest_first() -> Vec<Value> {
    (0..CHANGES).map(|round| change(round, 1)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_or_repeated_change_costs_a_bounded_number_of_requests() {
    let counted = Counted::new("late").await;
    let process = || counted.test_tables.installation_by(&counted.config()).handler();
    let changes = oldest_first();
    let (late, in_order): (Vec<_>, Vec<_>) = changes.into_iter().enumerate().partition(|(round, _)| round % 10 == 5);
    let [late, in_order] =
        [late, in_order].map(|changes| changes.into_iter().map(|(_, change)| change).collect::<Vec<_>>());
    for batch in in_order.chunks(100) {
        assert_eq!(take(&process(), batch).await, batch.len());
    }
    let (_, writes) = requests(&counted);
    assert_eq!(writes, in_order.len());
    // One by one, each by a process without cached heads: log2(900 / 16) pages of heads, the head, the index.
    for change in &late[..8] {
        assert_eq!(take(&process(), std::slice::from_ref(change)).await, 1);
        let (queries, writes) = requests(&counted);
        assert!(writes == 1 && queries <= 10, "stored late: {queries} queries, {writes} writes");
        assert_eq!(take(&process(), std::slice::from_ref(change)).await, 0);
        let (queries, writes) = requests(&counted);
        assert!(writes == 0 && queries <= 10, "repeated: {queries} queries, {writes} writes");
    }
    // Together: the heads and the index are read page by page.
    assert_eq!(take(&process(), &late).await, late.len() - 8);
    let (queries, writes) = requests(&counted);
    assert!(writes == late.len() - 8 && queries <= 40, "stored late: {queries} queries, {writes} writes");
    for batch in [&late, &in_order] {
        assert_eq!(take(&process(), batch).await, 0);
        let (queries, writes) = requests(&counted);
        // The creation is tried first, because that stores it at once if its stream is new.
        assert!(writes <= 1 && queries <= 20, "repeated: {queries} queries, {writes} writes");
    }
    counted.test_tables.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_batch_that_was_stored_newest_first_costs_few_requests() {
    let counted = Counted::new("newest").await;
    let process = || counted.test_tables.installation_by(&counted.config()).handler();
    let newest_first: Vec<Value> = oldest_first().into_iter().take(300).rev().collect();
    assert_eq!(take(&process(), &newest_first).await, newest_first.len());
    assert_eq!(requests(&counted), (1, newest_first.len()), "no stored head can list any of them");
    assert_eq!(take(&process(), &newest_first).await, 0);
    let (queries, writes) = requests(&counted);
    assert!(writes == 0 && queries <= 10, "repeated: {queries} queries, {writes} writes");
    counted.test_tables.remove().await;
}
