//! What every event publisher must do.

use annals_domain::event::EventType;
use annals_domain::finding::Finding;
use annals_domain::identity::{AggregateType, ExternalId, Provider};
use annals_domain::position::{EventId, Version};
use serde_json::{Value, json};

use super::samples::{instant, key};
use crate::ports::{EventPublisher, NormalizedEntityEvent};

/// An announcement of a client's change, by number.
pub fn announcement(number: u64) -> NormalizedEntityEvent {
    let Value::Object(data) = json!({ "id": "001", "name": format!("Acme {number}\r\n\"é\" 🦀") }) else {
        unreachable!("an object literal is an object")
    };
    let Value::Object(changes) = json!({ "name": { "from": null, "to": number } }) else {
        unreachable!("an object literal is an object")
    };
    NormalizedEntityEvent {
        event_id: EventId::of(&["announcement", &number.to_string()]),
        aggregate_type: AggregateType::new("client"),
        aggregate_id: key("001").aggregate_id,
        external_id: ExternalId::new("001"),
        provider: Provider::Salesforce,
        event_type: EventType::Updated,
        timestamp: instant(0),
        data,
        changes,
        from_version: Version::new(number),
        version: Version::new(number + 1),
        validation_info: vec![Finding::new("status", "is odd")],
        correlation_id: Some("corr".to_owned()),
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
