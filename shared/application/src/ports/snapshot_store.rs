//! Snapshots of records, which save replaying a long stream from its beginning.

use annals_domain::aggregate::Aggregate;
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;

use super::PortError;

/// A record's state at a version, to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// It has at least one event.
    pub state: Aggregate,
    /// When the event of the state's version was stored.
    pub recorded_at: Timestamp,
}

/// Keeps states of records at some of their versions.
///
/// A snapshot only saves reads: it can be made again from the events, so a lost one costs time and
/// no data. Each is stored with the fold version of the code that made it, and code with another
/// fold version does not see it. A stored snapshot that cannot be read is logged and counts as missing.
/// One that an earlier release stored may be found by its version only.
#[async_trait]
pub trait SnapshotStore: Send + Sync {
    /// Stores snapshots, one a record and version. Idempotent: a snapshot of the same version
    /// replaces the stored one. After an error some of them may be stored.
    async fn put(&self, snapshots: Vec<Snapshot>) -> Result<(), PortError>;

    /// The newest snapshot of a record whose version is `at_most` or lower, made by this code's fold
    /// version.
    async fn newest(&self, key: &EntityKey, at_most: Version) -> Result<Option<Aggregate>, PortError>;

    /// As [`Self::newest`], of the snapshots without an event of a timestamp after `as_of`.
    async fn newest_as_of(&self, key: &EntityKey, as_of: Timestamp) -> Result<Option<Aggregate>, PortError>;

    /// As [`Self::newest`], of the snapshots whose events were all stored at `known_at` or earlier.
    async fn newest_known_at(&self, key: &EntityKey, known_at: Timestamp) -> Result<Option<Aggregate>, PortError>;
}
