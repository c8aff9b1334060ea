//! Snapshots of records, which save replaying a long stream from its beginning.

use annals_domain::aggregate::Aggregate;
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use async_trait::async_trait;

use super::PortError;

/// Keeps states of records at some of their versions.
///
/// A snapshot only saves reads: it can be made again from the events, so a lost one costs time and
/// no data. Each is stored with the fold version of the code that made it, and code with another
/// fold version does not see it.
#[async_trait]
pub trait SnapshotStore: Send + Sync {
    /// Stores snapshots, one a record and version. Idempotent: a snapshot of the same version
    /// replaces the stored one. After an error some of them may be stored.
    async fn put(&self, snapshots: Vec<Aggregate>) -> Result<(), PortError>;

    /// The newest snapshot of a record whose version is `at_most` or lower, made by this code's fold
    /// version. A stored snapshot that cannot be read is logged and counts as missing.
    async fn newest(&self, key: &EntityKey, at_most: Version) -> Result<Option<Aggregate>, PortError>;
}
