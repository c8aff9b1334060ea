//! The sample payloads with stream records contain the events that the ingest payloads produce.

use annals_aws::event_store::{decode, key_of};
use annals_aws_tests::template::stream_payloads;
use serde_dynamo::Item;
use serde_json::Value;

use crate::payloads::{parse, text};

fn records(file: &str) -> Vec<Value> {
    let batch: Value = parse(file, &text(file));
    batch["Records"].as_array().expect("records").clone()
}

fn item(value: &Value) -> Item {
    serde_json::from_value(value.clone()).expect("an item")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_match_the_events_of_the_ingest_payloads() {
    for (file, expected) in stream_payloads::batches().await {
        let found: Value = parse(file, &text(file));
        // To update the files after a change of the item form: cargo run -p annals-aws-tests --example stream_payloads
        assert_eq!(found, expected, "{file} differs from what the event store writes now");
    }
}

#[test]
fn appended_records_are_the_events_of_the_client_in_order() {
    let mut versions = Vec::new();
    for record in records("projection/appended.json") {
        let change = &record["dynamodb"];
        let stored = decode(item(&change["NewImage"])).expect("an event");
        assert_eq!(stored.event.metadata.external_id.as_str(), stream_payloads::CLIENT);
        let keys = key_of(&item(&change["Keys"])).expect("an event's key");
        assert_eq!(keys, (stored.event.key(), stored.event.version));
        versions.push(stored.event.version.get());
    }
    assert_eq!(versions, [1, 2, 3]);
}

#[test]
fn an_expiry_record_is_marked_as_such_and_has_no_image() {
    let [record] = &records("projection/expired.json")[..] else { panic!("one record") };
    assert_eq!(record["userIdentity"]["principalId"], "dynamodb.amazonaws.com");
    assert_eq!(record["dynamodb"]["NewImage"], Value::Null);
    key_of(&item(&record["dynamodb"]["Keys"])).expect("an event's key");
}

#[test]
fn the_foreign_records_are_a_non_event_item_and_a_changed_event() {
    let [of_another, changed] = &records("projection/foreign.json")[..] else { panic!("two records") };
    key_of(&item(&of_another["dynamodb"]["Keys"])).expect_err("its key is none of an event");
    decode(item(&of_another["dynamodb"]["NewImage"])).expect_err("it is none");
    decode(item(&changed["dynamodb"]["NewImage"])).expect("an event, but changed");
    assert_eq!(changed["eventName"], "MODIFY");
}
