//! What the stream before a change implies: the type of the event, and warnings about the order of arrival.
//!
//! Both describe arrival only. Folding ignores them, and the same changes in another order may have others.

use crate::change::Change;
use crate::event::EventType;
use crate::provider_adapter::IncomingChange;
use crate::stream_head::{BaseKind, StreamHead};
use crate::validation_issue::ValidationIssue;

/// The type of the stored event. A change event keeps its type. A record image is `Deleted` if the record is deleted,
/// `Created` if no event has stated the whole record before, and else `Updated`.
pub fn event_type_of(head: Option<&StreamHead>, incoming: &IncomingChange) -> EventType {
    let has_base = head.is_some_and(|head| head.base.is_some());
    match incoming.event_type {
        EventType::Updated if incoming.change.is_image() && !has_base => EventType::Created,
        unchanged => unchanged,
    }
}

/// The warnings about `incoming` as the next event after `head`.
pub fn issues(head: Option<&StreamHead>, incoming: &IncomingChange) -> Vec<ValidationIssue> {
    let mut issues = Vec::new();
    let change = &incoming.change;
    let is_change = !change.is_image();
    match (incoming.event_type, head.and_then(|head| head.base)) {
        (EventType::Created, Some(BaseKind::Image)) if is_change => {
            issues.push(about_order(
                "older than its image: the record was read from the CRM before its creation arrived",
            ));
        }
        (EventType::Created, Some(_)) if is_change => {
            issues.push(about_order("created twice: a creation of this record is already stored"));
        }
        _ => {}
    }
    if awaits_base(head, change) && incoming.event_type != EventType::Created {
        let message = format!("{} before its creation: the entity waits for its base", incoming.event_type.as_str());
        issues.push(about_order(&message));
    }
    let is_update = is_change && incoming.event_type == EventType::Updated;
    if is_update && head.is_some_and(|head| head.is_deleted_before(change.position.timestamp)) {
        issues.push(about_order("updated after its deletion: the record exists"));
    }
    issues
}

/// Whether the entity still has no base once `change` is stored. The change is stored in any case.
fn awaits_base(head: Option<&StreamHead>, change: &Change) -> bool {
    !change.is_base && head.is_none_or(|head| head.base.is_none())
}

fn about_order(message: &str) -> ValidationIssue {
    ValidationIssue::new("event_type", message)
}
