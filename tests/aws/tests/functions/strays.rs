//! Stream records that are not appended events, and appended events that cannot be read.

use std::collections::HashMap;

use annals_aws_tests::functions::log_output::{logged, total};
use annals_aws_tests::functions::payloads::of_file;
use annals_aws_tests::functions::records::{batch, changed, expired, key};
use annals_aws_tests::functions::{Deployment, Mapping, deliver};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::{changes, clients, named, take};

/// A value that no log may contain.
const SECRET: &str = "Zanzibar";

/// Foreign records, derived from a real one.
fn strays(record: &Value) -> Vec<Value> {
    let mut other_table = record.clone();
    other_table["dynamodb"]["Keys"] = json!({ "id": { "S": SECRET } });
    other_table["dynamodb"]["NewImage"] = json!({ "id": { "S": SECRET }, "name": { "S": SECRET } });
    let mut keys_only = record.clone();
    keys_only["dynamodb"]["Keys"]["entity_key"] = json!({ "S": SECRET });
    keys_only["dynamodb"].as_object_mut().unwrap().remove("NewImage");
    vec![
        changed(record, "MODIFY", "900000000000000000000001"),
        expired(record, "900000000000000000000002"),
        changed(record, "REMOVE", "900000000000000000000003"),
        other_table,
        keys_only,
        json!({ "eventName": "INSERT", "dynamodb": SECRET }),
        json!({ "eventName": { "S": SECRET } }),
        json!({ "eventSource": "aws:sqs", "messageId": "1", "body": SECRET }),
        json!(SECRET),
        json!(null),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_records_are_counted_and_block_nothing() {
    let deployment = Deployment::new().await;
    take(&deployment.ingest(), &changes(3, 1)).await;
    let records = deployment.stream().await.read().await;
    let strays = strays(&records[1]);
    let mut mixed = strays.clone();
    for (at, record) in records.iter().enumerate() {
        mixed.insert(at * 4, record.clone());
    }
    let answer = deployment.projection().invoke_with(&batch(&mixed)).await;
    assert_eq!(named(&answer.value()), [""; 0]);
    assert_eq!(total(&answer.lines, "ForeignRecords"), strays.len() as u64);
    assert_eq!((total(&answer.lines, "Projected"), total(&answer.lines, "Parked")), (3, 0));
    assert_eq!(clients(&deployment, &deployment.query()).await.len(), 3);
    let leaked: Vec<&String> = answer.lines.iter().filter(|line| line.contains(SECRET)).collect();
    assert!(leaked.is_empty(), "{leaked:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_batch_fails_and_none_of_it_is_logged() {
    let projection = Deployment::new().await.projection();
    for payload in [json!({ "Records": SECRET }), json!(SECRET), json!({}), json!([])] {
        let answer = projection.invoke_with(&payload).await;
        let error = answer.outcome.as_ref().unwrap_err();
        assert!(error.contains("not a batch of a DynamoDB stream"), "{error}");
        assert!(!error.contains(SECRET) && !answer.lines.join("").contains(SECRET), "{error} {:?}", answer.lines);
    }
}

/// The record's item in the events table.
async fn item_of(deployment: &Deployment, record: &Value) -> HashMap<String, AttributeValue> {
    let (key, version) = key(record);
    let get = deployment.tables().get_item().table_name(&deployment.events_table);
    let get = get.key("entity_key", AttributeValue::S(key.to_owned()));
    get.key("version", AttributeValue::N(version.to_string())).send().await.unwrap().item.unwrap()
}

async fn put(deployment: &Deployment, item: HashMap<String, AttributeValue>) {
    deployment.tables().put_item().table_name(&deployment.events_table).set_item(Some(item)).send().await.unwrap();
}

/// The item with damaged data.
fn destroyed(mut item: HashMap<String, AttributeValue>) -> HashMap<String, AttributeValue> {
    let garbage = AttributeValue::B(Blob::new(b"what no zstd frame begins with".as_slice()));
    item.insert("data_2".to_owned(), garbage);
    item
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_event_is_parked_alone_and_redriven_after_its_repair() {
    let (deployment, source) = (Deployment::new().await, Deployment::new().await);
    let (projection, backfill, query) = (deployment.projection(), deployment.backfill(), deployment.query());
    // One of the events is damaged in the table.
    take(&source.ingest(), &changes(100, 1)).await;
    let wholes = source.stream().await.read().await;
    let poisoned = key(&wholes[40]).0.to_owned();
    // The events of one call are appended concurrently, so the record of an event is not known from its order.
    let image = &wholes[40]["dynamodb"]["NewImage"];
    let poisoned_id = image["external_id"]["S"].as_str().expect("an event names its record").to_owned();
    for record in &wholes {
        let item = item_of(&source, record).await;
        put(&deployment, if key(record).0 == poisoned { destroyed(item) } else { item }).await;
    }
    let mut stream = deployment.stream().await;
    let records = stream.read().await;
    let delivered = deliver(&records, &projection, Mapping::of(100)).await;
    assert_eq!((delivered.done, delivered.invocations()), (100, 1));
    assert_eq!((total(delivered.lines(), "Projected"), total(delivered.lines(), "Parked")), (99, 1));
    let parked: Vec<Value> = logged(delivered.lines()).into_iter().filter(|line| line["outcome"] == "parked").collect();
    assert_eq!((parked.len(), &parked[0]["entity_key"]), (1, &json!(poisoned)));
    let shown = clients(&deployment, &query).await;
    assert_eq!((shown.len(), shown.contains_key(&poisoned_id)), (99, false));

    let schedule = of_file("backfill/schedule.json");
    let counts = |done: Value| (done["redriven"].as_u64(), done["still_parked"].as_u64());
    let still = backfill.invoke(&schedule).await;
    assert_eq!(counts(still.value()), (Some(0), Some(1)), "the cause still exists");

    put(&deployment, item_of(&source, &wholes[40]).await).await;
    let mended = deliver(&stream.read().await, &projection, Mapping::of(100)).await;
    assert_eq!(
        total(mended.lines(), "ForeignRecords"),
        1,
        "a change of a stored event counts as foreign, which raises the alarm"
    );
    assert_eq!(counts(backfill.invoke(&schedule).await.value()), (Some(1), Some(0)));
    assert_eq!(counts(backfill.invoke(&schedule).await.value()), (Some(0), Some(0)), "once");
    let shown = clients(&deployment, &query).await;
    assert_eq!((shown.len(), &shown[&poisoned_id]["version"]), (100, &json!(1)));
}
