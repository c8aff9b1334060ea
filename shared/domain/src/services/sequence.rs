//! Sequence validation: what is odd about a change where it arrives.
//!
//! Promises warnings only, and about arrival: the same changes in another order may have others.

use crate::event::EventType;
use crate::head::{Base, StreamHead};
use crate::provider_adapter::IncomingChange;
use crate::services::missing_create::awaits_base;
use crate::validation_issue::ValidationIssue;

/// What is odd about `incoming` behind `head`.
pub fn issues(head: Option<&StreamHead>, incoming: &IncomingChange) -> Vec<ValidationIssue> {
    let mut issues = Vec::new();
    let change = &incoming.change;
    let is_change = !change.is_image();
    match (incoming.event_type, head.and_then(|head| head.base)) {
        (EventType::Created, Some(Base::Image)) if is_change => {
            issues.push(about_order("older than its image: the record was read from the CRM before its creation came"));
        }
        (EventType::Created, Some(_)) if is_change => {
            issues.push(about_order("created twice: a creation of this record is stored already"));
        }
        _ => {}
    }
    if awaits_base(head, change) && incoming.event_type != EventType::Created {
        let message = format!("{} before its creation: the entity waits for it", incoming.event_type.as_str());
        issues.push(about_order(&message));
    }
    let is_update = is_change && incoming.event_type == EventType::Updated;
    if is_update && head.is_some_and(|head| head.is_deleted_before(change.position.timestamp)) {
        issues.push(about_order("updated after its deletion: the record lives"));
    }
    issues
}

fn about_order(message: &str) -> ValidationIssue {
    ValidationIssue::new("event_type", message)
}
