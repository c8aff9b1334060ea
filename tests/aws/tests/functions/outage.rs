//! Outages of OpenSearch or of the bus: exactly the failed records are retried, by the stream or once parked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use annals_aws_tests::functions::log_output::total;
use annals_aws_tests::functions::payloads::of_file;
use annals_aws_tests::functions::records::{batch, changed, sequence};
use annals_aws_tests::functions::{Deployment, Mapping, deliver};
use annals_lambda::settings::OPENSEARCH_ENDPOINT;
use annals_services::{Fault, Match, Proxy, RecordedRequest, Rule, moto_endpoint};
use annals_tests::changes::{change, record_id};
use serde_json::Value;

use crate::queue::{Bus, Details, published, versions};
use crate::{changes, clients, get, named, take};

/// The published events that a consumer processes if some arrive twice: for each record those with a version
/// above that of the last one.
fn processed(details: &[Value]) -> BTreeMap<String, Vec<(u64, u64)>> {
    let mut processed: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
    for (id, from, to) in details.iter().map(versions) {
        let known = processed.entry(id).or_default();
        if known.last().is_none_or(|(_, last)| to > *last) {
            known.push((from, to));
        }
    }
    processed
}

/// The status of the projection in the health response.
async fn projection_status(deployment: &Deployment) -> String {
    let (status, health) = get(&deployment.query(), "/health").await;
    assert_eq!(status, 200);
    let dependencies = health["dependencies"].as_array().unwrap();
    let projection = dependencies.iter().find(|dependency| dependency["name"] == "projection").unwrap();
    projection["status"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_opensearch_fails_exactly_the_records_it_affects() {
    let deployment = Deployment::new().await;
    let (proxy, bus) = (Proxy::start(&deployment.opensearch), Bus::new().await);
    let projection = bus.publishing(deployment.projection()).with(OPENSEARCH_ENDPOINT, &proxy.endpoint());
    // Two clients with two changes each, and one whose creation has not arrived, which needs no index.
    let mut all = changes(2, 2);
    all.insert(2, change(1, 9));
    take(&deployment.ingest(), &all).await;
    let mut records = deployment.stream().await.read().await;
    records.push(changed(&records[0], "MODIFY", "999999999999999999999"));

    proxy.rule(Rule::always(Match::Path("_bulk"), Fault::unavailable()));
    let answer = projection.invoke_with(&batch(&records)).await;
    // Streams are written concurrently, so an event is identified by its record's id.
    let is_waiting = |record: &&Value| record["dynamodb"]["NewImage"]["external_id"]["S"] == record_id(9);
    let waiting = sequence(records.iter().find(is_waiting).unwrap()).to_owned();
    let expected: Vec<&str> = records[..5].iter().map(sequence).filter(|number| *number != waiting).collect();
    let value = answer.value();
    let mut found = named(&value);
    found.sort_by_key(|number| expected.iter().position(|known| known == number));
    assert_eq!(found, expected);
    assert_eq!((total(&answer.lines, "Projected"), total(&answer.lines, "ForeignRecords")), (1, 1));
    assert!(bus.details().await.is_empty(), "a record that is not indexed must not be published");
    assert_eq!(projection_status(&deployment).await, "degraded", "health reports the outage");

    // The outage continues: the same result, and the position does not move.
    let stuck = deliver(&records, &projection, Mapping { attempts: 3, ..Mapping::of(100) }).await;
    assert_eq!(stuck.invocations(), 3);
    assert!(stuck.done <= 1, "only the completed first records: {}", stuck.done);
    proxy.heal();
    assert_eq!(deliver(&records, &projection, Mapping::of(100)).await.done, records.len());
    let shown = clients(&deployment, &deployment.query()).await;
    assert_eq!(shown.keys().collect::<Vec<_>>(), [&record_id(0), &record_id(1)]);
    assert!(shown.values().all(|client| client["version"] == 2), "{shown:?}");
    let expected = [0, 1].map(|client| ((record_id(client), 1, 2), 1));
    assert_eq!(published(&bus.details().await), expected.into());
    assert_eq!(projection_status(&deployment).await, "ok", "health reports the end of the outage");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_bus_holds_up_no_document_and_backfill_publishes_each_record_once_afterwards() {
    let deployment = Deployment::new().await;
    let (proxy, bus) = (Proxy::start(&moto_endpoint()), Bus::new().await);
    let by_proxy = |function| bus.publishing(function).with("AWS_ENDPOINT_URL_EVENTBRIDGE", &proxy.endpoint());
    take(&deployment.ingest(), &changes(3, 1)).await;
    let records = deployment.stream().await.read().await;
    proxy.rule(Rule::always(Match::Target("PutEvents"), Fault::access_denied()));
    let answer = by_proxy(deployment.projection()).invoke_with(&batch(&records)).await;
    assert_eq!((named(&answer.value()).len(), total(&answer.lines, "Parked")), (0, 3), "the stream goes on");
    assert_eq!(clients(&deployment, &deployment.query()).await.len(), 3, "the read model goes on");
    assert!(bus.details().await.is_empty());

    proxy.heal();
    let (backfill, schedule) = (by_proxy(deployment.backfill()), of_file("backfill/schedule.json"));
    assert_eq!(backfill.invoke(&schedule).await.value()["redriven"], 3);
    let expected = [0, 1, 2].map(|client| ((record_id(client), 1, 1), 1));
    assert_eq!(published(&bus.details().await), expected.into());
    assert_eq!(backfill.invoke(&schedule).await.value()["redriven"], 0, "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_a_failed_call_to_the_bus_has_is_published_again() {
    let deployment = Deployment::new().await;
    let (proxy, bus) = (Proxy::start(&moto_endpoint()), Bus::new().await);
    let by_proxy = |function| bus.publishing(function).with("AWS_ENDPOINT_URL_EVENTBRIDGE", &proxy.endpoint());
    // More records than fit in one call. The call with the fourth of them fails.
    take(&deployment.ingest(), &changes(14, 2)).await;
    let records = deployment.stream().await.read().await;
    let has_the_fourth = |request: &RecordedRequest| {
        request.operation() == Some("PutEvents") && String::from_utf8_lossy(&request.body).contains(&record_id(3))
    };
    proxy.rule(Rule::always(Match::when(has_the_fourth), Fault::access_denied()));
    let answer = by_proxy(deployment.projection()).invoke_with(&batch(&records)).await;
    let first = bus.details().await;
    let published_at_once: BTreeSet<String> = processed(&first).into_keys().collect();
    let all: BTreeSet<String> = (0..14).map(record_id).collect();
    assert!(!published_at_once.is_empty(), "one call succeeded");
    assert_eq!(total(&answer.lines, "Parked"), (14 - published_at_once.len()) as u64);

    proxy.heal();
    by_proxy(deployment.backfill()).invoke(&of_file("backfill/schedule.json")).await.value();
    let again = bus.details().await;
    let published_again: BTreeSet<String> = processed(&again).into_keys().collect();
    assert_eq!(published_again, &all - &published_at_once);
    let expected: BTreeMap<String, Vec<(u64, u64)>> = all.into_iter().map(|id| (id, vec![(1, 2)])).collect();
    assert_eq!(processed(&[first, again].concat()), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_exceeds_its_deadline_fails_before_lambda_stops_it() {
    let deployment = Deployment::new().await;
    let proxy = Proxy::start(&deployment.opensearch);
    let projection =
        deployment.projection().with(OPENSEARCH_ENDPOINT, &proxy.endpoint()).within(Duration::from_secs(4));
    take(&deployment.ingest(), &changes(2, 1)).await;
    let records = deployment.stream().await.read().await;
    proxy.rule(Rule::always(Match::Any, Fault::HangBefore));
    let answer = projection.invoke_with(&batch(&records)).await;
    let error: Value = serde_json::from_str(answer.outcome.as_ref().unwrap_err()).unwrap();
    assert_eq!(error["errorMessage"], "deadline reached; the whole batch is retried");

    proxy.heal();
    let again = deliver(&records, &projection, Mapping::of(100)).await;
    assert_eq!((again.done, again.invocations()), (2, 1));
    assert_eq!(clients(&deployment, &deployment.query()).await.len(), 2);
}
