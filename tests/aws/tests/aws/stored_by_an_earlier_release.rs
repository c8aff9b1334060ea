//! DynamoDB items of an earlier release: today's code decodes each, encodes it to an item of the same event, and finds
//! in it the event that the SQLite file of that release has.

use std::collections::{BTreeMap, HashMap};

use annals_application::ports::{
    CommitPosition, EventFeed as _, EventStore as _, ReadOptions, StoredEvent, StoredInput,
};
use annals_aws::event_store::{DynamoEventStore, LATE, decode, encode, item_size};
use annals_aws_tests::test_tables::TestTables;
use annals_domain::position::Version;
use annals_sqlite::{Database, SqliteEventStore};
use annals_tests::earlier_release::{copy_database, dynamodb_items};
use aws_sdk_dynamodb::types::AttributeValue as SdkValue;
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

fn without(mut item: Item, names: &[&str]) -> Item {
    names.iter().for_each(|name| drop(item.inner_mut().remove(*name)));
    item
}

/// The item without the usual values, which are no longer stored.
fn without_usual(mut item: Item) -> Item {
    for (name, usual) in [("type", "Updated"), ("source", "cdc")] {
        let usual = AttributeValue::S(usual.to_owned());
        item.inner_mut().retain(|attribute, value| attribute != name || *value != usual);
    }
    item
}

#[test]
fn every_stored_item_is_decoded_and_encoded_to_an_item_of_the_same_event_that_is_no_larger() {
    let items = decoded();
    assert!(items.len() > 40, "only {} items", items.len());
    for (item, stored) in items {
        let encoded = encode(&stored).expect("a stored event fits in an item");
        let is_late = encoded.contains_key(LATE);
        assert!(is_late || item_size(&encoded) <= item_size(&item), "{}", stored.event.key());
        assert_eq!(decode(encoded.clone()).expect("an event"), stored);
        // The earlier release had no index of late events and another dictionary.
        let expected = without_usual(without(item, &["data_1"]));
        assert_eq!(without(encoded, &[LATE, "data_2"]), expected, "{}", stored.event.key());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_and_scans_of_a_table_find_the_inputs_of_the_stored_items() {
    let tables = TestTables::new("earlier").await;
    let store = DynamoEventStore::new(&tables.config, tables.events_table.clone());
    let mut expected = BTreeMap::<_, Vec<_>>::new();
    for (item, stored) in decoded() {
        let item = HashMap::<String, SdkValue>::from(item);
        tables.client.put_item().table_name(&tables.events_table).set_item(Some(item)).send().await.expect("an item");
        expected.entry(stored.event.key()).or_default().push(StoredInput::from(&*stored.event));
    }
    let mut scanned = BTreeMap::<_, Vec<_>>::new();
    let page = store.scan_page(0, 1, None).await.expect("the store reads");
    assert!(page.next.is_none(), "all are on one page");
    for found in page.items {
        let found = found.expect("an event");
        scanned.entry(found.key).or_default().push(found.input);
    }
    for (key, inputs) in &mut expected {
        inputs.sort_by_key(|input| input.version);
        let all = ReadOptions::from(Version::FIRST, usize::MAX);
        assert_eq!(&store.read_inputs(key, &all).await.expect("the store reads"), inputs, "{key}");
    }
    assert_eq!(scanned, expected);
    tables.remove().await;
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
