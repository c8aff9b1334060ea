//! Records of a DynamoDB stream in Lambda's JSON, converted from the API's form or built by hand.
//!
//! They have Lambda's names and forms: bytes in Base64, numbers as strings, times in seconds.

use std::collections::HashMap;

use aws_sdk_dynamodbstreams::types::{AttributeValue, Record};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// A record of the API in the form that Lambda delivers.
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

/// The payload of a batch.
pub fn batch(records: &[Value]) -> Value {
    json!({ "Records": records })
}

/// The sequence number of a record.
pub fn sequence(record: &Value) -> &str {
    record["dynamodb"]["SequenceNumber"].as_str().expect("a record has its number")
}

/// The stream and version of a record.
pub fn key(record: &Value) -> (&str, u64) {
    let keys = &record["dynamodb"]["Keys"];
    let version = keys["version"]["N"].as_str().and_then(|version| version.parse().ok());
    (keys["entity_key"]["S"].as_str().expect("a record has its key"), version.expect("a record has its version"))
}

/// The removal of the same item after its expiry, as DynamoDB sends it.
pub fn expired(record: &Value, sequence_number: &str) -> Value {
    let mut removed = changed(record, "REMOVE", sequence_number);
    removed["dynamodb"].as_object_mut().expect("an object").remove("NewImage");
    removed["userIdentity"] = json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" });
    removed
}

/// A change of the same item with this event name.
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
        other => panic!("unknown attribute type: {other:?}"),
    }
}
