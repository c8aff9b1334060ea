//! Change events of so many records that each record keeps its part of the input only.

use std::collections::BTreeMap;
use std::time::Duration;

use annals_application::commands::Outcome;
use annals_application::queries::{FilterRequest, HistoryRequest, ListRequest};
use annals_tests::crm::Delivery;
use annals_tests::process::{TestProcess, commands_of};
use serde_json::{Value, json};

/// The number of records. The benchmark `merged` has the full size.
const RECORDS: usize = 2_500;

fn id(record: usize) -> String {
    format!("001{record:012}AAA")
}

/// One change of all records, with a text that makes the copies of its input large.
fn change(change_type: &str, second: u64) -> Delivery {
    let ids: Vec<String> = (0..RECORDS).map(id).collect();
    let event = json!({
        "ChangeEventHeader": {
            "entityName": "Account", "recordIds": ids, "changeType": change_type, "transactionKey": "picklist",
            "sequenceNumber": 1, "commitTimestamp": 1_770_000_000_000_u64 + second * 1_000, "commitNumber": second,
            "changedFields": ["Account_Status__c"],
        },
        "Name": "Acme", "Account_Status__c": change_type,
    });
    Delivery::Event(event.to_string().into())
}

async fn outcomes(test: &TestProcess, delivery: Delivery) -> BTreeMap<Outcome, usize> {
    let mut counts = BTreeMap::new();
    for read in test.deliver([delivery]).await.concat() {
        *counts.entry(read.outcome).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_has_the_change_and_an_input_of_its_own() {
    let test = TestProcess::new().await;
    assert_eq!(outcomes(&test, change("CREATE", 1)).await, BTreeMap::from([(Outcome::Stored, RECORDS)]));
    assert_eq!(outcomes(&test, change("UPDATE", 2)).await, BTreeMap::from([(Outcome::Stored, RECORDS)]));
    assert_eq!(outcomes(&test, change("UPDATE", 2)).await, BTreeMap::from([(Outcome::Duplicate, RECORDS)]));

    let updated = ListRequest { filters: vec![FilterRequest::equals("status", "UPDATE")], ..ListRequest::default() };
    assert_eq!(test.process.queries.count("clients", &updated).await.expect("a count"), RECORDS as u64);
    let request = HistoryRequest { raw: true, ..HistoryRequest::default() };
    let history = test.process.queries.history("clients", &id(7), &request).await.expect("a history");
    let data = history.results[1].data.as_ref().expect("the data was requested").get();
    let data: Value = serde_json::from_str(data).expect("an event is JSON");
    assert_eq!(data["ChangeEventHeader"]["recordIds"], json!([id(7)]));
    let Delivery::Event(input) = change("UPDATE", 2) else { unreachable!("only events are made") };
    let mut expected: Value = serde_json::from_str(&input).expect("an event is JSON");
    expected["ChangeEventHeader"]["recordIds"] = json!([id(7)]);
    assert_eq!(data, expected);

    assert_eq!(outcomes(&test, change("DELETE", 3)).await, BTreeMap::from([(Outcome::Stored, RECORDS)]));
    assert_eq!(test.process.queries.count("clients", &ListRequest::default()).await.expect("a count"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_ends_in_the_middle_is_continued_by_the_next_delivery() {
    let test = TestProcess::new().await;
    let handler = &test.process.handler;
    let call = handler.handle(commands_of(handler, [change("CREATE", 1)]));
    let interrupted = tokio::time::timeout(Duration::from_millis(1), call);
    assert!(interrupted.await.is_err(), "the call was not interrupted");
    let counts = outcomes(&test, change("CREATE", 1)).await;
    assert_eq!(counts.values().sum::<usize>(), RECORDS);
    assert_eq!(test.process.queries.count("clients", &ListRequest::default()).await.expect("a count"), RECORDS as u64);
}
