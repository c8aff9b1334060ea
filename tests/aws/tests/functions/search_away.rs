//! An outage of OpenSearch: lists are unavailable, and everything about one entity is answered from its events.

use std::time::{Duration, Instant};

use annals_aws_tests::functions::payloads::{Caller, request};
use annals_aws_tests::functions::{Deployment, Function, Mapping, deliver};
use annals_lambda::settings::OPENSEARCH_ENDPOINT;
use annals_services::{Fault, Match, Proxy, Rule, dynamodb_endpoint};
use annals_tests::changes::record_id;
use serde_json::Value;

use crate::{changes, get, take};

/// An installation with one client of three versions, and its query function with a proxy before OpenSearch.
async fn projected() -> (Deployment, Proxy, Function) {
    let deployment = Deployment::new().await;
    let proxy = Proxy::start(&deployment.opensearch);
    take(&deployment.ingest(), &changes(1, 3)).await;
    let records = deployment.stream().await.read().await;
    assert_eq!(deliver(&records, &deployment.projection(), Mapping::of(100)).await.done, 3);
    deployment.refresh().await;
    let query = deployment.query().with(OPENSEARCH_ENDPOINT, &proxy.endpoint());
    (deployment, proxy, query)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_opensearch_lists_are_unavailable_and_one_entity_is_answered_from_its_events() {
    let (_deployment, proxy, query) = projected().await;
    let one = format!("/clients/{}", record_id(0));
    let of_one = ["", "?version=2", "?as_of=2100-01-01", "?known_at=2100-01-01", "?explain=true", "?min_version=3"]
        .map(|query| format!("{one}{query}"));
    let past =
        ["/history", "/history?order=desc&field=name", "/diff?from=version:1"].map(|path| format!("{one}{path}"));
    let several = format!("/clients?ids={}&as_of=2100-01-01", record_id(0));
    let from_events: Vec<&String> = of_one.iter().chain(&past).chain([&several]).collect();
    let mut before = Vec::new();
    for path in &from_events {
        before.push(get(&query, path).await);
    }
    proxy.rule(Rule::always(Match::Any, Fault::DropBefore));
    for (path, before) in from_events.into_iter().zip(before) {
        let found = get(&query, path).await;
        assert_eq!(found.0, 200, "{path}: {}", found.1);
        assert_eq!(found, before, "{path}");
    }
    for path in
        ["/clients", "/clients?search_term=x", "/clients?name=x&sort=-name", "/clients?cursor=", "/clients/count"]
    {
        let answer = query.invoke_with(&request("GET", path, Caller::Reader, None)).await;
        let (status, body) = answer.http();
        assert_eq!((status, &body["type"]), (503, &Value::from("/problems/unavailable")), "{path}: {body}");
        assert!(answer.value()["headers"]["retry-after"].is_string(), "{path}: {}", answer.value());
    }
    assert_eq!(get(&query, &format!("/clients/{}", record_id(9))).await.0, 404, "also without the index");
    proxy.heal();
    assert_eq!(get(&query, "/clients").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_opensearch_hangs_one_entity_is_answered_from_its_events_within_the_timeout() {
    let (_deployment, proxy, query) = projected().await;
    // That of the template.
    let query = query.within(Duration::from_secs(20));
    let one = format!("/clients/{}", record_id(0));
    let paths = [one.clone(), format!("{one}?min_version=3")];
    let before = [get(&query, &paths[0]).await, get(&query, &paths[1]).await];
    proxy.rule(Rule::always(Match::Any, Fault::HangBefore));
    for (path, before) in paths.iter().zip(before) {
        let begin = Instant::now();
        let found = get(&query, path).await;
        assert_eq!((found.0, &found), (200, &before), "{path}: {}", found.1);
        assert!(begin.elapsed() < Duration::from_secs(6), "{path}: {:?}", begin.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dependencies_that_hang_do_not_hold_up_the_health_report() {
    let deployment = Deployment::new().await;
    let (opensearch, dynamodb) = (Proxy::start(&deployment.opensearch), Proxy::start(&dynamodb_endpoint()));
    let query = deployment
        .query()
        .with(OPENSEARCH_ENDPOINT, &opensearch.endpoint())
        .with("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb.endpoint());
    assert_eq!(get(&query, "/health").await.1["status"], "ok");
    // A report is reused for some time, but not by another process.
    query.stop().await;
    for proxy in [&opensearch, &dynamodb] {
        proxy.rule(Rule::always(Match::Any, Fault::HangBefore));
    }
    let begin = Instant::now();
    let (status, body) = get(&query, "/health").await;
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    assert_eq!((status, &body["status"]), (200, &Value::from("degraded")), "{body}");
    let dependencies = body["dependencies"].as_array().unwrap();
    let degraded: Vec<&Value> = dependencies.iter().filter(|it| it["status"] == "degraded").collect();
    assert_eq!(degraded.len(), 4, "event store, projection, state store, read model: {body}");
}
