//! How a function starts, which connections it keeps, and how it reports that it cannot start.

use std::collections::BTreeMap;

use annals_aws_tests::functions::records::batch;
use annals_aws_tests::functions::{Deployment, Function};
use annals_lambda::settings::Function as Name;
use annals_lambda::settings::OPENSEARCH_ENDPOINT;
use annals_services::{Proxy, dynamodb_endpoint, moto_endpoint};
use annals_tests::changes::change;
use serde_json::Value;

use crate::queue::{Bus, Details};
use crate::{named, take};

async fn check(name: Name, environment: &[(&str, &str)], expected: &[&str]) {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let answer = Function::new(name, environment.collect::<BTreeMap<_, _>>()).invoke("{}").await;
    let error: Value = serde_json::from_str(answer.outcome.as_ref().unwrap_err()).unwrap();
    assert_eq!(error["errorType"], "Runtime.ExitError", "{}", name.name());
    let said = answer.errors.lines().collect::<Vec<_>>();
    assert_eq!(said.len(), 1, "expected one error in total, not one per start: {said:?}");
    for words in expected {
        assert!(said[0].contains(words), "{}: {said:?}", name.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_reports_all_missing_variables_at_once() {
    let tables = ["ANNALS_EVENTS_TABLE is not set", "ANNALS_STATE_TABLE is not set"];
    let search = "neither ANNALS_OPENSEARCH_ENDPOINT nor ANNALS_OPENSEARCH_DOMAIN is set";
    check(Name::Ingest, &[], &tables).await;
    for name in [Name::Projection, Name::Query, Name::Backfill] {
        check(name, &[], &[tables[0], tables[1], search]).await;
    }
    let wrong = [
        ("ANNALS_STATE_TABLE", "state"),
        ("ANNALS_OPENSEARCH_ENDPOINT", "nowhere"),
        ("ANNALS_PUBLISHER", "kafka"),
        ("ANNALS_SALESFORCE_ORG", "acme"),
    ];
    let expected = [
        tables[0],
        "invalid value `nowhere` of ANNALS_OPENSEARCH_ENDPOINT",
        "invalid value `kafka` of ANNALS_PUBLISHER",
        "`acme`",
    ];
    check(Name::Projection, &wrong, &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_starts_without_its_services() {
    let deployment = Deployment::new().await;
    let nowhere = "http://127.0.0.1:9";
    for function in [deployment.ingest(), deployment.projection(), deployment.query(), deployment.backfill()] {
        let function = function.with("AWS_ENDPOINT_URL_DYNAMODB", nowhere);
        let answer = function.with("ANNALS_OPENSEARCH_ENDPOINT", nowhere).invoke(r#"{"Records":[]}"#).await;
        let error = answer.outcome.as_ref().err().map(String::as_str).unwrap_or_default();
        assert!(!error.contains("ExitError"), "{error}: {}", answer.errors);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_has_one_client_per_service_that_keeps_its_connection() {
    let (deployment, bus) = (Deployment::new().await, Bus::new().await);
    let services = [dynamodb_endpoint(), deployment.opensearch.clone(), moto_endpoint()];
    let [tables, search, events] = services.map(|endpoint| Proxy::start(&endpoint));
    let ingest = deployment.ingest().with("AWS_ENDPOINT_URL_DYNAMODB", &tables.endpoint());
    for round in 0..3 {
        take(&ingest, &[change(round, 0)]).await;
        assert_eq!(tables.connections(), 1, "round {round}");
    }
    drop(ingest);

    let projection = bus.publishing(deployment.projection()).with("AWS_ENDPOINT_URL_EVENTBRIDGE", &events.endpoint());
    let projection = projection.with("AWS_ENDPOINT_URL_DYNAMODB", &tables.endpoint());
    let projection = projection.with(OPENSEARCH_ENDPOINT, &search.endpoint());
    let before = tables.connections();
    for record in deployment.stream().await.read().await {
        assert_eq!(named(&projection.invoke_with(&batch(&[record])).await.value()), [""; 0]);
        let opened = [tables.connections() - before, search.connections(), events.connections()];
        assert_eq!(opened, [1, 1, 1]);
    }
    assert_eq!(events.count("PutEvents"), 3, "each invocation must call each service");
}
