//! The head of a stream: all that the next append needs to know of those before it.
//!
//! Promises that a change later than the head's instant is admitted without a read, and that a
//! look back stops at the change's own instant. Decides duplicates; never what a change says.

use serde::{Deserialize, Serialize};

use crate::change::{Change, Lifecycle};
use crate::event::EventType;
use crate::instant::Instant;
use crate::position::{EventId, Position, Rank, Version};

/// How many ids a head names at its highest instant. More than any burst seen (a HubSpot save
/// gives some ten changes of one instant); past it, the look back decides.
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
pub struct Head {
    /// The version of the event it is stored with.
    #[serde(rename = "v")]
    pub version: Version,
    /// When that event was stored (milliseconds since 1970 in storage).
    #[serde(rename = "a", with = "millis")]
    pub recorded_at: Instant,
    /// What stated the whole record first, if anything has.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// The newest word on the record's life, and its instant.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    lifecycle: Option<Standing>,
    /// The highest instant among the events.
    #[serde(rename = "h", with = "millis")]
    pub highest: Instant,
    /// The events at that instant, as many as are named.
    #[serde(rename = "i")]
    at_highest: Vec<EventId>,
    /// Whether there are more at that instant than are named.
    #[serde(rename = "m", default, skip_serializing_if = "std::ops::Not::not")]
    more_at_highest: bool,
    /// Whether one of those at that instant is an image.
    #[serde(rename = "g", default, skip_serializing_if = "std::ops::Not::not")]
    image_at_highest: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Standing {
    #[serde(rename = "t", with = "millis")]
    at: Instant,
    #[serde(rename = "s")]
    lifecycle: Lifecycle,
}

/// Whether a change is to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is new; and whether an image of its very instant is stored.
    New {
        /// An image of the same instant is there.
        at_image: bool,
    },
    /// It is stored already.
    Duplicate,
}

impl Head {
    /// The head after `change` is stored behind `previous` at `version`.
    pub fn after(
        previous: Option<&Self>,
        event_type: EventType,
        change: &Change,
        version: Version,
        recorded_at: Instant,
    ) -> Self {
        let at = change.position;
        let mut head = previous.cloned().unwrap_or_else(|| Self::empty(at.instant));
        head.version = version;
        head.recorded_at = recorded_at;
        if change.is_base && head.base.is_none() {
            head.base = Some(base_of(event_type, change));
        }
        if let Some(lifecycle) = change.lifecycle
            && head.lifecycle.is_none_or(|standing| standing.at <= at.instant)
        {
            head.lifecycle = Some(Standing { at: at.instant, lifecycle });
        }
        head.raise(at);
        head
    }

    fn empty(highest: Instant) -> Self {
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
        if at.instant < self.highest {
            return;
        }
        if at.instant > self.highest {
            self.highest = at.instant;
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

    /// Whether the record's deletion is the newest word, and older than `instant`.
    pub fn is_deleted_before(&self, instant: Instant) -> bool {
        self.lifecycle.is_some_and(|s| s.lifecycle == Lifecycle::Deleted && s.at < instant)
    }

    /// The `recorded_at` of the next event: now, but never below this head's.
    pub fn next_recorded_at(head: Option<&Self>, now: Instant) -> Instant {
        head.map_or(now, |head| head.recorded_at.max(now))
    }

    /// Whether the change at `position` may be stored behind this head; `None` where only the events
    /// before the head can tell ([`LookBack`]).
    pub fn admit(head: Option<&Self>, position: &Position) -> Option<Admission> {
        let Some(head) = head else { return Some(Admission::New { at_image: false }) };
        if position.instant > head.highest {
            return Some(Admission::New { at_image: false });
        }
        if position.instant < head.highest {
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
    pub fn meet(&mut self, stored: &Position, head: &Head) -> Option<Admission> {
        if stored.event_id == self.position.event_id {
            return Some(Admission::Duplicate);
        }
        // All up to this event are of an earlier instant, so the duplicate cannot be among them.
        if head.highest < self.position.instant {
            return Some(self.end());
        }
        self.at_image |= stored.instant == self.position.instant && stored.rank != Rank::Change;
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

/// Instants as milliseconds: a head is in every stored event, so its bytes count.
mod millis {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::instant::Instant;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(instant: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(instant.millis())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Instant, D::Error> {
        Instant::from_millis(i64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
