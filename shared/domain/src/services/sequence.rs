//! Sequence validation: what is odd about a change where it arrives.
//!
//! Promises warnings only, and about arrival: the same changes in another order may have others.

use crate::dialect::IncomingChange;
use crate::event::EventType;
use crate::finding::Finding;
use crate::head::{Base, Head};
use crate::services::missing_create::awaits_base;

/// What is odd about `incoming` behind `head`.
pub fn findings(head: Option<&Head>, incoming: &IncomingChange) -> Vec<Finding> {
    let mut findings = Vec::new();
    let change = &incoming.change;
    let is_change = !change.is_image();
    match (incoming.event_type, head.and_then(|head| head.base)) {
        (EventType::Created, Some(Base::Image)) if is_change => {
            findings
                .push(about_order("older than its image: the record was read from the CRM before its creation came"));
        }
        (EventType::Created, Some(_)) if is_change => {
            findings.push(about_order("created twice: a creation of this record is stored already"));
        }
        _ => {}
    }
    if awaits_base(head, change) && incoming.event_type != EventType::Created {
        let message = format!("{} before its creation: the entity waits for it", incoming.event_type.as_str());
        findings.push(about_order(&message));
    }
    let is_update = is_change && incoming.event_type == EventType::Updated;
    if is_update && head.is_some_and(|head| head.is_deleted_before(change.position.instant)) {
        findings.push(about_order("updated after its deletion: the record lives"));
    }
    findings
}

fn about_order(message: &str) -> Finding {
    Finding::new("event_type", message)
}
