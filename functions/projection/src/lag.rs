//! How far this instance is behind, noted for whoever asks for health.
//!
//! Promises a note each ten seconds at most while all is well, one whenever an outage begins to keep
//! events back or no longer does, and no harm where noting fails.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use annals_application::log_chain;
use annals_application::ports::{LagNote, LagNotes};
use annals_domain::timestamp::Timestamp;
use uuid::Uuid;

/// How long a note of the same kind is good for, in milliseconds.
const NOTED_EACH_MS: i64 = 10_000;

/// How long noting may hold up a batch.
const LONGEST: Duration = Duration::from_secs(1);

/// One instance's notes.
pub(crate) struct LagTeller {
    notes: Arc<dyn LagNotes>,
    worker: Uuid,
    last: Mutex<Option<LagNote>>,
}

impl LagTeller {
    /// Of the instance with that id.
    pub(crate) fn new(notes: Arc<dyn LagNotes>, worker: Uuid) -> Self {
        Self { notes, worker, last: Mutex::default() }
    }

    /// Tells how the instance stands behind a batch: the lag of what it did, and when the oldest was
    /// stored of what an outage keeps back.
    pub(crate) async fn tell(&self, now: Timestamp, lag_ms: u64, waits_since: Option<Timestamp>) {
        let note = LagNote { worker: self.worker, noted_at: now, lag_ms, waits_since };
        if !self.is_news(&note) {
            return;
        }
        match tokio::time::timeout(LONGEST, self.notes.note_lag(note.clone())).await {
            Ok(Ok(())) => *self.last() = Some(note),
            Ok(Err(error)) => tracing::warn!(error = %log_chain(&error), "the lag was not noted"),
            Err(_) => tracing::warn!("the lag was not noted in time"),
        }
    }

    fn is_news(&self, note: &LagNote) -> bool {
        self.last().as_ref().is_none_or(|last| {
            let is_old = note.noted_at.millis() - last.noted_at.millis() >= NOTED_EACH_MS;
            is_old || last.waits_since.is_some() != note.waits_since.is_some()
        })
    }

    fn last(&self) -> MutexGuard<'_, Option<LagNote>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
