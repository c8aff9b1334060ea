//! The schemas of events and of what they change, the same for all types.

use annals_domain::event::Source;
use serde_json::{Value, json};

use super::schema::{
    all_of, array, boolean, described, nullable, object, object_with, reference, text, timestamp, uuid, version,
};

/// An event without what it changed.
pub(super) const STORED_EVENT: &str = "StoredEvent";
/// A field before and after an event.
pub(super) const CHANGE: &str = "Change";
/// A field at two moments, and the event that set the later value.
pub(super) const DIFFERENCE: &str = "Difference";

/// The schemas that no type has for itself. `Change` and `Difference` are of fields that no definition states.
pub(super) fn all() -> Vec<(&'static str, Value)> {
    let position =
        [("timestamp", timestamp()), ("commit_number", nullable(text())), ("sequence_number", nullable(text()))];
    let set_by = object([
        ("event_id", uuid()),
        ("version", version()),
        ("timestamp", timestamp()),
        ("user", nullable(text())),
        ("source", source()),
    ]);
    vec![
        ("Position", described(object(position), "The order of the change at its source.")),
        (STORED_EVENT, stored_event()),
        (CHANGE, change(json!({}), json!({}))),
        ("SetBy", described(set_by, "The event that set a value.")),
        (DIFFERENCE, difference(CHANGE)),
        ("Provenance", provenance()),
    ]
}

pub(super) fn change(from: Value, to: Value) -> Value {
    object([("from", from), ("to", to)])
}

pub(super) fn difference(change: &str) -> Value {
    all_of([reference(change), object([("set_by", nullable(reference("SetBy")))])])
}

fn stored_event() -> Value {
    object_with(
        [
            ("event_id", uuid()),
            ("version", version()),
            ("event_type", reference("EventType")),
            ("timestamp", described(timestamp(), "When the CRM committed the change.")),
            ("position", reference("Position")),
            ("recorded_at", described(timestamp(), "When it was stored.")),
            ("source", source()),
            ("user", nullable(text())),
            ("change_origin", nullable(text())),
            ("transaction_key", nullable(text())),
            ("correlation_id", nullable(text())),
            ("causation_id", nullable(text())),
            ("warnings", array(reference("ValidationIssue"))),
            ("late", described(boolean(), "Whether a change with a later position was stored before it.")),
        ],
        [("data", described(json!({}), "The stored input; with `raw=true`."))],
    )
}

fn provenance() -> Value {
    object_with(
        [
            ("event_id", nullable(uuid())),
            ("version", nullable(version())),
            ("position", nullable(reference("Position"))),
            ("timestamp", nullable(timestamp())),
            ("user", nullable(text())),
            ("source", nullable(source())),
            ("operation", nullable(text())),
            ("provider_field", nullable(text())),
        ],
        [("raw_value", json!({}))],
    )
}

fn source() -> Value {
    json!({"type": "string", "enum": Source::ALL})
}
