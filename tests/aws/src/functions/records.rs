//! Records of a DynamoDB stream in Lambda's JSON, from the API's and made by hand.
//!
//! Promises Lambda's names and forms: bytes in base 64, numbers as texts, times as seconds.

use std::collections::HashMap;

use aws_sdk_dynamodbstreams::types::{AttributeValue, Record};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// A record of the API as Lambda hands it over.
pub(crate) fn lambda_record(record: &Record, arn: &str) -> Value {
    let change = record.dynamodb().expect("a record has its change");
    let mut stream_record = Map::new();
    if let Some(at) = change.approximate_creation_date_time() {
        stream_record.insert("ApproximateCreationDateTime".to_owned(), json!(at.as_secs_f64()));
    }
    let images = [("Keys", change.keys()), ("NewImage", change.new_image()), ("OldImage", change.old_image())];
    for (name, image) in images {
        stream_record.extend(image.map(|image| (name.to_owned(), item(image))));
    }
    stream_record.insert("SequenceNumber".to_owned(), json!(change.sequence_number()));
    stream_record.insert("SizeBytes".to_owned(), json!(change.size_bytes()));
    stream_record.insert("StreamViewType".to_owned(), json!(change.stream_view_type().map(|view| view.as_str())));
    let identity = record
        .user_identity()
        .map(|identity| json!({ "PrincipalId": identity.principal_id(), "Type": identity.r#type() }));
    let mut lambda = json!({
        "eventID": record.event_id(),
        "eventName": record.event_name().map(|name| name.as_str()),
        "eventVersion": record.event_version(),
        "eventSource": "aws:dynamodb",
        "awsRegion": record.aws_region(),
        "dynamodb": stream_record,
        "eventSourceARN": arn,
    });
    if let Some(identity) = identity {
        lambda["userIdentity"] = identity;
    }
    lambda
}

/// A batch as the function is invoked with it.
pub fn batch(records: &[Value]) -> Value {
    json!({ "Records": records })
}

/// A record's sequence number.
pub fn sequence(record: &Value) -> &str {
    record["dynamodb"]["SequenceNumber"].as_str().expect("a record has its number")
}

/// A record's stream and version.
pub fn key(record: &Value) -> (&str, u64) {
    let keys = &record["dynamodb"]["Keys"];
    let version = keys["version"]["N"].as_str().and_then(|version| version.parse().ok());
    (keys["entity_key"]["S"].as_str().expect("a record has its key"), version.expect("a record has its version"))
}

/// The same item's removal by its expiry, as DynamoDB itself makes it.
pub fn expired(record: &Value, sequence_number: &str) -> Value {
    let mut removed = changed(record, "REMOVE", sequence_number);
    removed["dynamodb"].as_object_mut().expect("an object").remove("NewImage");
    removed["userIdentity"] = json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" });
    removed
}

/// The same item, changed in that way.
pub fn changed(record: &Value, name: &str, sequence_number: &str) -> Value {
    let mut changed = record.clone();
    changed["eventName"] = json!(name);
    changed["dynamodb"]["SequenceNumber"] = json!(sequence_number);
    changed
}

fn item(item: &HashMap<String, AttributeValue>) -> Value {
    item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect::<Map<_, _>>().into()
}

fn attribute(value: &AttributeValue) -> Value {
    let bytes = |blob: &aws_sdk_dynamodbstreams::primitives::Blob| STANDARD.encode(blob);
    match value {
        AttributeValue::B(blob) => json!({ "B": bytes(blob) }),
        AttributeValue::Bool(value) => json!({ "BOOL": value }),
        AttributeValue::Bs(blobs) => json!({ "BS": blobs.iter().map(bytes).collect::<Vec<_>>() }),
        AttributeValue::L(values) => json!({ "L": values.iter().map(attribute).collect::<Vec<_>>() }),
        AttributeValue::M(values) => json!({ "M": item(values) }),
        AttributeValue::N(digits) => json!({ "N": digits }),
        AttributeValue::Ns(digits) => json!({ "NS": digits }),
        AttributeValue::Null(_) => json!({ "NULL": true }),
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::Ss(texts) => json!({ "SS": texts }),
        other => panic!("an attribute of a kind that DynamoDB does not have: {other:?}"),
    }
}
