//! The number of requests of an append.

use std::num::NonZeroUsize;

use annals_application::commands::{CommandHandler, CommandMetadata, HandlerSettings};
use annals_domain::identity::Provider;
use annals_tests::changes::change;

use crate::counted::Counted;

/// Ingests a change and returns its version.
async fn take(handler: &CommandHandler, round: usize, record: usize) -> u64 {
    let input = change(round, record).to_string();
    let ingested = handler.ingest_body(Provider::Salesforce, &input, CommandMetadata::default()).await;
    ingested.expect("the store answers").results[0].version.expect("the change is stored").get()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_and_each_change_after_a_cached_head_cost_one_request() {
    let counted = Counted::new("warm").await;
    let handler = counted.test_tables.installation_by(&counted.config()).handler();
    for round in 0..5 {
        assert_eq!(take(&handler, round, 1).await, round as u64 + 1);
        assert_eq!(counted.seen(), (vec!["PutItem".to_owned()], vec![]), "version {}", round + 1);
    }
    counted.test_tables.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_after_an_unknown_head_costs_two_requests() {
    let counted = Counted::new("cold").await;
    for round in 0..5 {
        // Each change is ingested by a new process.
        let handler = counted.test_tables.installation_by(&counted.config()).handler();
        assert_eq!(take(&handler, round, 1).await, round as u64 + 1);
        let expected: &[&str] = if round == 0 { &["PutItem"] } else { &["Query", "PutItem"] };
        assert_eq!(counted.seen(), (expected.iter().map(|name| (*name).to_owned()).collect(), vec![]));
    }
    counted.test_tables.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_more_records_than_cached_heads_each_change_costs_two_requests() {
    let counted = Counted::new("bound").await;
    let settings = HandlerSettings { warm_heads: NonZeroUsize::MIN, ..HandlerSettings::default() };
    let handler = counted.test_tables.installation_with(&counted.config(), settings).handler();
    for round in 0..3 {
        for record in [1, 2] {
            assert_eq!(take(&handler, round, record).await, round as u64 + 1);
            // The head of the other record has replaced it in the cache of one.
            let expected: &[&str] = if round == 0 { &["PutItem"] } else { &["Query", "PutItem"] };
            let expected = expected.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(counted.seen(), (expected, vec![]), "round {round}, record {record}");
        }
    }
    assert_eq!(take(&handler, 3, 2).await, 4);
    assert_eq!(counted.seen(), (vec!["PutItem".to_owned()], vec![]), "the head of the last record is cached");
    counted.test_tables.remove().await;
}
