//! Lag notes: the projection lag of each worker, for health reports of stores without an event feed.
//!
//! A worker's new note replaces its previous one. No decision depends on notes, so one may be lost.

use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::PortError;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LagNote {
    /// The id of one instance of the projector.
    pub worker: Uuid,
    pub noted_at: Timestamp,
    /// The longest time from commit to index among the last events, in milliseconds.
    pub lag_ms: u64,
    /// The time at which the oldest event that an outage delays was stored.
    pub waits_since: Option<Timestamp>,
}

impl LagNote {
    /// The lag at `now` in milliseconds. During an outage it grows without a new note.
    pub fn lag_at(&self, now: Timestamp) -> u64 {
        let waits = self.waits_since.and_then(|since| u64::try_from(now.millis() - since.millis()).ok());
        waits.unwrap_or(self.lag_ms)
    }
}

#[async_trait]
pub trait LagNotes: Send + Sync {
    /// Stores a worker's note for at least one hour.
    async fn note_lag(&self, note: LagNote) -> Result<(), PortError>;

    /// The last note of each worker, in any order.
    async fn lag_notes(&self) -> Result<Vec<LagNote>, PortError>;
}
