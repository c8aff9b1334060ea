//! What may go, when, and that what is needed again stays.

use annals_application::contract::samples::timestamp;
use annals_application::ports::{QuarantineEntry, QuarantineState};
use uuid::Uuid;

use crate::bench::{Bench, entry};

const DAY: i64 = 24 * 60 * 60;
const BODY: u128 = 5;

/// An entry `x` of two chunks, and the name of their partition.
async fn with_entry(bench: &Bench) -> String {
    let store = bench.store();
    for number in 0..2 {
        store
            .quarantine
            .put_chunk(Uuid::from_u128(BODY), number, timestamp(0), b"chunk".to_vec())
            .await
            .expect("the store writes");
    }
    store.quarantine.add(entry("x", BODY, 2)).await.expect("the store writes");
    format!("chunk#{}", Uuid::from_u128(BODY))
}

async fn set(bench: &Bench, state: QuarantineState) {
    bench.store().quarantine.set_state("x", state, None).await.expect("the store writes");
}

async fn found(bench: &Bench) -> Option<QuarantineEntry> {
    bench.store().quarantine.get("x").await.expect("the store reads")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settled_entry_may_go_after_thirty_days_and_its_chunks_a_day_later() {
    for state in [QuarantineState::Dismissed, QuarantineState::Redriven] {
        let bench = Bench::new().await;
        let chunks = with_entry(&bench).await;
        assert_eq!(bench.expiries("quarantine").await, [None]);
        assert_eq!(bench.expiries(&chunks).await, [None, None]);
        set(&bench, state).await;
        let at = bench.clock.seconds() + 30 * DAY;
        assert_eq!(bench.expiries("quarantine").await, [Some(at)], "{state:?}");
        assert_eq!(bench.expiries(&chunks).await, [Some(at + DAY), Some(at + DAY)], "{state:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_opened_again_stays_with_its_chunks() {
    for by_input in [true, false] {
        let bench = Bench::new().await;
        let chunks = with_entry(&bench).await;
        set(&bench, QuarantineState::Dismissed).await;
        if by_input {
            bench.store().quarantine.add(entry("x", 9, 1)).await.expect("the store writes");
        } else {
            set(&bench, QuarantineState::Open).await;
        }
        assert_eq!(bench.expiries("quarantine").await, [None], "by its input: {by_input}");
        assert_eq!(bench.expiries(&chunks).await, [None, None], "by its input: {by_input}");
        let found = found(&bench).await.expect("it is there");
        assert_eq!((found.state, found.body_id), (QuarantineState::Open, Uuid::from_u128(BODY)));
        assert!(!bench.items("quarantine").await[0].contains_key("chunks_bound"), "nothing is left to do");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_that_was_cut_short_is_finished_by_the_next_call() {
    use annals_services::{Fault, Match, Rule};
    let bench = Bench::new().await;
    let chunks = with_entry(&bench).await;
    set(&bench, QuarantineState::Dismissed).await;
    bench.proxy.rule(Rule::always(Match::Target("TransactWriteItems"), Fault::DropBefore));
    bench.store().quarantine.add(entry("x", 9, 1)).await.expect_err("its chunks cannot be freed");
    assert!(bench.expiries(&chunks).await.iter().all(Option::is_some), "they were to go");
    bench.proxy.heal();
    bench.store().quarantine.add(entry("x", 9, 1)).await.expect("the store writes");
    assert_eq!(bench.expiries(&chunks).await, [None, None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_past_its_end_counts_as_gone_and_gives_way_to_a_new_one() {
    let bench = Bench::new().await;
    with_entry(&bench).await;
    set(&bench, QuarantineState::Dismissed).await;
    bench.clock.pass(30 * DAY - 1);
    assert!(found(&bench).await.is_some());
    bench.clock.pass(1);
    assert_eq!(found(&bench).await, None);
    assert_eq!(bench.store().quarantine.list(None, None, 9).await.expect("the store reads"), []);
    assert_eq!(bench.store().quarantine.count(None, 9).await.expect("the store reads"), 0);
    set(&bench, QuarantineState::Open).await;
    assert_eq!(found(&bench).await, None, "it cannot be opened any more: its chunks are about to go");
    let new = entry("x", 9, 1);
    assert_eq!(bench.store().quarantine.add(new.clone()).await.expect("the store writes"), new);
    assert_eq!(found(&bench).await, Some(new));
    assert_eq!(bench.expiries("quarantine").await, [None]);
}

/// As after a kill between the entry and the last write of its writer.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_whose_writer_was_cut_short_keeps_its_body() {
    use annals_services::{Fault, Match, Rule};
    let bench = Bench::new().await;
    let store = bench.store();
    let body = Uuid::from_u128(BODY);
    for number in 0..2 {
        store.quarantine.put_chunk(body, number, timestamp(0), b"chunk".to_vec()).await.expect("the store writes");
    }
    bench.proxy.rule(Rule::always(Match::Target("BatchWriteItem"), Fault::DropBefore));
    store.quarantine.add(entry("x", BODY, 2)).await.expect_err("its body is still announced");
    bench.proxy.heal();
    assert!(found(&bench).await.is_some());
    assert_eq!(bench.items("body").await.len(), 1);
    assert_eq!(store.quarantine.remove_orphans(timestamp(i64::from(u32::MAX))).await.expect("the store writes"), 0);
    assert!(store.quarantine.chunk(body, 1).await.expect("the store reads").is_some());
    assert_eq!(bench.items("body").await.len(), 0);
}
