//! The rules for stores of lag notes.

use uuid::Uuid;

use super::samples::timestamp;
use crate::ports::{LagNote, LagNotes};

/// Defines a test for each rule.
#[macro_export]
macro_rules! lag_notes_contract {
    ($make:path) => {
        $crate::contract_tests!(
            $make,
            $crate::contract::lag_notes,
            [a_workers_note_is_read_exactly_as_it_was_stored, a_newer_note_replaces_the_older]
        );
    };
}

fn note(worker: u128, at: i64, lag_ms: u64, waits_since: Option<i64>) -> LagNote {
    LagNote {
        worker: Uuid::from_u128(worker),
        noted_at: timestamp(at),
        lag_ms,
        waits_since: waits_since.map(timestamp),
    }
}

async fn stored(store: &impl LagNotes) -> Vec<LagNote> {
    let mut notes = store.lag_notes().await.expect("the store reads");
    notes.sort_by_key(|note| note.worker);
    notes
}

/// One note for each worker; none at the start.
pub async fn a_workers_note_is_read_exactly_as_it_was_stored(store: &impl LagNotes) {
    assert_eq!(stored(store).await, []);
    let notes = [note(1, 10, 0, None), note(2, 11, u64::MAX, Some(-5))];
    for note in &notes {
        store.note_lag(note.clone()).await.expect("the store writes");
    }
    assert_eq!(stored(store).await, notes);
}

/// A worker has one note, the last one. The notes of other workers stay.
pub async fn a_newer_note_replaces_the_older(store: &impl LagNotes) {
    for note in [note(1, 10, 5_000, Some(3)), note(2, 10, 1, None), note(1, 20, 7, None)] {
        store.note_lag(note).await.expect("the store writes");
    }
    assert_eq!(stored(store).await, [note(1, 20, 7, None), note(2, 10, 1, None)]);
}
