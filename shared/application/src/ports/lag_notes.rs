//! How far projection is behind, where no feed tells: those who project note it, health reads it.
//!
//! Promises that a worker's newer note takes the place of its older one. Notes are told to people and
//! decide nothing: a lost one costs an answer.

use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::PortError;

/// How one worker stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LagNote {
    /// Who: one instance of what projects.
    pub worker: Uuid,
    /// When it noted this.
    pub noted_at: Timestamp,
    /// How long after their commit the last events were searchable, at most, in milliseconds.
    pub lag_ms: u64,
    /// When the oldest event that an outage keeps back was stored; `None` where none is.
    pub waits_since: Option<Timestamp>,
}

impl LagNote {
    /// How far behind it is, in milliseconds: what waits grows older by itself.
    pub fn behind_ms(&self, now: Timestamp) -> u64 {
        let waits = self.waits_since.and_then(|since| u64::try_from(now.millis() - since.millis()).ok());
        waits.unwrap_or(self.lag_ms)
    }
}

/// Where the notes are kept.
#[async_trait]
pub trait LagNotes: Send + Sync {
    /// Keeps a worker's note, for an hour at least.
    async fn note_lag(&self, note: LagNote) -> Result<(), PortError>;

    /// Each worker's last note, in any order.
    async fn lag_notes(&self) -> Result<Vec<LagNote>, PortError>;
}
