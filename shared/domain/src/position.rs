//! Two orders: of arrival (`Version`) and of the source (`Position`).
//!
//! Positions are a total order that depends only on what the source states, so every order of arrival gives the same
//! state. A position does not say when an event arrived.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::identity::uuid_of;
use crate::timestamp::Timestamp;

/// The number of an event in its stream: dense, from 1, in order of arrival. It is also the optimistic lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(u64);

impl Version {
    pub const FIRST: Self = Self(1);

    /// 0 means a stream without events.
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    pub fn get(self) -> u64 {
        self.0
    }

    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The version that many events later.
    #[must_use]
    pub fn plus(self, events: u64) -> Self {
        Self(self.0.saturating_add(events))
    }

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

/// The id of an event: a UUIDv5 of what makes the change unique at its source, so that a redelivery has the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventId(Uuid);

impl EventId {
    /// The id of the change that is identified by `parts`.
    pub fn of(parts: &[&str]) -> Self {
        Self(uuid_of(parts))
    }

    /// An id read back from storage.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The order of events with the same timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Rank {
    /// A record image read so soon after its timestamp that changes of that timestamp may be missing in it.
    FreshImage,
    Change,
    /// A record image. It includes the changes of its timestamp.
    Image,
}

/// The kind of a change, in the order of changes that are otherwise equal: a creation first, a deletion last. A gap writes
/// nothing, so it only has to follow what its record needs to exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ChangeKind {
    Creation,
    Update,
    Restoration,
    Gap,
    Deletion,
}

/// Order at the source: timestamp, rank, commit number and sequence number, kind, then event id.
///
/// Commit numbers exceed 2^53 (in newer orgs they are nanoseconds), so they never become a float. A missing number
/// sorts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// When the CRM committed the change; for a record image, when the record was last modified.
    #[serde(rename = "t")]
    pub timestamp: Timestamp,
    #[serde(rename = "r")]
    pub rank: Rank,
    /// The commit number; for a record image, when it was read (milliseconds since 1970).
    #[serde(rename = "c")]
    pub commit_number: Option<i64>,
    #[serde(rename = "s")]
    pub sequence_number: Option<i64>,
    /// Always `Update` for a record image: what its event is labelled as depends on the order of arrival.
    #[serde(rename = "k")]
    pub kind: ChangeKind,
    /// Decides between events that are otherwise equal.
    #[serde(rename = "e")]
    pub event_id: EventId,
}

/// A position without its event id. Two differing copies of one change event have it in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceOrder(Timestamp, Rank, Option<i64>, Option<i64>, ChangeKind);

impl Position {
    pub fn source_order(&self) -> SourceOrder {
        SourceOrder(self.timestamp, self.rank, self.commit_number, self.sequence_number, self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64, rank: Rank, commit: Option<i64>, sequence: Option<i64>) -> Position {
        let timestamp = Timestamp::from_millis(millis).expect("in range");
        let (kind, event_id) = (ChangeKind::Update, EventId::of(&["x"]));
        Position { timestamp, rank, commit_number: commit, sequence_number: sequence, kind, event_id }
    }

    #[test]
    fn versions_count_the_events_of_a_stream() {
        let third = Version::new(3);
        assert_eq!((third.get(), third.to_string()), (3, "3".to_owned()));
        assert_eq!((third.next().get(), third.plus(4).get(), third.previous().get()), (4, 7, 2));
        assert_eq!((Version::FIRST.previous().get(), Version::new(0).previous().get()), (0, 0));
        assert_eq!(third.plus(u64::MAX).get(), u64::MAX);
    }

    #[test]
    fn of_otherwise_equal_changes_a_creation_comes_first_and_a_deletion_last() {
        use ChangeKind::{Creation, Deletion, Gap, Restoration, Update};
        let of = |kind, id: &str| Position { kind, event_id: EventId::of(&[id]), ..at(1, Rank::Change, None, None) };
        for id in 0..40 {
            let ids = [0, 1, 2, 3, 4].map(|kind| format!("{id} {kind}"));
            let sorted = [
                of(Creation, &ids[0]),
                of(Update, &ids[1]),
                of(Restoration, &ids[2]),
                of(Gap, &ids[3]),
                of(Deletion, &ids[4]),
            ];
            assert!(sorted.is_sorted(), "{id}");
        }
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
