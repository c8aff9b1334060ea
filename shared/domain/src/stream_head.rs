//! The head of a stream: a summary of its events, stored with the newest one. An append in order reads nothing else.
//!
//! A change later than the head's timestamp is admitted without reading older events. An older one is looked up: the
//! heads of a stream have rising timestamps, and each lists the events at its own, so a search over heads finds an event
//! that arrived in order. Every other event is *unlisted*: a store finds it by an index. The head decides duplicates
//! only; it never looks at the values of a change.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::change::{Change, Lifecycle};
use crate::event::EventType;
use crate::position::{EventId, Position, Rank, Version};
use crate::timestamp::Timestamp;

/// How many event ids a head lists at its highest timestamp. More than any burst observed (a HubSpot save gives about
/// ten changes of one timestamp); events beyond it are unlisted.
const IDS_AT_HIGHEST: usize = 32;

/// A timestamp this far ahead of the clock, in milliseconds, is a mistake of some clock. It does not raise the head's
/// highest timestamp, since each later change would then seem late.
const TOO_FAR_AHEAD_MS: i64 = 24 * 60 * 60 * 1000;

/// Which event stated the whole record first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BaseKind {
    #[serde(rename = "c")]
    Created,
    /// A restoration with all fields.
    #[serde(rename = "r")]
    Restored,
    #[serde(rename = "i")]
    Image,
}

/// The summary of a stream up to the event it is stored with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamHead {
    /// The version of the event it is stored with.
    #[serde(rename = "v")]
    pub version: Version,
    /// When that event was stored. Never decreases within a stream.
    #[serde(rename = "a", with = "millis")]
    pub recorded_at: Timestamp,
    /// Which event stated the whole record first, if one has.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub base: Option<BaseKind>,
    /// The newest lifecycle of the record, and the timestamp of the change that states it.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    lifecycle: Option<LifecycleAt>,
    /// The highest timestamp of the stream's changes, of those at most a day ahead of the clock.
    #[serde(rename = "h", with = "millis")]
    highest: Timestamp,
    /// The events at that timestamp, up to [`IDS_AT_HIGHEST`].
    #[serde(rename = "i")]
    at_highest: Vec<EventId>,
    /// Whether more events have that timestamp than are listed.
    #[serde(rename = "m", default, skip_serializing_if = "std::ops::Not::not")]
    more_at_highest: bool,
    /// Whether one of the events at that timestamp is a record image.
    #[serde(rename = "g", default, skip_serializing_if = "std::ops::Not::not")]
    image_at_highest: bool,
    /// Whether some event of the stream is not listed in its own head.
    #[serde(rename = "x", default, skip_serializing_if = "std::ops::Not::not")]
    pub has_unlisted: bool,
    /// The changes that were too far ahead of the clock, as long as the highest timestamp is not above theirs.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    ahead: Option<AheadRange>,
    /// The newest event with a timestamp below that of an earlier one; 0 if there is none. `None` in a head of an
    /// earlier release, which did not note it.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    newest_late: Option<Version>,
}

/// The range of the timestamps that were too far ahead of the clock, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct AheadRange {
    #[serde(rename = "f", with = "millis")]
    from: Timestamp,
    #[serde(rename = "t", with = "millis")]
    to: Timestamp,
}

impl AheadRange {
    fn with(range: Option<Self>, at: Timestamp) -> Self {
        range.map_or(Self { from: at, to: at }, |range| Self { from: range.from.min(at), to: range.to.max(at) })
    }

    fn includes(self, at: Timestamp) -> bool {
        (self.from..=self.to).contains(&at)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct LifecycleAt {
    #[serde(rename = "t", with = "millis")]
    at: Timestamp,
    #[serde(rename = "s")]
    lifecycle: Lifecycle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    New {
        /// Whether a record image of the same timestamp is stored.
        at_image: bool,
    },
    Duplicate,
}

impl StreamHead {
    /// The head after `change` is stored at `version`, as the next event after `previous`.
    pub fn after(
        previous: Option<&Self>,
        event_type: EventType,
        change: &Change,
        version: Version,
        recorded_at: Timestamp,
    ) -> Self {
        let at = change.position;
        let mut head = previous.cloned().unwrap_or_else(|| Self::empty(recorded_at));
        head.version = version;
        head.recorded_at = recorded_at;
        if change.is_base && head.base.is_none() {
            head.base = Some(base_of(event_type, change));
        }
        if let Some(lifecycle) = change.lifecycle
            && head.lifecycle.is_none_or(|newest| newest.at <= at.timestamp)
        {
            head.lifecycle = Some(LifecycleAt { at: at.timestamp, lifecycle });
        }
        head.newest_late = Some(match previous {
            None => Version::new(0),
            Some(previous) if at.timestamp < previous.highest => version,
            Some(previous) => previous.newest_late(),
        });
        head.raise(at, recorded_at);
        head.has_unlisted |= !head.lists(&at);
        head
    }

    /// The newest event that may have a timestamp below that of an event before it; 0 if none has. Every event after
    /// this version is at or after the highest timestamp of the events before it.
    pub fn newest_late(&self) -> Version {
        self.newest_late.unwrap_or(self.version)
    }

    fn empty(recorded_at: Timestamp) -> Self {
        Self {
            version: Version::new(0),
            recorded_at,
            base: None,
            lifecycle: None,
            highest: Timestamp::EARLIEST,
            at_highest: Vec::new(),
            more_at_highest: false,
            image_at_highest: false,
            has_unlisted: false,
            ahead: None,
            newest_late: None,
        }
    }

    fn raise(&mut self, at: Position, now: Timestamp) {
        if at.timestamp > now.plus_millis(TOO_FAR_AHEAD_MS) {
            self.ahead = Some(AheadRange::with(self.ahead, at.timestamp));
            return;
        }
        if at.timestamp < self.highest {
            return;
        }
        if at.timestamp > self.highest {
            self.highest = at.timestamp;
            self.at_highest.clear();
            (self.more_at_highest, self.image_at_highest) = (self.may_be_ahead(at.timestamp), false);
            self.ahead = self.ahead.filter(|ahead| ahead.to > at.timestamp);
        }
        if self.at_highest.len() < IDS_AT_HIGHEST {
            self.at_highest.push(at.event_id);
        } else {
            self.more_at_highest = true;
        }
        self.image_at_highest |= at.rank != Rank::Change;
    }

    fn may_be_ahead(&self, at: Timestamp) -> bool {
        self.ahead.is_some_and(|ahead| ahead.includes(at))
    }

    /// The highest timestamp of the changes up to this head, of those that were at most a day ahead of the clock.
    pub fn highest(&self) -> Timestamp {
        self.highest
    }

    /// Whether all changes up to this head have an earlier timestamp than that.
    pub fn is_before(&self, timestamp: Timestamp) -> bool {
        self.highest < timestamp && self.ahead.is_none_or(|ahead| ahead.to < timestamp)
    }

    /// Whether this head lists the event at that position.
    pub fn lists(&self, position: &Position) -> bool {
        position.timestamp == self.highest && self.at_highest.contains(&position.event_id)
    }

    /// Whether one of the events in order at `timestamp` is a record image; false if `timestamp` is not the highest.
    pub fn has_image_at(&self, timestamp: Timestamp) -> bool {
        timestamp == self.highest && self.image_at_highest
    }

    /// Whether the newest lifecycle is a deletion older than `timestamp`.
    pub fn is_deleted_before(&self, timestamp: Timestamp) -> bool {
        self.lifecycle.is_some_and(|s| s.lifecycle == Lifecycle::Deleted && s.at < timestamp)
    }

    /// Whether an event is the only one with the highest timestamp: then nothing is known that is newer.
    pub fn is_only_newest(&self, position: &Position) -> bool {
        self.highest == position.timestamp && !self.more_at_highest && self.at_highest == [position.event_id]
    }

    /// The `recorded_at` of the next event: now, or that of `head` if the clock went back.
    pub fn next_recorded_at(head: Option<&Self>, now: Timestamp) -> Timestamp {
        head.map_or(now, |head| head.recorded_at.max(now))
    }

    /// Whether the change at `position` is to be stored. `None` if only the stored events can decide.
    pub fn admit(head: Option<&Self>, position: &Position) -> Option<Admission> {
        let Some(head) = head else { return Some(Admission::New { at_image: false }) };
        if head.lists(position) {
            return Some(Admission::Duplicate);
        }
        match position.timestamp.cmp(&head.highest) {
            Ordering::Greater if head.may_be_ahead(position.timestamp) => None,
            Ordering::Greater => Some(Admission::New { at_image: false }),
            Ordering::Equal if head.more_at_highest => None,
            Ordering::Equal => Some(Admission::New { at_image: head.image_at_highest }),
            Ordering::Less => None,
        }
    }
}

fn base_of(event_type: EventType, change: &Change) -> BaseKind {
    match event_type {
        _ if change.is_image() => BaseKind::Image,
        EventType::Restored => BaseKind::Restored,
        _ => BaseKind::Created,
    }
}

/// Timestamps as milliseconds: every stored event has a head, so its size matters.
mod millis {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::timestamp::Timestamp;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(timestamp: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(timestamp.millis())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        Timestamp::from_millis(i64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
