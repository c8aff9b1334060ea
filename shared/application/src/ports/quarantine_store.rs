//! The quarantine's storage: entries, and the bytes of their inputs in chunks.

use annals_domain::identity::Provider;
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::PortError;

/// The state of a quarantined input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuarantineState {
    /// Nobody has decided on it yet.
    Open,
    /// It was processed again and nothing of it was refused.
    Redriven,
    /// Somebody decided not to process it.
    Dismissed,
}

/// An input that could not be stored as an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineEntry {
    /// The SHA-256 of provider and body, in hexadecimal: the same input is one entry.
    pub id: String,
    pub provider: Provider,
    /// When the input first arrived.
    pub received_at: Timestamp,
    /// Why it was refused.
    pub errors: Vec<ValidationIssue>,
    /// The size of the input in bytes.
    pub size: u64,
    pub state: QuarantineState,
    /// The id under which the input's chunks are stored.
    pub body_id: Uuid,
    /// The number of chunks.
    pub chunks: u32,
}

/// The place of an entry in the list: the newest first, then by id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantinePlace {
    pub received_at: Timestamp,
    pub id: String,
}

impl QuarantineEntry {
    pub fn place(&self) -> QuarantinePlace {
        QuarantinePlace { received_at: self.received_at, id: self.id.clone() }
    }
}

/// Keeps quarantined inputs.
///
/// Inputs here are stored nowhere else. An open entry and its chunks stay until somebody decides; an
/// adapter may delete a redriven or dismissed entry after 30 days, with its chunks. All calls are
/// idempotent.
#[async_trait]
pub trait QuarantineStore: Send + Sync {
    /// The resource that errors name: the table, or the file.
    fn name(&self) -> &str;

    /// Stores one chunk of a body, of at most 350 KiB. A stored chunk of that number is replaced.
    /// Chunks are numbered from 0 and must be stored before their entry, within a day. `at` is now.
    async fn put_chunk(&self, body: Uuid, number: u32, at: Timestamp, bytes: Vec<u8>) -> Result<(), PortError>;

    /// One chunk of a body, byte by byte as it was stored.
    async fn chunk(&self, body: Uuid, number: u32) -> Result<Option<Vec<u8>>, PortError>;

    /// Deletes all chunks of a body.
    async fn delete_chunks(&self, body: Uuid) -> Result<(), PortError>;

    /// Stores an entry and returns it. If one with this id exists, that one is opened again with the
    /// new errors, keeps its own body and time, and is returned: the new entry's chunks are not used
    /// then. An adapter may shorten a long list of errors.
    async fn add(&self, entry: QuarantineEntry) -> Result<QuarantineEntry, PortError>;

    /// The entry with this id.
    async fn get(&self, id: &str) -> Result<Option<QuarantineEntry>, PortError>;

    /// Up to `limit` entries in this state, or in any, that come after a place in the list; `None`: from its start.
    async fn list(
        &self,
        state: Option<QuarantineState>,
        after: Option<&QuarantinePlace>,
        limit: usize,
    ) -> Result<Vec<QuarantineEntry>, PortError>;

    /// The number of entries in this state, or of all. Counting stops at `at_most`, to limit its cost.
    async fn count(&self, state: Option<QuarantineState>, at_most: usize) -> Result<usize, PortError>;

    /// Deletes chunks that were stored before that time and have no entry: their writer was interrupted. Returns the
    /// number of bodies. An adapter may leave out bodies of one chunk.
    async fn remove_orphans(&self, before: Timestamp) -> Result<usize, PortError>;

    /// Sets an entry's state, and its errors if given. An id without an entry is no error.
    async fn set_state(
        &self,
        id: &str,
        state: QuarantineState,
        errors: Option<Vec<ValidationIssue>>,
    ) -> Result<(), PortError>;
}
