//! The whole pipeline: events are ingested, stored, projected and queried.

use std::collections::BTreeMap;

use annals_aws_tests::functions::payloads::of_file;
use annals_aws_tests::functions::{Deployment, Mapping, deliver};
use annals_services::opensearch_endpoints;
use annals_tests::samples::{Run, sample_events};
use serde_json::{Value, json};

use crate::{clients, get};

/// The response of `query` for a response of the local process.
fn answered(status: u64, body: Value) -> Value {
    match status {
        200 => body,
        _ if body["type"].as_str().is_some_and(|kind| kind.ends_with("awaiting-base")) => json!("awaiting base"),
        _ => body["detail"].clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_events_give_the_same_entities_as_in_a_local_process() {
    let samples = sample_events();
    let mut local = Run::new().await;
    local.take_all(&samples).await;
    let expected = local.entities().await;
    assert!(expected.len() > 15, "{} records", expected.len());
    for (label, endpoint) in opensearch_endpoints() {
        let deployment = Deployment::on(&endpoint).await;
        let (ingest, query) = (deployment.ingest(), deployment.query());
        for sample in &samples {
            assert_eq!(ingest.invoke(&sample.text).await.value(), Value::Null, "{}", sample.name);
        }
        let records = deployment.stream().await.read().await;
        let delivered = deliver(&records, &deployment.projection(), Mapping::of(10)).await;
        assert_eq!(delivered.done, records.len(), "{label}");
        assert_eq!(delivered.invocations(), records.len().div_ceil(10), "no batch must be retried: {label}");
        let mut seen = BTreeMap::new();
        for (record, (key, aggregate_type)) in &local.records {
            let (status, body) = get(&query, &format!("/{aggregate_type}/{}", key.aggregate_id)).await;
            seen.insert(record.clone(), answered(status, body));
        }
        assert_eq!(seen, expected, "{label}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_payloads_of_the_readme_work_from_ingest_to_query() {
    let deployment = Deployment::new().await;
    let (ingest, projection, query) = (deployment.ingest(), deployment.projection(), deployment.query());
    for name in ["eventbridge", "array", "failure-queue"] {
        let answer = ingest.invoke(&of_file(&format!("ingest_invocations/{name}.json"))).await.value();
        let expected = if name == "failure-queue" { json!({ "batchItemFailures": [] }) } else { Value::Null };
        assert_eq!(answer, expected, "{name}");
    }
    let mut stream = deployment.stream().await;
    let records = stream.read().await;
    assert_eq!(deliver(&records, &projection, Mapping::of(100)).await.done, records.len());

    let shown = clients(&deployment, &query).await;
    let larkspur = &shown["001Qz00000LkSp1IAF"];
    let (status, one) = query.invoke(&of_file("query/client.json")).await.http();
    assert_eq!((status, &one), (200, larkspur));
    assert_eq!(one["name"], "Larkspur Pictures");
    assert_eq!(one["version"], 2, "the same two changes arrived in three ways: {one}");
    let (status, list) = query.invoke(&of_file("query/list-clients.json")).await.http();
    assert_eq!((status, &list["results"][0], &list["count"]), (200, larkspur, &json!(1)));
    let (status, history) = query.invoke(&of_file("query/client-history.json")).await.http();
    let versions: Vec<_> = history["results"].as_array().unwrap().iter().map(|entry| &entry["version"]).collect();
    assert_eq!((status, versions.len()), (200, 2), "{history}");
    let (status, count) = get(&query, "/clients/count").await;
    assert_eq!((status, count["count"].as_u64()), (200, Some(shown.len() as u64)));
    let (status, kept) = query.invoke(&of_file("query/quarantine.json")).await.http();
    assert_eq!((status, &kept["count"]), (200, &json!(0)));
    let (status, health) = query.invoke(&of_file("query/health.json")).await.http();
    assert_eq!((status, &health["status"]), (200, &json!("ok")), "{health}");
    let lag = health["lag_ms"].as_u64().expect("projection reported its lag");
    assert!((1..600_000).contains(&lag), "{health}");

    let (status, body) = ingest.invoke(&of_file("ingest_invocations/http-api.json")).await.http();
    assert_eq!((status, &body["results"][0]["outcome"]), (200, &json!("stored")), "{body}");
    assert_eq!(deliver(&stream.read().await, &projection, Mapping::of(100)).await.done, 1);
    let (_, one) = query.invoke(&of_file("query/client.json")).await.http();
    assert_eq!((&one["version"], &one["status"]), (&json!(3), &json!("Inactive")));
    let done = deployment.backfill().invoke(&of_file("backfill/schedule.json")).await.value();
    assert_eq!((&done["redriven"], &done["still_parked"]), (&json!(0), &json!(0)), "{done}");
}
