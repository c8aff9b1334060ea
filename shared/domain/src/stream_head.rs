//! The head of a stream: a summary of its events, stored with the newest one. An append reads nothing else.
//!
//! A change later than the head's timestamp is admitted without reading older events. An older one is compared with
//! the stored events down to its own timestamp ([`DuplicateSearch`]). The head decides duplicates only; it never looks
//! at the values of a change.

use serde::{Deserialize, Serialize};

use crate::change::{Change, Lifecycle};
use crate::event::EventType;
use crate::position::{EventId, Position, Rank, Version};
use crate::timestamp::Timestamp;

/// How many event ids a head lists at its highest timestamp. More than any burst observed (a HubSpot save gives about
/// ten changes of one timestamp); beyond it, a search through the stored events decides.
const IDS_AT_HIGHEST: usize = 32;

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
    #[serde(rename = "h", with = "millis")]
    pub highest: Timestamp,
    /// The events at that timestamp, up to [`IDS_AT_HIGHEST`].
    #[serde(rename = "i")]
    at_highest: Vec<EventId>,
    /// Whether more events have that timestamp than are listed.
    #[serde(rename = "m", default, skip_serializing_if = "std::ops::Not::not")]
    more_at_highest: bool,
    /// Whether one of the events at that timestamp is a record image.
    #[serde(rename = "g", default, skip_serializing_if = "std::ops::Not::not")]
    image_at_highest: bool,
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
        let mut head = previous.cloned().unwrap_or_else(|| Self::empty(at.timestamp));
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

    /// Whether the newest lifecycle is a deletion older than `timestamp`.
    pub fn is_deleted_before(&self, timestamp: Timestamp) -> bool {
        self.lifecycle.is_some_and(|s| s.lifecycle == Lifecycle::Deleted && s.at < timestamp)
    }

    /// The `recorded_at` of the next event: now, or that of `head` if the clock went back.
    pub fn next_recorded_at(head: Option<&Self>, now: Timestamp) -> Timestamp {
        head.map_or(now, |head| head.recorded_at.max(now))
    }

    /// Whether the change at `position` is to be stored. `None` if only the stored events can decide:
    /// see [`DuplicateSearch`].
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

/// Searches the stored events for one change, from the newest event to older ones.
#[derive(Debug, Clone)]
pub struct DuplicateSearch {
    position: Position,
    at_image: bool,
}

impl DuplicateSearch {
    pub fn new(position: Position) -> Self {
        Self { position, at_image: false }
    }

    /// Looks at the next older event and the head stored with it. Returns the result as soon as it is certain.
    pub fn visit(&mut self, stored: &Position, head: &StreamHead) -> Option<Admission> {
        if stored.event_id == self.position.event_id {
            return Some(Admission::Duplicate);
        }
        // This event and all before it have earlier timestamps, so none of them can be the duplicate.
        if head.highest < self.position.timestamp {
            return Some(self.finish());
        }
        self.at_image |= stored.timestamp == self.position.timestamp && stored.rank != Rank::Change;
        None
    }

    /// The result if no event is left.
    pub fn finish(&self) -> Admission {
        Admission::New { at_image: self.at_image }
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
