//! The head of a stream: all that the next append needs to know of those before it.
//!
//! Promises that a change later than the head's timestamp is admitted without a read, and that a
//! look back stops at the change's own timestamp. Decides duplicates; never what a change says.

use serde::{Deserialize, Serialize};

use crate::change::{Change, Lifecycle};
use crate::event::EventType;
use crate::position::{EventId, Position, Rank, Version};
use crate::timestamp::Timestamp;

/// How many ids a head names at its highest timestamp. More than any burst seen (a HubSpot save
/// gives some ten changes of one timestamp); past it, the look back decides.
const IDS_AT_HIGHEST: usize = 32;

/// What stated the whole record first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Base {
    /// Its creation.
    #[serde(rename = "c")]
    Created,
    /// Its restoring, with all fields.
    #[serde(rename = "r")]
    Restored,
    /// An image of it.
    #[serde(rename = "i")]
    Image,
}

/// A stream's summary up to one of its events, and stored with that event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamHead {
    /// The version of the event it is stored with.
    #[serde(rename = "v")]
    pub version: Version,
    /// When that event was stored (milliseconds since 1970 in storage).
    #[serde(rename = "a", with = "millis")]
    pub recorded_at: Timestamp,
    /// What stated the whole record first, if anything has.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// The newest word on the record's life, and its timestamp.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    lifecycle: Option<Standing>,
    /// The highest timestamp among the events.
    #[serde(rename = "h", with = "millis")]
    pub highest: Timestamp,
    /// The events at that timestamp, as many as are named.
    #[serde(rename = "i")]
    at_highest: Vec<EventId>,
    /// Whether there are more at that timestamp than are named.
    #[serde(rename = "m", default, skip_serializing_if = "std::ops::Not::not")]
    more_at_highest: bool,
    /// Whether one of those at that timestamp is an image.
    #[serde(rename = "g", default, skip_serializing_if = "std::ops::Not::not")]
    image_at_highest: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Standing {
    #[serde(rename = "t", with = "millis")]
    at: Timestamp,
    #[serde(rename = "s")]
    lifecycle: Lifecycle,
}

/// Whether a change is to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is new; and whether an image of its very timestamp is stored.
    New {
        /// An image of the same timestamp is there.
        at_image: bool,
    },
    /// It is stored already.
    Duplicate,
}

impl StreamHead {
    /// The head after `change` is stored behind `previous` at `version`.
    pub fn after(
        previous: Option<&Self>,
        event_type: EventType,
        change: &Change,
        version: Version,
        recorded_at: Timestamp,
    ) -> Self {
        let at = change.position;
        let mut head = previous.cloned().unwrap_or_else(|| Self::empty(at.timestamp));
        head.version = version;
        head.recorded_at = recorded_at;
        if change.is_base && head.base.is_none() {
            head.base = Some(base_of(event_type, change));
        }
        if let Some(lifecycle) = change.lifecycle
            && head.lifecycle.is_none_or(|standing| standing.at <= at.timestamp)
        {
            head.lifecycle = Some(Standing { at: at.timestamp, lifecycle });
        }
        head.raise(at);
        head
    }

    fn empty(highest: Timestamp) -> Self {
        Self {
            version: Version::new(0),
            recorded_at: highest,
            base: None,
            lifecycle: None,
            highest,
            at_highest: Vec::new(),
            more_at_highest: false,
            image_at_highest: false,
        }
    }

    fn raise(&mut self, at: Position) {
        if at.timestamp < self.highest {
            return;
        }
        if at.timestamp > self.highest {
            self.highest = at.timestamp;
            self.at_highest.clear();
            (self.more_at_highest, self.image_at_highest) = (false, false);
        }
        if self.at_highest.len() < IDS_AT_HIGHEST {
            self.at_highest.push(at.event_id);
        } else {
            self.more_at_highest = true;
        }
        self.image_at_highest |= at.rank != Rank::Change;
    }

    /// Whether the record's deletion is the newest word, and older than `timestamp`.
    pub fn is_deleted_before(&self, timestamp: Timestamp) -> bool {
        self.lifecycle.is_some_and(|s| s.lifecycle == Lifecycle::Deleted && s.at < timestamp)
    }

    /// The `recorded_at` of the next event: now, but never below this head's.
    pub fn next_recorded_at(head: Option<&Self>, now: Timestamp) -> Timestamp {
        head.map_or(now, |head| head.recorded_at.max(now))
    }

    /// Whether the change at `position` may be stored behind this head; `None` where only the events
    /// before the head can tell ([`LookBack`]).
    pub fn admit(head: Option<&Self>, position: &Position) -> Option<Admission> {
        let Some(head) = head else { return Some(Admission::New { at_image: false }) };
        if position.timestamp > head.highest {
            return Some(Admission::New { at_image: false });
        }
        if position.timestamp < head.highest {
            return None;
        }
        if head.at_highest.contains(&position.event_id) {
            return Some(Admission::Duplicate);
        }
        (!head.more_at_highest).then_some(Admission::New { at_image: head.image_at_highest })
    }
}

/// The look back for one change: fed with stored events from the newest down, until it knows.
#[derive(Debug, Clone)]
pub struct LookBack {
    position: Position,
    at_image: bool,
}

impl LookBack {
    /// For the change at `position`.
    pub fn new(position: Position) -> Self {
        Self { position, at_image: false }
    }

    /// Takes the next older event, with the head stored with it; gives the answer once it is certain.
    pub fn meet(&mut self, stored: &Position, head: &StreamHead) -> Option<Admission> {
        if stored.event_id == self.position.event_id {
            return Some(Admission::Duplicate);
        }
        // All up to this event are of an earlier timestamp, so the duplicate cannot be among them.
        if head.highest < self.position.timestamp {
            return Some(self.end());
        }
        self.at_image |= stored.timestamp == self.position.timestamp && stored.rank != Rank::Change;
        None
    }

    /// The answer where no event is left.
    pub fn end(&self) -> Admission {
        Admission::New { at_image: self.at_image }
    }
}

fn base_of(event_type: EventType, change: &Change) -> Base {
    match event_type {
        _ if change.is_image() => Base::Image,
        EventType::Restored => Base::Restored,
        _ => Base::Created,
    }
}

/// Timestamps as milliseconds: a head is in every stored event, so its bytes count.
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
