//! What every [`QuarantineStore`] must do.

use annals_domain::identity::Provider;
use annals_domain::validation_issue::ValidationIssue;
use uuid::Uuid;

use super::samples::timestamp;
use crate::ports::{QuarantineEntry, QuarantinePlace, QuarantineState, QuarantineStore};

/// Makes a test of each rule for quarantine stores.
#[macro_export]
macro_rules! quarantine_store_contract {
    ($make:path) => {
        $crate::contract_tests!(
            $make,
            $crate::contract::quarantine_store,
            [
                a_chunk_comes_back_to_the_byte,
                deleted_chunks_are_gone_and_others_stay,
                an_entry_is_added_once_and_opened_again,
                state_and_errors_of_an_entry_can_be_set,
                entries_are_listed_newest_first_by_state_and_place,
                entries_are_counted_up_to_a_limit,
                chunks_without_an_entry_are_removed_by_their_age,
            ]
        );
    };
}

/// Chunks are bytes, not text; a chunk stored again is replaced; a missing one is `None`.
pub async fn a_chunk_comes_back_to_the_byte(store: &impl QuarantineStore) {
    let body = Uuid::from_u128(1);
    let largest: Vec<u8> = (0..350 * 1024_u32).map(|n| n.to_le_bytes()[n as usize % 4]).collect();
    let chunks = [largest, b"\x00\xff\xfe not \xc3\x28 text".to_vec(), Vec::new()];
    for (number, bytes) in (0..).zip(&chunks) {
        store.put_chunk(body, number, timestamp(0), b"overwritten".to_vec()).await.expect("the store writes");
        store.put_chunk(body, number, timestamp(0), bytes.clone()).await.expect("the store writes");
    }
    for (number, bytes) in (0..).zip(&chunks) {
        assert_eq!(store.chunk(body, number).await.expect("the store reads").as_ref(), Some(bytes));
    }
    assert_eq!(store.chunk(body, 3).await.expect("the store reads"), None);
    assert_eq!(store.chunk(Uuid::from_u128(2), 0).await.expect("the store reads"), None);
}

pub async fn deleted_chunks_are_gone_and_others_stay(store: &impl QuarantineStore) {
    let (deleted, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    for number in 0..40 {
        store.put_chunk(deleted, number, timestamp(0), vec![1]).await.expect("the store writes");
    }
    store.put_chunk(other, 0, timestamp(0), vec![2]).await.expect("the store writes");
    store.delete_chunks(deleted).await.expect("the store writes");
    store.delete_chunks(Uuid::from_u128(3)).await.expect("the store writes");
    for number in 0..40 {
        assert_eq!(store.chunk(deleted, number).await.expect("the store reads"), None);
    }
    assert_eq!(store.chunk(other, 0).await.expect("the store reads"), Some(vec![2]));
}

fn entry(id: &str, received: i64, error: &str) -> QuarantineEntry {
    QuarantineEntry {
        id: id.to_owned(),
        provider: Provider::Pipedrive,
        received_at: timestamp(received),
        errors: vec![
            ValidationIssue::new("payload.ChangeEventHeader", error),
            ValidationIssue::new("", "\"quoted\" é"),
        ],
        size: 1 << 40,
        state: QuarantineState::Open,
        body_id: Uuid::from_u128(u128::from_be_bytes(*b"a body's own id.")),
        chunks: 3,
    }
}

async fn stored(store: &impl QuarantineStore, id: &str) -> Option<QuarantineEntry> {
    store.get(id).await.expect("the store reads")
}

/// The same input again: the stored entry stays, with its body and time, and is open with the new errors.
pub async fn an_entry_is_added_once_and_opened_again(store: &impl QuarantineStore) {
    let first = entry("x", 10, "old error");
    assert_eq!(store.add(first.clone()).await.expect("the store writes"), first);
    store.set_state("x", QuarantineState::Dismissed, None).await.expect("the store writes");
    let mut second = entry("x", 99, "new error");
    second.body_id = Uuid::from_u128(7);
    second.chunks = 9;
    let returned = store.add(second.clone()).await.expect("the store writes");
    let expected = QuarantineEntry { errors: second.errors, ..first };
    assert_eq!(returned, expected);
    assert_eq!(stored(store, "x").await, Some(expected));
    assert_eq!(stored(store, "y").await, None);
}

/// The state alone, or state and errors, and of that entry only.
pub async fn state_and_errors_of_an_entry_can_be_set(store: &impl QuarantineStore) {
    let (x, y) = (entry("x", 1, "error"), entry("y", 2, "error"));
    for entry in [&x, &y] {
        store.add(entry.clone()).await.expect("the store writes");
    }
    store.set_state("x", QuarantineState::Redriven, None).await.expect("the store writes");
    assert_eq!(stored(store, "x").await, Some(QuarantineEntry { state: QuarantineState::Redriven, ..x.clone() }));
    let errors = vec![ValidationIssue::new("size", "too large")];
    store.set_state("x", QuarantineState::Open, Some(errors.clone())).await.expect("the store writes");
    assert_eq!(stored(store, "x").await, Some(QuarantineEntry { errors, ..x }));
    assert_eq!(stored(store, "y").await, Some(y));
}

/// By time received, then by id, from any place on: also one whose entry is not there any more.
pub async fn entries_are_listed_newest_first_by_state_and_place(store: &impl QuarantineStore) {
    add_four(store).await;
    let open = Some(QuarantineState::Open);
    let table = [
        (None, None, 9, "cabd"),
        (None, None, 2, "ca"),
        (None, Some((30, "c")), 2, "ab"),
        (None, Some((20, "a")), 9, "bd"),
        (None, Some((20, "aa")), 9, "bd"),
        (None, Some((25, "x")), 9, "abd"),
        (None, Some((10, "d")), 9, ""),
        (open, None, 9, "ab"),
        (open, Some((20, "a")), 1, "b"),
        (Some(QuarantineState::Dismissed), None, 9, "c"),
        (Some(QuarantineState::Redriven), Some((20, "b")), 9, "d"),
        (open, None, 0, ""),
    ];
    for (state, after, limit, ids) in table {
        let place = after.map(|(at, id)| QuarantinePlace { received_at: timestamp(at), id: id.to_owned() });
        let entries = store.list(state, place.as_ref(), limit).await.expect("the store reads");
        let found: String = entries.iter().map(|entry| entry.id.as_str()).collect();
        assert_eq!(found, ids, "{state:?} after {after:?}, {limit} of them");
    }
}

pub async fn entries_are_counted_up_to_a_limit(store: &impl QuarantineStore) {
    add_four(store).await;
    let table = [
        (None, 9, 4),
        (None, 4, 4),
        (None, 3, 3),
        (None, 0, 0),
        (Some(QuarantineState::Open), 9, 2),
        (Some(QuarantineState::Open), 1, 1),
        (Some(QuarantineState::Redriven), 9, 1),
    ];
    for (state, at_most, count) in table {
        let found = store.count(state, at_most).await.expect("the store reads");
        assert_eq!(found, count, "{state:?}, at most {at_most}");
    }
}

async fn add_four(store: &impl QuarantineStore) {
    for (id, received) in [("b", 20), ("c", 30), ("a", 20), ("d", 10)] {
        store.add(entry(id, received, "error")).await.expect("the store writes");
    }
    store.set_state("c", QuarantineState::Dismissed, None).await.expect("the store writes");
    store.set_state("d", QuarantineState::Redriven, None).await.expect("the store writes");
}

/// Those of a writer that was interrupted; not those of an entry, nor of one that may still come.
pub async fn chunks_without_an_entry_are_removed_by_their_age(store: &impl QuarantineStore) {
    let (orphaned, recent, kept) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
    for (body, at) in [(orphaned, 10), (recent, 20), (kept, 10)] {
        for number in 0..3 {
            store.put_chunk(body, number, timestamp(at), vec![1]).await.expect("the store writes");
        }
    }
    let entry = QuarantineEntry { body_id: kept, ..entry("x", 11, "error") };
    store.add(entry).await.expect("the store writes");
    assert_eq!(store.remove_orphans(timestamp(20)).await.expect("the store writes"), 1);
    for (body, is_there) in [(orphaned, false), (recent, true), (kept, true)] {
        for number in 0..3 {
            assert_eq!(
                store.chunk(body, number).await.expect("the store reads").is_some(),
                is_there,
                "{body} {number}"
            );
        }
    }
    assert_eq!(store.remove_orphans(timestamp(20)).await.expect("the store writes"), 0);
}
