//! Rules of the whole adapter, on small payloads.

mod copies;
mod deliveries;
mod images;
mod laws;
mod merged;
mod records;
mod statements;

use annals_domain::change::{Change, WriteContent};
use annals_domain::event::DomainEvent;
use annals_domain::identity::{AggregateId, Provider, ProviderAccount};
use annals_domain::position::Version;
use annals_domain::provider_adapter::{IncomingChange, ParsedInput, ProviderAdapter};
use serde_json::{Value, json};

use super::Salesforce;

const ID: &str = "0014H00002LbR7QQAV";
const INSTANT: i64 = 1_696_444_513_000;

fn salesforce() -> Salesforce {
    Salesforce::new(None)
}

/// A header's fields of that change type, none of the Pub/Sub form's.
fn header(change_type: &str) -> Value {
    json!({
        "entityName": "Account", "recordIds": [ID], "changeType": change_type, "commitTimestamp": INSTANT,
        "commitNumber": 11, "sequenceNumber": 1, "transactionKey": "t", "commitUser": "005", "changeOrigin": "o",
    })
}

/// A bare payload: the header with `more` fields set, in front of the body's fields.
fn payload(change_type: &str, more: &Value, body: &str) -> String {
    let mut header = header(change_type);
    for (key, value) in more.as_object().expect("header fields") {
        header[key] = value.clone();
    }
    let body = body.strip_prefix('{').and_then(|body| body.strip_suffix('}')).unwrap_or(body);
    let comma = if body.is_empty() { "" } else { "," };
    format!(r#"{{"ChangeEventHeader":{header}{comma}{body}}}"#)
}

#[track_caller]
fn changes(adapter: &Salesforce, input: &str) -> Vec<IncomingChange> {
    match adapter.read_input(input) {
        ParsedInput::Changes(changes) => changes,
        other => panic!("{input} gives {other:?}"),
    }
}

#[track_caller]
fn one(input: &str) -> IncomingChange {
    let mut changes = changes(&salesforce(), input);
    assert_eq!(changes.len(), 1, "{input}");
    changes.remove(0)
}

/// The event that a change is stored as.
fn stored(adapter: &Salesforce, incoming: &IncomingChange) -> DomainEvent {
    let (name, id) = (incoming.entity_name.clone(), &incoming.metadata.external_id);
    DomainEvent {
        aggregate_id: AggregateId::of(Provider::Salesforce, adapter.account(), &name, id),
        entity_name: name,
        event_type: incoming.event_type,
        version: Version::FIRST,
        position: incoming.change.position,
        recorded_at: incoming.change.position.timestamp,
        data: incoming.data.clone(),
        metadata: incoming.metadata.clone(),
        warnings: incoming.warnings.clone(),
    }
}

/// A change in short: its writes, then what else it says.
fn show(change: &Change) -> Vec<String> {
    let mut shown: Vec<String> = change
        .writes
        .iter()
        .map(|write| match &write.content {
            WriteContent::Value(value) => format!("{}={value}", write.path),
            WriteContent::Unknown => format!("{}?", write.path),
            WriteContent::Diff(_) => format!("{}~", write.path),
        })
        .collect();
    shown.extend(change.asks_refetch.map(|reason| format!("asks {reason:?}")));
    shown
}

fn org(id: &str) -> Salesforce {
    Salesforce::new(Some(ProviderAccount::new(id)))
}
