//! Parked projections: records whose projection failed for a reason of their own, set aside so that
//! the others go on.

use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortError;

/// The versions of a record that could not be projected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedProjection {
    pub key: EntityKey,
    /// The lowest version that is not projected.
    pub from_version: Version,
    /// The highest version that is not projected.
    pub to_version: Version,
    /// Why the last attempt failed.
    pub reason: String,
    /// When the record was first parked.
    pub parked_at: Timestamp,
}

/// The list of parked projections, with at most one entry a record.
///
/// No version is lost when several callers park the same record at the same time. All calls are
/// idempotent.
#[async_trait]
pub trait ParkedProjections: Send + Sync {
    /// Puts a record at the end of the list. If it is parked already, it moves to the end, its
    /// versions become one range, the newer reason replaces the older, and the earlier `parked_at` stays.
    async fn park(&self, parked: ParkedProjection) -> Result<(), PortError>;

    /// Up to `limit` entries from the start of the list: the record that was parked, or parked
    /// again, longest ago comes first.
    async fn oldest(&self, limit: usize) -> Result<Vec<ParkedProjection>, PortError>;

    /// The number of parked records. Counting stops at `at_most`, to limit its cost.
    async fn count(&self, at_most: usize) -> Result<usize, PortError>;

    /// Removes a record's versions up to `up_to`, and its entry when none is left. What is left keeps
    /// its place in the list. A record that is not parked is no error.
    async fn unpark(&self, key: &EntityKey, up_to: Version) -> Result<(), PortError>;
}
