//! Compares our Runtime API with AWS's runtime interface emulator.

use annals_aws_tests::functions::log_output::{logged, metrics};
use annals_aws_tests::functions::payloads::{Caller, of_file, queue, request};
use annals_aws_tests::functions::records::batch;
use annals_aws_tests::functions::{Deployment, Function, Host, InvocationResult};
use annals_tests::changes::change;
use serde_json::{Value, json};

/// What must be equal in both: the response and the content of the log lines.
fn alike(answer: &InvocationResult) -> (Result<Value, Value>, Vec<String>, usize) {
    let read = |text: &String| serde_json::from_str::<Value>(text).unwrap();
    let lines = logged(&answer.lines);
    assert!(lines.iter().all(|line| line["span"]["request_id"].is_string()), "{lines:#?}");
    let messages = lines.iter().map(|line| format!("{} {} {}", line["message"], line["entity_key"], line["outcome"]));
    let mut messages: Vec<String> = messages.collect();
    messages.sort();
    let mut outcome = answer.outcome.as_ref().map(read).map_err(read);
    // Each adds its own description of the failure to the function's message.
    if let Err(error) = &mut outcome {
        *error = json!([error["errorType"], error["errorMessage"]]);
    }
    (outcome, messages, metrics(&answer.lines).len())
}

async fn check(functions: [&Function; 2], payload: &str) {
    let [own, emulated] = functions;
    let (one, other) = (own.invoke(payload).await, emulated.invoke(payload).await);
    assert_eq!(alike(&one), alike(&other), "{}", other.errors);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_functions_respond_alike_under_the_emulator_and_our_runtime_api() {
    // Each host has its own tables, so that both have the same data at each step.
    let stages = [Deployment::new().await, Deployment::new().await];
    let hosts = [Host::Own, Host::Emulator];
    let start = |make: fn(&Deployment) -> Function| [0, 1].map(|at| make(&stages[at]).on(hosts[at]));
    let [ingest, projection, query, backfill] = [
        start(Deployment::ingest),
        start(Deployment::projection),
        start(Deployment::query),
        start(Deployment::backfill),
    ];
    let ingest = [&ingest[0], &ingest[1]];
    check(ingest, &change(0, 0).to_string()).await;
    check(ingest, &json!([change(0, 0), change(1, 0), change(0, 1)]).to_string()).await;
    check(ingest, &queue(&[("a", "no JSON"), ("b", &change(2, 0).to_string())]).to_string()).await;

    let records = stages[0].stream().await.read().await;
    assert_eq!(stages[1].stream().await.read().await.len(), records.len());
    let projection = [&projection[0], &projection[1]];
    check(projection, &batch(&records).to_string()).await;
    check(projection, &json!({ "no": "batch" }).to_string()).await;
    for deployment in &stages {
        deployment.refresh().await;
    }
    let query = [&query[0], &query[1]];
    for path in ["/clients", "/clients/count", "/clients/nobody"] {
        check(query, &request("GET", path, Caller::Reader, None).to_string()).await;
    }
    check([&backfill[0], &backfill[1]], &of_file("backfill/schedule.json")).await;
}
