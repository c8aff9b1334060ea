//! Which type an event is labelled with.
//!
//! Promises a label about arrival only: the fold never looks at it.

use crate::event::EventType;
use crate::head::StreamHead;
use crate::provider_adapter::IncomingChange;

/// A change event keeps its type. An image is `Deleted` where it shows a deletion, `Created` where
/// nothing stated the record before, else `Updated`.
pub fn label(head: Option<&StreamHead>, incoming: &IncomingChange) -> EventType {
    let has_base = head.is_some_and(|head| head.base.is_some());
    match incoming.event_type {
        EventType::Updated if incoming.change.is_image() && !has_base => EventType::Created,
        as_it_came => as_it_came,
    }
}
