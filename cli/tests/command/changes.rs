//! Change events to ingest.

use serde_json::{Map, Value, json};

/// 2024-01-01T00:00:00Z.
const START_MS: u64 = 1_704_067_200_000;

/// A change of an account: its record, its time in seconds from the start, its type and its body.
pub(crate) fn change(record: u64, second: u64, change_type: &str, body: &Value) -> Value {
    let mut change: Map<String, Value> = body.as_object().unwrap().clone();
    let changed: Vec<&String> =
        if change_type == "UPDATE" { body.as_object().unwrap().keys().collect() } else { vec![] };
    let header = json!({
        "entityName": "Account",
        "recordIds": [format!("001{record:012}")],
        "changeType": change_type,
        "changedFields": changed,
        "commitTimestamp": START_MS + second * 1000,
        "commitNumber": 1_778_192_987_716_501_506_u64 + second,
        "sequenceNumber": 1,
        "transactionKey": format!("t-{record}-{second}"),
        "commitUser": "005Qz000001mAr1IAE",
        "changeOrigin": "",
    });
    change.insert("ChangeEventHeader".to_owned(), header);
    Value::Object(change)
}

/// The creation of an account.
pub(crate) fn created(record: u64) -> Value {
    let body = json!({
        "Name": format!("Account {record}"),
        "Account_Status__c": "Active",
        "CreatedDate": "2024-01-01T00:00:00.000Z",
    });
    change(record, 0, "CREATE", &body)
}

/// An update of an account's description.
pub(crate) fn updated(record: u64, second: u64) -> Value {
    change(record, second, "UPDATE", &json!({ "Description": format!("as of {second}") }))
}

/// As JSON lines.
pub(crate) fn lines(changes: impl IntoIterator<Item = Value>) -> String {
    changes.into_iter().map(|change| format!("{change}\n")).collect()
}
