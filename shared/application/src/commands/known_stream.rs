//! What one call knows of a stream, and the events that it adds there.

use std::collections::HashSet;

use annals_domain::position::{EventId, Position, Rank};
use annals_domain::stream_head::{Admission, StreamHead};
use annals_domain::timestamp::Timestamp;

/// What a call knows of a stream.
pub(super) struct KnownStream {
    /// The newest head that is stored for certain; `None`: the call knows of no event.
    pub(super) stored: Option<StreamHead>,
    /// The head after the events that the call has decided.
    pub(super) next: Option<StreamHead>,
}

impl KnownStream {
    pub(super) fn at(head: Option<StreamHead>) -> Self {
        Self { stored: head.clone(), next: head }
    }
}

/// The events of one stream that a call has decided and not stored yet.
#[derive(Default)]
pub(super) struct DecidedEvents {
    ids: HashSet<EventId>,
    /// The timestamps of record images.
    images: HashSet<Timestamp>,
}

impl DecidedEvents {
    pub(super) fn add(&mut self, position: &Position) {
        self.ids.insert(position.event_id);
        if position.rank != Rank::Change {
            self.images.insert(position.timestamp);
        }
    }

    /// The admission of a change after these events too; `stored`: after the stored ones alone.
    pub(super) fn admit(&self, position: &Position, stored: Admission) -> Admission {
        match stored {
            Admission::New { .. } if self.ids.contains(&position.event_id) => Admission::Duplicate,
            Admission::New { at_image } => {
                Admission::New { at_image: at_image || self.images.contains(&position.timestamp) }
            }
            Admission::Duplicate => Admission::Duplicate,
        }
    }
}
