//! Outages of DynamoDB: events that need a read are not projected, and readers only learn that the service is
//! unavailable.

use std::collections::BTreeSet;
use std::time::Duration;

use annals_aws_tests::functions::payloads::{Caller, request};
use annals_aws_tests::functions::records::sequence;
use annals_aws_tests::functions::{Deployment, Function, Mapping, deliver};
use annals_lambda::settings::OPENSEARCH_ENDPOINT;
use annals_services::{Fault, Match, Proxy, Rule, dynamodb_endpoint};
use annals_tests::changes::{change, record_id};
use serde_json::Value;

use crate::queue::{Bus, Details, published};
use crate::{changes, clients, get, named, take};

/// The number of deliveries of a batch in an outage of five minutes: a mapping waits longer each time.
const RETRIES: usize = 5;

/// The function with a proxy before its tables.
fn through(proxy: &Proxy, function: Function) -> Function {
    function.with("AWS_ENDPOINT_URL_DYNAMODB", &proxy.endpoint())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_tables_a_cold_projection_fails_every_event_and_later_projects_each_once() {
    let (deployment, bus) = (Deployment::new().await, Bus::new().await);
    let (proxy, ingest, mut stream) =
        (Proxy::start(&dynamodb_endpoint()), deployment.ingest(), deployment.stream().await);
    take(&ingest, &changes(2, 2)).await;
    assert_eq!(deliver(&stream.read().await, &deployment.projection(), Mapping::of(100)).await.done, 4);
    // Later versions of both, for a process that has cached neither, and a new record.
    take(&ingest, &[change(2, 0), change(2, 1), change(3, 0), change(0, 2)]).await;
    let records = stream.read().await;
    let cold = through(&proxy, bus.publishing(deployment.projection()));
    proxy.rule(Rule::always(Match::Any, Fault::DropBefore));
    let stuck = deliver(&records, &cold, Mapping { attempts: RETRIES, ..Mapping::of(100) }).await;
    assert_eq!((stuck.done, stuck.invocations()), (0, RETRIES));
    for (_, answer) in &stuck.answers {
        let value = answer.value();
        let found: BTreeSet<&str> = named(&value).into_iter().collect();
        assert_eq!(found, records.iter().map(sequence).collect(), "exactly the events of the batch");
    }
    assert!(bus.details().await.is_empty(), "a record that is not indexed must not be published");

    proxy.heal();
    let healed = deliver(&records, &cold, Mapping::of(100)).await;
    assert_eq!((healed.done, healed.invocations()), (4, 1));
    let shown = clients(&deployment, &deployment.query()).await;
    let versions: Vec<&Value> = shown.values().map(|client| &client["version"]).collect();
    assert_eq!(versions, [4, 3, 1]);
    let expected = [(0, 3, 4), (1, 3, 3), (2, 1, 1)].map(|(client, from, to)| ((record_id(client), from, to), 1));
    assert_eq!(published(&bus.details().await), expected.into());
}

/// The function is stopped after 4 seconds, and answers two seconds before.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_waits_for_a_store_responds_unavailable_before_lambda_stops_it() {
    let deployment = Deployment::new().await;
    let opensearch = Proxy::start(&deployment.opensearch);
    let dynamodb = Proxy::start(&dynamodb_endpoint());
    let query = through(&dynamodb, deployment.query())
        .with(OPENSEARCH_ENDPOINT, &opensearch.endpoint())
        .within(Duration::from_secs(4));
    let history = format!("/clients/{}/history", record_id(0));
    opensearch.rule(Rule::always(Match::Any, Fault::HangBefore));
    dynamodb.rule(Rule::always(Match::Any, Fault::HangBefore));
    for path in ["/clients", "/clients/count", &history] {
        let (status, body) = get(&query, path).await;
        assert_eq!((status, &body["type"]), (503, &Value::from("/problems/unavailable")), "{path}: {body}");
    }
    opensearch.heal();
    dynamodb.heal();
    assert_eq!(get(&query, "/clients").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_tables_a_query_responds_unavailable_and_does_not_name_them() {
    let deployment = Deployment::new().await;
    let proxy = Proxy::start(&dynamodb_endpoint());
    take(&deployment.ingest(), &changes(1, 2)).await;
    assert_eq!(
        deliver(&deployment.stream().await.read().await, &deployment.projection(), Mapping::of(100)).await.done,
        2
    );
    let query = through(&proxy, deployment.query());
    let (one, history) = (format!("/clients/{}", record_id(0)), format!("/clients/{}/history", record_id(0)));
    proxy.rule(Rule::always(Match::Any, Fault::unavailable()));
    let inner = [&*deployment.events_table, &*deployment.state_table, "127.0.0.1", "DynamoDB", "Service Unavailable"];
    for (path, expected) in [(&*history, 503), ("/quarantine", 503), ("/health", 200)] {
        let (status, body) = query.invoke_with(&request("GET", path, Caller::Admin, None)).await.http();
        assert_eq!((status, body["status"] == "ok"), (expected, false), "{path}: {body}");
        assert!(!inner.iter().any(|word| body.to_string().contains(word)), "{path}: {body}");
    }
    // A query that needs only the index succeeds.
    let (status, body) = get(&query, &one).await;
    assert_eq!((status, &body["version"]), (200, &Value::from(2)), "{body}");
    assert_eq!(get(&query, "/clients").await.0, 200);
    proxy.heal();
    assert_eq!(get(&query, &history).await.0, 200);
}
