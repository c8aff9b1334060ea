//! A SQLite file of an earlier release: today's code opens it without a rebuild, gives the same responses from it,
//! and goes on writing to it.

use std::sync::Arc;

use annals_http::{Login, QueryApi, local_router};
use annals_sqlite::process::{LocalProcess, ProcessSettings, PublishTo};
use annals_tests::earlier_release::{copy_database, responses};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

/// A client of the file, created and updated by the sample events.
const HALCYON: &str = "001Qz00000Hal1cIAB";

/// The routes over a copy of the file.
async fn open(folder: &TempDir) -> Router {
    let settings = ProcessSettings {
        db: copy_database(folder.path()),
        entities: None,
        salesforce_org: None,
        publish: PublishTo::Nowhere,
    };
    let process = LocalProcess::open(&settings).await.expect("the file opens without a rebuild");
    let quarantine = process.handler.quarantine().clone();
    let api = QueryApi { queries: process.queries, quarantine, health: process.health };
    local_router(Arc::clone(&process.handler), api, Login::None)
}

async fn send(routes: &Router, request: Request<Body>) -> Value {
    let response = routes.clone().oneshot(request).await.expect("the router responds");
    let body = to_bytes(response.into_body(), usize::MAX).await.expect("the body ends");
    serde_json::from_slice(&body).expect("the body is JSON")
}

async fn get(routes: &Router, path: &str) -> Value {
    send(routes, Request::get(path).body(Body::empty()).expect("a path of the API")).await
}

/// That release gave decimals in the spelling of the newest event: `125000.50`.
fn without_last_zeros(value: Value) -> Value {
    match value {
        Value::String(text) if text.parse::<f64>().is_ok() && text.contains('.') => {
            text.trim_end_matches('0').trim_end_matches('.').into()
        }
        Value::Array(items) => items.into_iter().map(without_last_zeros).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, without_last_zeros(value))).collect(),
        other => other,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_response_is_the_same_as_that_release_gave() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let routes = open(&folder).await;
    let expected = responses();
    assert!(expected.len() > 20, "only {} paths", expected.len());
    for (path, expected) in &expected {
        let response = get(&routes, path).await;
        assert_eq!(without_last_zeros(response), without_last_zeros(expected.clone()), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_change_continues_a_stored_stream() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let routes = open(&folder).await;
    let path = format!("/clients/{HALCYON}");
    let before = get(&routes, &path).await;
    let change = json!({
        "ChangeEventHeader": {
            "entityName": "Account",
            "recordIds": [HALCYON],
            "changeType": "UPDATE",
            "changedFields": ["Name", "LastModifiedDate"],
            "transactionKey": "0000ffff-2442-4850-abc3-1525d567e2fd",
            "commitTimestamp": 1_795_989_600_000_u64,
            "commitNumber": 1_795_989_600_000_000_000_u64,
            "sequenceNumber": 1,
            "commitUser": "005Qz000001mAr1IAE",
        },
        "Name": "Halcyon Songs International",
        "LastModifiedDate": 1_795_989_600_000_u64,
    });
    let request = Request::post("/events/salesforce").body(Body::from(change.to_string())).expect("a path of the API");
    let ingested = send(&routes, request).await;
    let next = before["version"].as_u64().map(|version| version + 1);
    assert_eq!(
        (&ingested["results"][0]["outcome"], &ingested["results"][0]["version"]),
        (&json!("stored"), &json!(next))
    );

    let mut after = get(&routes, &path).await;
    assert_eq!(after["name"], "Halcyon Songs International");
    assert_eq!(after["version"], json!(next));
    // Entities of that release do not have it before their next change.
    assert_eq!(after.as_object_mut().and_then(|fields| fields.remove("stale")), Some(Value::Null));
    // Nothing else of the entity changed.
    for changed in ["name", "version", "updated_at", "last_modified_date"] {
        after[changed] = before[changed].clone();
    }
    assert_eq!(after, before);
}
