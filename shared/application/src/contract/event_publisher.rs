//! What every event publisher must do.

use std::sync::Arc;

use annals_domain::event::EventType;
use annals_domain::position::{EventId, Version};
use annals_domain::validation_issue::ValidationIssue;
use serde_json::Value;

use super::samples::{document, text, timestamp};
use crate::ports::{Document, EventPublisher, NormalizedEntityEvent};

/// An announcement of a client's change, by number.
pub fn announcement(number: u64) -> NormalizedEntityEvent {
    let Document { schema, entity: before, .. } = document("Client", "001", Vec::new());
    let name = format!("Acme {number}\r\n\"é\" 🦀");
    let Document { mut entity, .. } = document("Client", "001", vec![("name", text(&name))]);
    Arc::make_mut(&mut entity).version = Version::new(number + 1);
    NormalizedEntityEvent {
        event_id: EventId::of(&["announcement", &number.to_string()]),
        event_type: EventType::Updated,
        timestamp: timestamp(0),
        schema,
        before: Some(before),
        entity,
        from_version: Version::new(number),
        version: Version::new(number + 1),
        validation_info: vec![ValidationIssue::new("status", "is odd")],
        correlation_id: Some("corr".to_owned()),
    }
}

/// Lets a field of an announcement's entity be that text, before the change as behind it.
pub fn set_text(event: &mut NormalizedEntityEvent, field: &str, value: &str) {
    for entity in event.before.iter_mut().chain([&mut event.entity]) {
        let fields = &mut Arc::make_mut(entity).fields;
        fields.retain(|(name, _)| &**name != field);
        fields.push((field.into(), text(value)));
    }
}

/// Runs all rules on a fresh publisher. `published` gives all that a consumer has got since it was
/// made, in its order.
pub async fn check_event_publisher(publisher: &impl EventPublisher, published: impl AsyncFn() -> Vec<Value>) {
    assert!(publisher.publish(Vec::new()).await.is_empty(), "nothing in, nothing out");
    assert!(published().await.is_empty());

    // More than one request's worth for any bus.
    let events: Vec<_> = (1..=25).map(announcement).collect();
    let answers = publisher.publish(events.clone()).await;
    assert_eq!(answers.len(), events.len(), "one answer each");
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");

    let again = publisher.publish(vec![announcement(1)]).await;
    assert!(matches!(again[..], [Ok(())]), "the same again is published again: {again:?}");

    let expected: Vec<_> = events.iter().chain([&announcement(1)]).map(as_consumed).collect();
    assert_eq!(published().await, expected);
}

fn as_consumed(event: &NormalizedEntityEvent) -> Value {
    serde_json::to_value(event).expect("an announcement is plain data")
}
