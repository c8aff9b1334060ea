//! Bad requests to the API of a local process.

use std::sync::Arc;

use annals_application::commands::CommandMetadata;
use annals_domain::identity::Provider;
use annals_http::{Login, QueryApi, query_router};
use annals_tests::bad_requests::check_bad_requests;
use annals_tests::changes::change;
use annals_tests::process::TestProcess;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::Value;
use tower::ServiceExt as _;

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_request_is_refused_with_what_is_expected_and_an_injected_query_finds_nothing() {
    let test = TestProcess::new().await;
    for (round, record) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let (text, metadata) = (change(round, record).to_string(), CommandMetadata::default());
        test.process.handler.ingest_body(Provider::Salesforce, &text, metadata).await.expect("it is stored");
    }
    let quarantine = test.process.handler.quarantine().clone();
    let (queries, health) = (test.process.queries.clone(), Arc::clone(&test.process.health));
    let routes = query_router(QueryApi { queries, quarantine, health }, Login::None);
    check_bad_requests(async |path: &str| {
        let request = Request::get(path).body(Body::empty()).expect("a path of the API");
        let response = routes.clone().oneshot(request).await.expect("the router responds");
        let status = u64::from(response.status().as_u16());
        let body = to_bytes(response.into_body(), usize::MAX).await.expect("the body ends");
        (status, serde_json::from_slice::<Value>(&body).expect("the body is JSON"))
    })
    .await;
}
