//! Reports the projection lag of this function instance, which `/health` shows.
//!
//! The lag is stored every ten seconds at most, and whenever an outage begins or ends. A failure to store it is only
//! logged.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use annals_application::log_chain;
use annals_application::ports::{LagNote, LagNotes};
use annals_domain::timestamp::Timestamp;
use uuid::Uuid;

/// The time between two reports while nothing changes, in milliseconds.
const REPORT_INTERVAL_MS: i64 = 10_000;

/// How long a report may hold up a batch.
const REPORT_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) struct LagReporter {
    notes: Arc<dyn LagNotes>,
    worker: Uuid,
    last: Mutex<Option<LagNote>>,
}

impl LagReporter {
    /// `worker` identifies this function instance.
    pub(crate) fn new(notes: Arc<dyn LagNotes>, worker: Uuid) -> Self {
        Self { notes, worker, last: Mutex::default() }
    }

    /// Reports the lag after a batch: of the events that were projected, and the time at which the oldest event was
    /// stored that waits for the end of an outage.
    pub(crate) async fn report(&self, now: Timestamp, lag_ms: u64, waits_since: Option<Timestamp>) {
        let note = LagNote { worker: self.worker, noted_at: now, lag_ms, waits_since };
        if !self.is_due(&note) {
            return;
        }
        match tokio::time::timeout(REPORT_TIMEOUT, self.notes.note_lag(note.clone())).await {
            Ok(Ok(())) => *self.last() = Some(note),
            Ok(Err(error)) => tracing::warn!(error = %log_chain(&error), "projection lag not stored"),
            Err(_) => tracing::warn!("projection lag not stored in time"),
        }
    }

    fn is_due(&self, note: &LagNote) -> bool {
        self.last().as_ref().is_none_or(|last| {
            let is_old = note.noted_at.millis() - last.noted_at.millis() >= REPORT_INTERVAL_MS;
            is_old || last.waits_since.is_some() != note.waits_since.is_some()
        })
    }

    fn last(&self) -> MutexGuard<'_, Option<LagNote>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
