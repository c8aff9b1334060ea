//! The log lines and metrics of the functions.

use annals_aws_tests::functions::log_output::{logged, metrics};
use annals_aws_tests::functions::payloads::{Caller, of_file, request};
use annals_aws_tests::functions::records::batch;
use annals_aws_tests::functions::{Deployment, Function, InvocationResult};
use annals_lambda::telemetry::{Count, LAG};
use annals_tests::changes::change;
use serde_json::{Value, json};

/// A value that must occur only in records.
pub(crate) const VALUE: &str = "Quetzalcoatlus";

/// The creation of a client with that value in every text.
pub(crate) fn change_with_value(client: usize) -> Value {
    let mut change = change(0, client);
    for field in change["detail"]["payload"].as_object_mut().unwrap().values_mut() {
        if field.is_string() {
            *field = json!(format!("{VALUE} of {client}"));
        }
    }
    change
}

/// Checks that the lines of an invocation are JSON with one request id and contain no value.
#[track_caller]
pub(crate) fn check_lines(answer: &InvocationResult, function: &str) {
    let lines = logged(&answer.lines);
    let ids: Vec<&Value> = lines.iter().map(|line| &line["span"]["request_id"]).collect();
    assert!(ids.iter().all(|id| id.is_string() && *id == ids[0]), "{function}: {lines:#?}");
    for line in &lines {
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
    }
    let shown = answer.lines.iter().chain([&answer.errors]).find(|line| line.contains(VALUE));
    assert_eq!(shown, None, "{function}");
    for line in metrics(&answer.lines) {
        assert!(ids.first().is_none_or(|id| line["request_id"] == **id), "{line}");
    }
}

/// The lines of an invocation with this message.
pub(crate) fn lines_of(answer: &InvocationResult, message: &str) -> Vec<Value> {
    logged(&answer.lines).into_iter().filter(|line| line["message"] == message).collect()
}

/// The metrics of an invocation. Checks that each has the form that CloudWatch reads.
fn check_metrics(answer: &InvocationResult, function: &str) -> Vec<String> {
    let mut names = Vec::new();
    for line in metrics(&answer.lines) {
        let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        for directive in directives {
            assert_eq!(directive["Namespace"], "Annals");
            assert_eq!(directive["Dimensions"], json!([["function"]]));
            for metric in directive["Metrics"].as_array().unwrap() {
                let name = metric["Name"].as_str().unwrap();
                assert!(name == LAG || Count::ALL.iter().any(|count| count.name() == name), "{name}");
                assert!(!line[name].is_null(), "{line}");
                names.push(name.to_owned());
            }
        }
        assert_eq!(line["function"], function);
        assert!(line["_aws"]["Timestamp"].is_u64(), "{line}");
    }
    names.sort();
    names
}

async fn check_invocations(
    function: &Function,
    name: &str,
    payload: &str,
    cold: &[&str],
    warm: &[&str],
) -> InvocationResult {
    let first = function.invoke(payload).await;
    check_lines(&first, name);
    assert_eq!(check_metrics(&first, name), cold, "{name}, cold: {:?}", first.outcome);
    let second = function.invoke(payload).await;
    check_lines(&second, name);
    assert_eq!(check_metrics(&second, name), warm, "{name}, warm");
    function.stop().await;
    let third = function.invoke(payload).await;
    assert!(check_metrics(&third, name).contains(&"ColdStart".to_owned()), "{name}, cold again");
    first
}

#[tokio::test(flavor = "multi_thread")]
async fn every_invocation_logs_its_request_and_records_and_never_a_value() {
    let deployment = Deployment::new().await;
    let events = json!([change_with_value(1), change_with_value(2)]).to_string();
    let ingested =
        check_invocations(&deployment.ingest(), "ingest", &events, &["ColdStart", "Stored"], &["Duplicate"]).await;
    let of_records = lines_of(&ingested, "ingested");
    assert_eq!(of_records.len(), 2);
    for line in &of_records {
        assert!(line["entity_key"].as_str().unwrap().starts_with("Account#"), "{line}");
        assert!(line["correlation_id"].is_string(), "{line}");
        assert_eq!((&line["version"], &line["outcome"]), (&json!(1), &json!("stored")));
    }

    let records = deployment.stream().await.read().await;
    let payload = batch(&records).to_string();
    let metrics = ["ColdStart", "LagMs", "Projected"];
    let projected = check_invocations(&deployment.projection(), "projection", &payload, &metrics, &metrics[1..]).await;
    let of_records = lines_of(&projected, "projected");
    assert_eq!(of_records.len(), 2, "expected one line per record");
    for line in &of_records {
        assert!(line["entity_key"].as_str().unwrap().starts_with("Account#"), "{line}");
        assert!(line["correlation_id"].is_string(), "{line}");
        let became = ["version", "read_model", "refetch"].map(|name| &line[name]);
        assert_eq!(became, [&json!(1), &json!("indexed"), &json!("not_needed")], "{line}");
    }

    let one = request("GET", "/clients?search_term=quetzalcoatlus", Caller::Reader, None).to_string();
    check_invocations(&deployment.query(), "query", &one, &["ColdStart"], &[]).await;
    let schedule = of_file("backfill/schedule.json");
    check_invocations(&deployment.backfill(), "backfill", &schedule, &["ColdStart"], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_outlives_its_request_is_logged_with_the_id_of_the_request() {
    let (deployment, path) = (Deployment::new().await, "/events/salesforce");
    let body = json!([change_with_value(1), change_with_value(2)]).to_string();
    let events = request("POST", path, Caller::Reader, Some(&body)).to_string();
    let ingested =
        check_invocations(&deployment.ingest(), "ingest", &events, &["ColdStart", "Stored"], &["Duplicate"]).await;
    assert_eq!(lines_of(&ingested, "ingested").len(), 2);

    let ingest = deployment.ingest();
    let refused = ingest.invoke_with(&request("POST", path, Caller::Reader, Some("{}"))).await;
    check_lines(&refused, "ingest");
    let id = lines_of(&refused, "ingested")[0]["quarantine_id"].as_str().unwrap().to_owned();
    let redrive = request("POST", &format!("/quarantine/{id}/redrive"), Caller::Admin, None);
    let again = ingest.invoke_with(&redrive).await;
    assert_eq!((again.http().0, lines_of(&again, "ingested").len()), (200, 1));
    check_lines(&again, "ingest");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_many_events_reports_its_lag_and_logs_no_loss() {
    let deployment = Deployment::new().await;
    let changes: Vec<Value> = (0..260).map(|client| change(0, client)).collect();
    let ingest = deployment.ingest();
    for part in changes.chunks(100) {
        crate::take(&ingest, part).await;
    }
    let records = deployment.stream().await.read().await;
    let answer = deployment.projection().invoke_with(&batch(&records)).await;
    assert_eq!(crate::named(&answer.value()), [""; 0]);
    let complaints: Vec<Value> = logged(&answer.lines).into_iter().filter(|line| line["level"] == "ERROR").collect();
    assert!(complaints.is_empty(), "{} lines: {}", complaints.len(), complaints[0]);
    let lags = metrics(&answer.lines).iter().find_map(|line| line[LAG].as_array().cloned()).unwrap();
    assert!((50..=100).contains(&lags.len()), "CloudWatch accepts a hundred values of a metric: {}", lags.len());
}
