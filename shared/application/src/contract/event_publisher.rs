//! The rules for event publishers.

use std::sync::Arc;

use annals_domain::event::EventType;
use annals_domain::position::{EventId, Version};
use annals_domain::validation_issue::ValidationIssue;
use serde_json::Value;

use super::samples::{document, text, timestamp};
use crate::ports::{Document, EventPublisher, NormalizedEntityEvent};

/// The published event of a client's change: `number` is the version before it.
pub fn published_event(number: u64) -> NormalizedEntityEvent {
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

/// Sets a text field of the entity, before and after the change.
pub fn set_text(event: &mut NormalizedEntityEvent, field: &str, value: &str) {
    for entity in event.before.iter_mut().chain([&mut event.entity]) {
        let fields = &mut Arc::make_mut(entity).fields;
        fields.retain(|(name, _)| &**name != field);
        fields.push((field.into(), text(value)));
    }
}

/// Checks all rules on a new publisher. `published` returns everything that a consumer has received
/// from it, in order.
pub async fn check_event_publisher(publisher: &impl EventPublisher, published: impl AsyncFn() -> Vec<Value>) {
    assert!(publisher.publish(Vec::new()).await.is_empty(), "no event, no result");
    assert!(published().await.is_empty());

    // More events than any bus accepts in one request.
    let events: Vec<_> = (1..=25).map(published_event).collect();
    let results = publisher.publish(events.clone()).await;
    assert_eq!(results.len(), events.len(), "one result for each event");
    assert!(results.iter().all(Result::is_ok), "{results:?}");

    let again = publisher.publish(vec![published_event(1)]).await;
    assert!(matches!(again[..], [Ok(())]), "a repeated event is published again: {again:?}");

    let expected: Vec<_> = events.iter().chain([&published_event(1)]).map(as_consumed).collect();
    assert_eq!(published().await, expected);
}

fn as_consumed(event: &NormalizedEntityEvent) -> Value {
    serde_json::to_value(event).expect("a published event is plain data")
}
