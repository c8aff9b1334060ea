//! Events of a second org, and objects with the name of an entity type.

use annals_application::commands::EventRead;
use annals_application::queries::ListRequest;
use annals_sqlite::process::ProcessTuning;
use annals_tests::crm::Delivery;
use annals_tests::process::{TestProcess, ingest_deliveries};
use serde_json::{Value, json};

fn event(org: &str, object: &str, record: u32, second: u64) -> Delivery {
    let event = json!({
        "id": "delivery", "detail-type": format!("{object}ChangeEvent"),
        "source": format!("aws.partner/salesforce.com/{org}/0YL"),
        "detail": {"payload": {
            "ChangeEventHeader": {
                "entityName": object, "recordIds": [format!("001{record:012}AAA")], "changeType": "CREATE",
                "transactionKey": "t", "sequenceNumber": 1, "commitTimestamp": 1_770_000_000_000_u64 + second * 1_000,
                "commitNumber": second,
            },
            "Name": format!("{object} {record}"), "Size__c": 9_007_199_254_740_993_u64,
        }},
    });
    Delivery::Event(event.to_string().into())
}

async fn one(test: &TestProcess, delivery: Delivery) -> EventRead {
    let mut reads = test.deliver([delivery]).await.concat();
    assert_eq!(reads.len(), 1);
    reads.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_event_of_a_second_org_has_a_warning() {
    let test = TestProcess::new().await;
    let warnings = async |org: &str, record: u32| {
        let read = one(&test, event(org, "Account", record, u64::from(record))).await;
        read.warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let none: [String; 0] = [];
    assert_eq!(warnings("00DRM000000Fxts2AC", 1).await, none);
    assert_eq!(warnings("00DRM000000Fxts", 2).await, none, "the same org in 15 characters");
    let expected = "source: the first event of the org `00DRM000000Fxtt2AC`, and events of `00DRM000000Fxts2AC` are \
                    stored: set the org of this installation, because records of two orgs may have the same id";
    assert_eq!(warnings("00DRM000000Fxtt2AC", 3).await, [expected]);
    assert_eq!(warnings("00DRM000000Fxtt2AC", 4).await, none);
    assert_eq!(test.process.accounts.accounts().await.expect("the store reads").len(), 2);
    let again = test.reopen(ProcessTuning::default()).await;
    let reads = ingest_deliveries(&again.handler, [event("00DRM000000Fxts2AC", "Account", 5, 5)]).await.concat();
    assert_eq!(reads[0].warnings, [], "a new process knows both");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_with_the_name_of_a_type_is_kept_apart_from_it() {
    let test = TestProcess::new().await;
    let org = "00DRM000000Fxts2AC";
    for (record, (object, aggregate_type)) in
        [("Account", "client"), ("client", "object_client"), ("Clients", "object_clients"), ("Gadget__c", "gadget__c")]
            .into_iter()
            .enumerate()
    {
        let record = u32::try_from(record).expect("small");
        let read = one(&test, event(org, object, record, 1)).await;
        assert_eq!(read.aggregate_type.expect("a change has one").as_str(), aggregate_type, "{object}");
        let entity =
            test.process.queries.get(aggregate_type, &format!("001{record:012}AAA")).await.expect("the entity");
        let entity: Value = serde_json::from_str(entity.json.get()).expect("an entity is JSON");
        assert_eq!(entity["aggregate_type"], aggregate_type);
        if object != "Account" {
            assert_eq!(
                (&entity["Name"], &entity["Size__c"]),
                (&json!(format!("{object} {record}")), &json!("9007199254740993"))
            );
        }
        let count = test.process.queries.count(aggregate_type, &ListRequest::default()).await;
        assert_eq!(count.expect("a count"), 1, "{object}");
    }
    let published = std::fs::read_to_string(test.published_events()).expect("the published events");
    let types: Vec<Value> = published
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["aggregate_type"].clone())
        .collect();
    assert_eq!(types, [json!("client"), json!("object_client"), json!("object_clients"), json!("gadget__c")]);
}
