//! No log contains a value of a record, even if the record causes an error.

use annals_aws_tests::functions::Deployment;
use annals_aws_tests::functions::log_output::{logged, total};
use annals_aws_tests::functions::payloads::{Caller, of_file, queue, request};
use annals_aws_tests::functions::records::batch;
use annals_lambda::settings::OPENSEARCH_ENDPOINT;
use annals_services::{Fault, Match, Proxy, Rule, dynamodb_endpoint};
use annals_tests::random::Random;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::log_lines::{VALUE, change_with_value, check_lines, lines_of};
use crate::{named, take};

/// Unreadable changes, one for each part of a header, and one that is too large for an item.
fn refused_changes() -> Vec<Value> {
    let parts = ["commitTimestamp", "commitNumber", "recordIds", "changeType", "changedFields"];
    let unreadable = |(number, part): (usize, &str)| {
        let mut change = change_with_value(number);
        change["detail"]["payload"]["ChangeEventHeader"][part] = json!({ VALUE: VALUE });
        change
    };
    let mut changes: Vec<Value> = parts.into_iter().enumerate().map(unreadable).collect();
    let (mut random, mut large) = (Random::new(1), change_with_value(parts.len()));
    let noise: String = (0..600_000).map(|_| char::from(b'0' + random.below(75) as u8)).collect();
    large["detail"]["payload"]["Description"] = json!(format!("{VALUE} {noise}"));
    changes.push(large);
    changes
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_inputs_log_no_value() {
    let (deployment, proxy) = (Deployment::new().await, Proxy::start(&dynamodb_endpoint()));
    let ingest = deployment.ingest().with("AWS_ENDPOINT_URL_DYNAMODB", &proxy.endpoint());
    for change in refused_changes() {
        let answer = ingest.invoke_with(&change).await;
        let header = &change["detail"]["payload"]["ChangeEventHeader"];
        assert_eq!(total(&answer.lines, "Quarantined"), 1, "{header}: {:?} {:?}", answer.outcome, answer.lines);
        check_lines(&answer, "ingest");
    }
    let no_json = format!("no JSON of {VALUE}");
    check_lines(&ingest.invoke_with(&queue(&[("a", &no_json)])).await, "ingest");
    let answer = ingest.invoke_with(&request("POST", "/events/salesforce", Caller::Reader, Some(&no_json))).await;
    assert_eq!(answer.http().0, 400);
    check_lines(&answer, "ingest");
    proxy.rule(Rule::always(Match::Target("PutItem"), Fault::access_denied()));
    let answer = ingest.invoke_with(&queue(&[("b", &change_with_value(20).to_string())])).await;
    assert_eq!((named(&answer.value()), logged(&answer.lines).is_empty()), (vec!["b"], false));
    check_lines(&answer, "ingest");
    let answer = ingest.invoke_with(&change_with_value(20)).await;
    assert!(answer.outcome.as_ref().is_err_and(|error| !error.contains(VALUE)), "{:?}", answer.outcome);
    check_lines(&answer, "ingest");
}

/// The record with another value for an attribute of its item.
fn with(record: &Value, attribute: &str, value: Value) -> Value {
    let mut record = record.clone();
    let image = record["dynamodb"]["NewImage"].as_object_mut().unwrap();
    // The data attribute has one of two names.
    if attribute == "data" {
        image.remove("data_2");
    }
    image.insert(attribute.to_owned(), value);
    record
}

/// OpenSearch's error for a document, which quotes the document.
fn refused() -> Fault {
    let reason = "failed to parse field [name] of type [long] in document with id '1'. Preview of field's value: ";
    let error = json!({ "type": "mapper_parsing_exception", "reason": format!("{reason}'{VALUE}'") });
    let items = json!({ "items": [{ "index": { "_index": "x", "status": 400, "error": error } }] });
    Fault::answer(StatusCode::OK, "application/json", items.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_document_logs_no_value_although_opensearch_quotes_it() {
    let (deployment, schedule) = (Deployment::new().await, of_file("backfill/schedule.json"));
    let proxy = Proxy::start(&deployment.opensearch);
    proxy.rule(Rule::always(Match::Path("_bulk"), refused()));
    take(&deployment.ingest(), &[change_with_value(1)]).await;
    let records = deployment.stream().await.read().await;
    let projection = deployment.projection().with(OPENSEARCH_ENDPOINT, &proxy.endpoint());
    let answer = projection.invoke_with(&batch(&records)).await;
    let parked = lines_of(&answer, "projection parked");
    assert!(parked[0]["reason"].as_str().unwrap().ends_with(": mapper_parsing_exception at `name`"), "{parked:?}");
    check_lines(&answer, "projection");
    let answer = deployment.backfill().with(OPENSEARCH_ENDPOINT, &proxy.endpoint()).invoke(&schedule).await;
    assert_eq!(answer.value()["still_parked"], 1);
    check_lines(&answer, "backfill");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_with_any_damaged_attribute_logs_no_value() {
    let deployment = Deployment::new().await;
    let proxy = Proxy::start(&deployment.opensearch);
    take(&deployment.ingest(), &[change_with_value(1)]).await;
    let record = deployment.stream().await.read().await.remove(0);
    let image = record["dynamodb"]["NewImage"].as_object().unwrap();
    // The record of an event and its correlation id are logged unchanged. A usual source is left out.
    let parts = image.keys().map(String::as_str).chain(["source"]);
    let parts = parts.filter(|name| !["external_id", "txn", "corr"].contains(name));
    let mut broken: Vec<Value> = parts.map(|name| with(&record, name, json!({ "S": VALUE }))).collect();
    for data in [VALUE.to_owned(), format!("\"{VALUE}\""), format!("{{\"{VALUE}\": \"{VALUE}\"}}")] {
        broken.push(with(&record, "data", json!({ "S": data })));
    }
    // Each damaged item is refused and parked.
    proxy.rule(Rule::always(Match::Path("_bulk"), refused()));
    let projection = deployment.projection().with(OPENSEARCH_ENDPOINT, &proxy.endpoint());
    for broken in broken {
        let answer = projection.invoke_with(&batch(std::slice::from_ref(&broken))).await;
        assert_eq!(total(&answer.lines, "Parked"), 1, "{broken}");
        check_lines(&answer, "projection");
    }
}
