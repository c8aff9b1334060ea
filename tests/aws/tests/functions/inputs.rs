//! The inputs of `ingest` and its responses.

use std::time::Duration;

use annals_aws_tests::functions::log_output::total;
use annals_aws_tests::functions::payloads::{Caller, failed_invocation, queue, request};
use annals_aws_tests::functions::{Deployment, Function};
use annals_services::{Fault, Match, Proxy, Rule, dynamodb_endpoint};
use annals_tests::changes::{change, record_id, shared_change};
use serde_json::{Value, json};

use crate::{get, named};

/// The function with a proxy before its tables.
fn through(proxy: &Proxy, deployment: &Deployment) -> Function {
    deployment.ingest().with("AWS_ENDPOINT_URL_DYNAMODB", &proxy.endpoint())
}

async fn versions(query: &Function, client: usize) -> usize {
    let (status, history) = get(query, &format!("/clients/{}/history", record_id(client))).await;
    if status == 404 { 0 } else { history["results"].as_array().unwrap().len() }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_failed_messages_of_a_queue_batch_are_retried() {
    let deployment = Deployment::new().await;
    let (proxy, query) = (Proxy::start(&dynamodb_endpoint()), deployment.query());
    let ingest = through(&proxy, &deployment);
    let bodies = [
        change(0, 0).to_string(),
        change(0, 1).to_string(),
        "no JSON".to_owned(),
        failed_invocation(&change(0, 2)).to_string(),
        json!([change(1, 0), change(1, 2)]).to_string(),
    ];
    let ids = ["first", "second", "third", "fourth", "fifth"];
    let messages: Vec<(&str, &str)> = ids.into_iter().zip(bodies.iter().map(String::as_str)).collect();
    // The second append belongs to the second message.
    proxy.rule(Rule::nth(2, Match::Target("PutItem"), Fault::access_denied()));
    let answer = ingest.invoke_with(&queue(&messages)).await;
    assert_eq!(named(&answer.value()), ["second"]);
    assert_eq!((total(&answer.lines, "Stored"), total(&answer.lines, "Quarantined")), (4, 1));
    assert_eq!((versions(&query, 0).await, versions(&query, 1).await, versions(&query, 2).await), (2, 0, 2));

    let again = ingest.invoke_with(&queue(&messages[1..2])).await;
    assert_eq!(named(&again.value()), [""; 0]);
    assert_eq!(versions(&query, 1).await, 1);
    let kept = query.invoke_with(&request("GET", "/quarantine", Caller::Admin, None)).await.http().1;
    let one = format!("/quarantine/{}", kept["results"][0]["id"].as_str().unwrap());
    let entry = query.invoke_with(&request("GET", &one, Caller::Admin, None)).await.http().1;
    assert_eq!((&kept["count"], &entry["body"]), (&json!(1), &json!("no JSON")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_batch_returns_its_failed_messages_before_the_timeout_if_dynamodb_hangs() {
    let deployment = Deployment::new().await;
    let proxy = Proxy::start(&dynamodb_endpoint());
    let ingest = through(&proxy, &deployment).within(Duration::from_secs(4));
    let bodies = ["no JSON".to_owned(), change(0, 0).to_string(), change(0, 1).to_string()];
    let ids = ["first", "second", "third"];
    let messages: Vec<(&str, &str)> = ids.into_iter().zip(bodies.iter().map(String::as_str)).collect();
    proxy.rule(Rule::always(Match::Any, Fault::HangBefore));
    let answer = ingest.invoke_with(&queue(&messages)).await;
    assert_eq!(named(&answer.value()), ids);
    assert!(answer.lines.iter().any(|line| line.contains(&deployment.state_table)), "{:?}", answer.lines);
    assert_eq!(proxy.requests().len(), 1, "no time is left for the following messages");

    proxy.heal();
    let again = ingest.invoke_with(&queue(&messages)).await;
    assert_eq!(named(&again.value()), [""; 0]);
    assert_eq!((total(&again.lines, "Stored"), total(&again.lines, "Quarantined")), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_stored_fails_its_invocation_and_the_retry_stores_it_once() {
    let deployment = Deployment::new().await;
    let proxy = Proxy::start(&dynamodb_endpoint());
    let (ingest, query) = (through(&proxy, &deployment), deployment.query());
    proxy.rule(Rule::always(Match::Target("PutItem"), Fault::access_denied()));
    let answer = ingest.invoke_with(&change(0, 0)).await;
    let error: Value = serde_json::from_str(answer.outcome.as_ref().unwrap_err()).unwrap();
    assert_eq!(error["errorType"], "InvocationFailed", "{error}");
    assert!(
        error["errorMessage"].as_str().unwrap().contains(&deployment.events_table),
        "the error must name the table: {error}"
    );

    proxy.heal();
    for expected in ["Stored", "Duplicate"] {
        let answer = ingest.invoke_with(&change(0, 0)).await;
        assert_eq!((answer.value(), total(&answer.lines, expected)), (Value::Null, 1));
    }
    assert_eq!(versions(&query, 0).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_response_duplicates_nothing() {
    let deployment = Deployment::new().await;
    let proxy = Proxy::start(&dynamodb_endpoint());
    let (ingest, query) = (through(&proxy, &deployment), deployment.query());
    proxy.rule(Rule::first(1, Match::Target("PutItem"), Fault::DropAfter));
    let answer = ingest.invoke_with(&change(0, 0)).await;
    assert_eq!((answer.value(), total(&answer.lines, "Stored")), (Value::Null, 1));
    assert_eq!((versions(&query, 0).await, proxy.count("PutItem")), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_gets_the_outcome_of_each_change() {
    let deployment = Deployment::new().await;
    let ingest = deployment.ingest();
    let ids = [record_id(7), record_id(8)];
    let body = json!([change(0, 1), shared_change(0, 7, &ids), change(0, 1)]).to_string();
    let (status, answer) =
        ingest.invoke_with(&request("POST", "/events/salesforce", Caller::Reader, Some(&body))).await.http();
    let outcomes = |read: &Value| format!("{} {} {}", read["external_id"], read["outcome"], read["version"]);
    let outcomes: Vec<_> = answer["results"].as_array().unwrap().iter().map(outcomes).collect();
    let expected = [
        format!("\"{}\" \"stored\" 1", record_id(1)),
        format!("\"{}\" \"stored\" 1", ids[0]),
        format!("\"{}\" \"stored\" 1", ids[1]),
        format!("\"{}\" \"duplicate\" null", record_id(1)),
    ];
    assert_eq!((status, outcomes.as_slice()), (200, expected.as_slice()), "{answer}");
    for (path, caller, body, expected) in [
        ("/events/salesforce", Caller::Nobody, "{}", 401),
        ("/events/salesforce", Caller::Reader, "no JSON", 400),
        ("/events/hubspot", Caller::Reader, "[]", 404),
        ("/clients", Caller::Reader, "[]", 404),
    ] {
        let (status, answer) = ingest.invoke_with(&request("POST", path, caller, Some(body))).await.http();
        assert_eq!(status, expected, "{path}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_input_that_is_not_a_change_event_goes_to_quarantine() {
    let deployment = Deployment::new().await;
    let (ingest, query) = (deployment.ingest(), deployment.query());
    let inputs = [
        "null",
        "7",
        r#""a text""#,
        "{}",
        r#"{"Records":[{"eventSource":"aws:sns","Sns":{"Message":"{}"}}]}"#,
        r#"{"requestContext":{"http":{}}}"#,
    ];
    for input in inputs {
        let answer = ingest.invoke(input).await;
        assert_eq!((answer.value(), total(&answer.lines, "Quarantined")), (Value::Null, 1), "{input}");
    }
    let kept = query.invoke_with(&request("GET", "/quarantine?page_size=50", Caller::Admin, None)).await.http().1;
    assert_eq!(kept["count"], inputs.len(), "{kept}");
}
