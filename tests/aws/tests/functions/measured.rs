//! The metrics are correct.

use std::time::{Duration, Instant};

use annals_aws_tests::functions::log_output::{metrics, total};
use annals_aws_tests::functions::records::batch;
use annals_aws_tests::functions::{Deployment, InvocationResult};
use annals_lambda::settings::OPENSEARCH_ENDPOINT;
use annals_lambda::telemetry::LAG;
use annals_services::{Fault, Match, Proxy, Rule};
use annals_tests::changes::change;
use serde_json::Value;

use crate::{changes, named, take};

/// The lags that an invocation measured, in milliseconds.
fn lags(answer: &InvocationResult) -> Vec<f64> {
    let values = metrics(&answer.lines).into_iter().filter_map(|line| line.get(LAG).cloned());
    let values = values.flat_map(|value| value.as_array().cloned().unwrap_or_else(|| vec![value]));
    values.map(|value| value.as_f64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_append_that_lost_to_another_writer_counts_as_a_conflict() {
    let deployment = Deployment::new().await;
    let (one, other) = (deployment.ingest(), deployment.ingest());
    let mut counted = Vec::new();
    // The first instance has a cached head that is outdated by the time of its next append.
    for (round, ingest) in [&one, &other, &one, &one].into_iter().enumerate() {
        let answer = ingest.invoke_with(&change(round, 0)).await;
        assert_eq!(answer.value(), Value::Null);
        counted.push(["Stored", "Conflict", "Duplicate"].map(|name| total(&answer.lines, name)));
    }
    assert_eq!(counted, [[1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 0, 0]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lag_is_the_time_from_the_commit_until_the_document_can_be_found() {
    const DELAY: Duration = Duration::from_millis(700);
    let deployment = Deployment::new().await;
    let proxy = Proxy::start(&deployment.opensearch);
    let projection = deployment.projection().with(OPENSEARCH_ENDPOINT, &proxy.endpoint());
    proxy.rule(Rule::always(Match::Path("_bulk"), Fault::Delay(DELAY)));
    let began = Instant::now();
    take(&deployment.ingest(), &changes(2, 1)).await;
    let records = deployment.stream().await.read().await;
    let answer = projection.invoke_with(&batch(&records)).await;
    // Timestamps are rounded down to whole milliseconds.
    let (least, most) = (DELAY.as_millis() as f64, began.elapsed().as_millis() as f64 + 1.0);
    assert_eq!(named(&answer.value()), [""; 0]);
    let lags = lags(&answer);
    assert!(!lags.is_empty() && lags.iter().all(|lag| (least..=most).contains(lag)), "{lags:?}, {least} to {most}");
}
