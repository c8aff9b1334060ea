//! The sample payloads with stream records, built from the events that the ingest payloads produce.
//!
//! The records are the same in every run, in the current form of the event store. Values that differ between
//! runs (the time of recording and the command) are replaced by fixed ones.

use std::collections::BTreeMap;

use annals_application::ports::{EventStore, ReadOptions, StoredEvent};
use annals_aws::event_store::{ENTITY_KEY, VERSION, encode};
use annals_domain::identity::Provider;
use annals_domain::position::Version;
use annals_domain::timestamp::Timestamp;
use annals_sqlite::{Database, SqliteEventStore};
use annals_tests::samples::Run;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::template::repository;

/// The client of the sample payloads.
pub const CLIENT: &str = "001Qz00000LkSp1IAF";

/// The time between the commit in the CRM and the recording of an event.
const RECORDED_AFTER_MS: i64 = 1_840;

/// The batches with their files below `events`.
pub async fn batches() -> [(&'static str, Value); 3] {
    let events = stored_events().await;
    let appended = events.iter().zip(1..).map(|(stored, number)| appended(stored, number));
    let changed = with(appended_record(&events[1], 5), "MODIFY");
    [
        ("projection/appended.json", batch(appended.collect())),
        ("projection/expired.json", batch(vec![expired(&events[0])])),
        ("projection/foreign.json", batch(vec![item_of_another(), changed])),
    ]
}

/// The client's changes as events, in the order of their versions.
async fn stored_events() -> Vec<StoredEvent> {
    let mut run = Run::new().await;
    let request: Value = serde_json::from_str(&payload("http-api.json")).expect("a request is JSON");
    let body = request["body"].as_str().expect("a body").to_owned();
    run.take(Provider::Salesforce, &payload("array.json")).await;
    run.take(Provider::Salesforce, &body).await;
    let (key, _) = &run.records[&format!("Account {CLIENT}")];
    let store = SqliteEventStore::new(Database::open(&run.test.settings.db).expect("the file opens"));
    let events = store.read(key, &ReadOptions::from(Version::FIRST, 10)).await.expect("the store answers");
    events.iter().map(lasting).collect()
}

fn payload(file: &str) -> String {
    let path = repository().join("events/ingest_invocations").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
}

/// Replaces values that differ between runs by fixed ones.
fn lasting(stored: &StoredEvent) -> StoredEvent {
    let mut event = (*stored.event).clone();
    let mut head = stored.head.clone();
    let recorded = event.position.timestamp.millis() + RECORDED_AFTER_MS;
    event.recorded_at = Timestamp::from_millis(recorded).expect("a timestamp of this century");
    head.recorded_at = event.recorded_at;
    let command = Uuid::new_v5(&Uuid::NAMESPACE_URL, event.version.to_string().as_bytes()).to_string();
    event.metadata.correlation_id = Some(command.clone());
    event.metadata.causation_id = Some(command);
    StoredEvent { event: event.into(), head }
}

fn batch(records: Vec<Value>) -> Value {
    json!({ "Records": records })
}

fn appended(stored: &StoredEvent, number: u64) -> Value {
    with(appended_record(stored, number), "INSERT")
}

fn with(mut record: Value, name: &str) -> Value {
    record["eventName"] = name.into();
    record
}

fn appended_record(stored: &StoredEvent, number: u64) -> Value {
    let item = encode(stored).expect("a sample event fits an item");
    let image = sorted(&serde_json::to_value(item).expect("an item is JSON"));
    let keys = json!({ ENTITY_KEY: image[ENTITY_KEY], VERSION: image[VERSION] });
    record(number, stored.event.recorded_at.millis(), &keys, Some(image))
}

/// Sorts by name, so that the file is the same in every run.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let sorted: BTreeMap<_, _> = object.iter().map(|(name, value)| (name, sorted(value))).collect();
            sorted.into_iter().map(|(name, value)| (name.clone(), value)).collect()
        }
        Value::Array(values) => values.iter().map(sorted).collect(),
        scalar => scalar.clone(),
    }
}

/// The removal of an expired item by DynamoDB, which the events table does not use.
fn expired(stored: &StoredEvent) -> Value {
    let key = json!({
        ENTITY_KEY: {"S": stored.event.key().to_string()},
        VERSION: {"N": stored.event.version.to_string()},
    });
    let mut expired = with(record(4, stored.event.recorded_at.millis() + 86_400_000, &key, None), "REMOVE");
    expired["userIdentity"] = json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"});
    expired
}

/// An item of another application.
fn item_of_another() -> Value {
    let keys = json!({ ENTITY_KEY: {"S": "settings"}, VERSION: {"N": "0"} });
    let mut image = keys.clone();
    image["note"] = json!({"S": "written by hand"});
    with(record(5, 1_778_070_000_000, &keys, Some(image)), "INSERT")
}

fn record(number: u64, millis: i64, keys: &Value, image: Option<Value>) -> Value {
    let mut change = json!({
        "ApproximateCreationDateTime": millis / 1_000,
        "Keys": keys,
        "SequenceNumber": format!("14054004000000000020632828{number:02}"),
        "SizeBytes": image.as_ref().map_or(64, |image| image.to_string().len()),
        "StreamViewType": "NEW_IMAGE",
    });
    if let Some(image) = image {
        change["NewImage"] = image;
    }
    json!({
        "eventID": Uuid::new_v5(&Uuid::NAMESPACE_OID, &number.to_be_bytes()).simple().to_string(),
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": change,
        "eventSourceARN":
            "arn:aws:dynamodb:eu-west-1:111122223333:table/annals-EventsTable-5T6Y7U8I9O0P/stream/2026-05-01T07:00:00.000",
    })
}
