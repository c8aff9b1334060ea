//! Change events in the form of Salesforce's event relay: creations and updates of records of a typical size.

use serde_json::{Value, json};

/// The timestamp of the first round.
const START: u64 = 1_767_225_600_000;
const ISO: &str = "2026-01-01T00:00:00.000Z";

/// The id of the record with this number.
pub fn record_id(record: usize) -> String {
    format!("001{record:012}AAA")
}

/// The change of a record in a round: its creation in round 0, then updates. Rounds are an hour
/// apart, records a millisecond.
pub fn change(round: usize, record: usize) -> Value {
    event(round, record, &[record_id(record)])
}

/// One change of several records, as Salesforce merges them; `record` makes its values unique.
pub fn shared_change(round: usize, record: usize, ids: &[String]) -> Value {
    event(round, record, ids)
}

/// Whether the changes of a round touch searchable fields.
pub fn is_searchable(round: usize) -> bool {
    round.is_multiple_of(5)
}

fn event(round: usize, record: usize, ids: &[String]) -> Value {
    let at = START + (round * 3_600_000 + record) as u64;
    let mut payload = body(round, record);
    let (change_type, changed): (&str, &[&str]) = match round {
        0 => ("CREATE", &[]),
        _ if is_searchable(round) => ("UPDATE", &["Name", "LastModifiedDate"]),
        _ => ("UPDATE", &["Account_Priority__c", "BillingAddress.City", "LastModifiedDate"]),
    };
    payload["ChangeEventHeader"] = json!({
        "commitNumber": 1_778_192_987_716_501_506_u64 + at, "commitUser": "005000000000001AAA", "sequenceNumber": 1,
        "entityName": "Account", "changeType": change_type, "changedFields": changed,
        "changeOrigin": "com/salesforce/api/soap/66.0;client=SfdcInternalAPI/",
        "transactionKey": format!("0000be70-a756-{round:04x}-9202-{record:012x}"),
        "commitTimestamp": at, "recordIds": ids
    });
    json!({
        "version": "0", "id": format!("9a32daea-431b-4bea-{round:04x}-{record:012x}"), "detail-type": "AccountChangeEvent",
        "source": "annals.tests", "account": "111122223333",
        "time": "2026-02-03T09:12:42Z", "region": "eu-west-1", "resources": [],
        "detail": {"schema": "YnzIvRsHNanCNtRoaV0IoA", "payload": payload, "event": {"replayId": at}}
    })
}

fn body(round: usize, record: usize) -> Value {
    match round {
        0 => json!({
            "ChangeEventHeader": null, "Name": format!("Company number {record}"),
            "Description": format!("Makes {record} kinds of things in a town by the sea."),
            "Account_Status__c": "Active", "Account_Priority__c": "High", "CurrencyIsoCode": "EUR",
            "Business_Type__c": "Publisher;Label", "Orfium_SSO_ID_Comp__c": format!("comp-{record}"),
            "BillingAddress": {"Street": "14 Tannery Lane", "City": "Athens", "PostalCode": "105 54", "Country": "Greece"},
            "OwnerId": "005000000000001AAA", "CreatedDate": ISO, "LastModifiedDate": ISO
        }),
        _ if is_searchable(round) => json!({
            "ChangeEventHeader": null,
            "Name": format!("Company number {record}, renamed in round {round}"), "LastModifiedDate": ISO
        }),
        _ => json!({
            "ChangeEventHeader": null,
            "Account_Priority__c": format!("P{round}"), "BillingAddress": {"City": format!("Town {round}")},
            "LastModifiedDate": ISO
        }),
    }
}
