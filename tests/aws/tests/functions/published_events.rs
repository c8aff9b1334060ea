//! The published events, as consumers receive them.

use annals_aws_tests::functions::log_output::total;
use annals_aws_tests::functions::{Deployment, Mapping, deliver};
use annals_tests::changes::{change, record_id};
use serde_json::{Value, json};

use crate::queue::{Bus, Details, Topic};
use crate::{changes, clients, take};

/// The fields of a published event, in their order.
const FIELDS: [&str; 13] = [
    "event_id",
    "aggregate_type",
    "aggregate_id",
    "external_id",
    "provider",
    "event_type",
    "timestamp",
    "data",
    "changes",
    "from_version",
    "version",
    "validation_info",
    "correlation_id",
];

/// The details, sorted by record.
async fn sorted(consumer: &impl Details) -> Vec<Value> {
    let mut details = consumer.details().await;
    details.sort_by_key(|detail| detail["external_id"].to_string());
    details
}

async fn check_one_per_record_and_batch(consumer: &impl Details) {
    let deployment = Deployment::new().await;
    let (ingest, projection) = (deployment.ingest(), consumer.publishing(deployment.projection()));
    let mut stream = deployment.stream().await;
    take(&ingest, &changes(12, 2)).await;
    let first = deliver(&stream.read().await, &projection, Mapping::of(100)).await;
    assert_eq!((first.invocations(), total(first.lines(), "Published")), (1, 12));
    let details = sorted(consumer).await;
    assert_eq!(details.len(), 12);
    let shown = clients(&deployment, &deployment.query()).await;
    for (number, detail) in details.iter().enumerate() {
        let names: Vec<&String> = detail.as_object().unwrap().keys().collect();
        let client = &shown[&record_id(number)];
        assert_eq!(names, FIELDS, "{detail}");
        assert_eq!(detail["external_id"], client["id"]);
        assert_eq!(detail["aggregate_id"], client["aggregate_id"]);
        assert_eq!((&detail["from_version"], &detail["version"]), (&json!(1), &json!(2)));
        let facts = ["aggregate_type", "provider", "event_type"].map(|field| detail[field].as_str().unwrap());
        assert_eq!(facts, ["client", "salesforce", "Updated"]);
        assert_eq!(detail["data"]["name"], client["name"]);
        assert_eq!(detail["changes"]["name"], json!({ "from": null, "to": client["name"] }));
    }

    // A second batch publishes its own changes, relative to the first.
    take(&ingest, &[change(5, 3)]).await;
    let second = deliver(&stream.read().await, &projection, Mapping::of(100)).await;
    assert_eq!((second.done, total(second.lines(), "Published")), (1, 1));
    let details = sorted(consumer).await;
    let [detail] = details.as_slice() else { panic!("{details:?}") };
    assert_eq!((&detail["from_version"], &detail["version"]), (&json!(3), &json!(3)));
    let from = &shown[&record_id(3)]["name"];
    assert_eq!(detail["changes"]["name"], json!({ "from": from, "to": detail["data"]["name"] }));
    assert_ne!(*from, detail["data"]["name"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn eventbridge_gets_one_published_event_per_record_and_batch() {
    check_one_per_record_and_batch(&Bus::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sns_gets_one_published_event_per_record_and_batch() {
    check_one_per_record_and_batch(&Topic::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_excluded_by_the_broadcast_rule_is_indexed_and_not_published() {
    let (deployment, bus) = (Deployment::new().await, Bus::new().await);
    let mut silent = change(0, 1);
    silent["detail"]["payload"]["Account_Status__c"] = json!("Pending");
    take(&deployment.ingest(), &[change(0, 0), silent]).await;
    let records = deployment.stream().await.read().await;
    let projection = bus.publishing(deployment.projection());
    assert_eq!(deliver(&records, &projection, Mapping::of(100)).await.done, 2);
    assert_eq!(clients(&deployment, &deployment.query()).await.len(), 2);
    let details = sorted(&bus).await;
    assert_eq!((details.len(), &details[0]["external_id"]), (1, &json!(record_id(0))));
}
