//! DynamoDB items of an earlier release: today's code decodes each, encodes it to a smaller item of the same event, and finds
//! in it the event that the SQLite file of that release has.

use std::collections::{BTreeMap, HashMap};

use annals_application::ports::{CommitPosition, EventFeed as _, StoredEvent};
use annals_aws::event_store::{LATE, decode, encode, item_size};
use annals_sqlite::{Database, SqliteEventStore};
use annals_tests::earlier_release::{copy_database, dynamodb_items};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_dynamo::{AttributeValue, Item};
use serde_json::{Map, Value};

fn item(attributes: &Map<String, Value>) -> Item {
    attributes.iter().map(|(name, value)| (name.clone(), attribute(value))).collect::<HashMap<_, _>>().into()
}

/// An attribute of DynamoDB's JSON, such as `{"S": "a"}`.
fn attribute(typed: &Value) -> AttributeValue {
    let (name, value) = typed.as_object().and_then(|typed| typed.iter().next()).expect("a type and a value");
    let text = || value.as_str().expect("a string").to_owned();
    match name.as_str() {
        "B" => AttributeValue::B(STANDARD.decode(text()).expect("Base64")),
        "BOOL" => AttributeValue::Bool(value.as_bool().expect("a Boolean")),
        "L" => AttributeValue::L(value.as_array().expect("a list").iter().map(attribute).collect()),
        "M" => AttributeValue::M(item(value.as_object().expect("a map")).into_inner()),
        "N" => AttributeValue::N(text()),
        "NULL" => AttributeValue::Null(true),
        "S" => AttributeValue::S(text()),
        other => panic!("the items have no attribute of type {other}"),
    }
}

fn decoded() -> Vec<(Item, StoredEvent)> {
    let read = |attributes: &Map<String, Value>| {
        let item = item(attributes);
        let stored = decode(item.clone()).unwrap_or_else(|error| panic!("{error}: {attributes:?}"));
        (item, stored)
    };
    dynamodb_items().iter().map(read).collect()
}

/// The attributes that the earlier release and today's store alike.
fn common(mut item: Item) -> Item {
    let attributes = item.inner_mut();
    // The earlier release had no index of late events, another dictionary, and no usual values.
    for name in [LATE, "data_1", "data_2"] {
        attributes.remove(name);
    }
    for (name, usual) in [("type", "Updated"), ("source", "cdc")] {
        attributes.retain(|attribute, value| attribute != name || *value != AttributeValue::S(usual.to_owned()));
    }
    item
}

#[test]
fn every_stored_item_is_decoded_and_encoded_to_a_smaller_item_of_the_same_event() {
    let items = decoded();
    assert!(items.len() > 40, "only {} items", items.len());
    for (item, stored) in items {
        let encoded = encode(&stored).expect("a stored event fits in an item");
        let is_late = encoded.contains_key(LATE);
        assert!(is_late || item_size(&encoded) <= item_size(&item), "{}", stored.event.key());
        assert_eq!(decode(encoded.clone()).expect("an event"), stored);
        assert_eq!(common(encoded), common(item), "{}", stored.event.key());
    }
}

#[tokio::test]
async fn the_items_hold_the_same_events_as_the_sqlite_file() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let database = Database::open(&copy_database(folder.path())).expect("the file opens");
    let stored = SqliteEventStore::new(database).after(CommitPosition::default(), 1_000).await.expect("the file reads");
    let by_key = |stored: StoredEvent| ((stored.event.key(), stored.event.version), stored);
    let in_file: BTreeMap<_, _> = stored.into_iter().map(|(_, stored)| by_key(stored)).collect();
    let in_items: BTreeMap<_, _> = decoded().into_iter().map(|(_, stored)| by_key(stored)).collect();
    assert_eq!(in_items, in_file);
}
