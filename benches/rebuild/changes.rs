//! Changes of accounts: a creation, then updates.

use serde_json::json;

/// How many changes a record has before the rebuild.
pub const CHANGES: u64 = 5;

/// The instant of the first change, in milliseconds.
const START: u64 = 1_767_225_600_000;

/// A record's id at its CRM.
pub fn record_id(record: u64) -> String {
    format!("001{record:012}AAA")
}

/// A record's change number `round`, from 0 on, as it comes.
pub fn change(record: u64, round: u64) -> String {
    let at = START + round * 3_600_000 + record;
    let (change_type, changed) = if round == 0 { ("CREATE", json!([])) } else { ("UPDATE", json!(["Description"])) };
    let header = json!({
        "commitNumber": 1_778_192_987_716_501_506_u64 + at, "commitUser": "005000000000001AAA", "sequenceNumber": 1,
        "entityName": "Account", "changeType": change_type, "changedFields": changed,
        "transactionKey": format!("0000be70-a756-{round:04x}-9202-{record:012x}"),
        "commitTimestamp": at, "recordIds": [record_id(record)]
    });
    let mut payload = json!({ "ChangeEventHeader": header, "Description": format!("As of change {round}") });
    if round == 0 {
        payload["Name"] = json!(format!("Company number {record}"));
        payload["Account_Status__c"] = json!("Active");
        payload["CurrencyIsoCode"] = json!("EUR");
        payload["BillingAddress"] = json!({"Street": "14 Tannery Lane", "City": "Athens", "Country": "Greece"});
        payload["OwnerId"] = json!("005000000000001AAA");
    }
    payload.to_string()
}
