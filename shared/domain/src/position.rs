//! Two orders: of arrival (`Version`) and of the source (`Position`).
//!
//! Promises that positions are a total order that only the source's words decide, so every arrival
//! order folds alike. Does not promise that a position tells when something arrived.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::identity::uuid_of;
use crate::timestamp::Timestamp;

/// An event's number in its aggregate: dense, from 1, in order of arrival; the optimistic lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(u64);

impl Version {
    /// The version of an aggregate's first event.
    pub const FIRST: Self = Self(1);

    /// A version read back; 0 stands for an aggregate without events.
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The version behind this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The version before this one; 0 before the first.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event's identity: UUIDv5 of what makes the change unique at its source, so that a
/// redelivery has the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventId(Uuid);

impl EventId {
    /// The id of the change that those parts name.
    pub fn of(parts: &[&str]) -> Self {
        Self(uuid_of(parts))
    }

    /// An id read back from storage.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The UUID itself.
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where an event stands among those of its own timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Rank {
    /// An image fetched so soon after its stamp that changes of that timestamp may be missing in it.
    FreshImage,
    /// A change.
    Change,
    /// An image: what it shows includes the changes of its timestamp.
    Image,
}

/// Order at the source: timestamp, rank, commit number and sequence number, then event id.
///
/// Commit numbers pass 2^53 (they are nanoseconds in newer orgs), so they are never a float.
/// What a body lacks sorts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// When the CRM committed it; an image's own stamp.
    #[serde(rename = "t")]
    pub timestamp: Timestamp,
    /// Change or image.
    #[serde(rename = "r")]
    pub rank: Rank,
    /// The commit number; for an image, when it was fetched (milliseconds).
    #[serde(rename = "c")]
    pub commit_number: Option<i64>,
    /// The number inside the transaction.
    #[serde(rename = "s")]
    pub sequence_number: Option<i64>,
    /// Decides what nothing else decides.
    #[serde(rename = "e")]
    pub event_id: EventId,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64, rank: Rank, commit: Option<i64>, sequence: Option<i64>) -> Position {
        let timestamp = Timestamp::from_millis(millis).expect("in range");
        Position { timestamp, rank, commit_number: commit, sequence_number: sequence, event_id: EventId::of(&["x"]) }
    }

    #[test]
    fn positions_sort_by_timestamp_then_rank_then_commit_then_sequence() {
        let sorted = [
            at(1, Rank::Image, Some(9), None),
            at(2, Rank::FreshImage, Some(9), None),
            at(2, Rank::Change, None, None),
            at(2, Rank::Change, Some(1_778_192_987_716_501_506), Some(2)),
            at(2, Rank::Change, Some(1_778_192_987_716_501_507), Some(1)),
            at(2, Rank::Image, Some(1), None),
            at(3, Rank::Change, None, None),
        ];
        assert!(sorted.is_sorted());
    }
}
