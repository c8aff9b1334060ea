//! The four functions as deployed: their binaries on a Lambda Runtime API, with DynamoDB Local and its
//! stream, OpenSearch and moto.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod aged;
mod any_order;
mod bad_requests;
mod batches;
mod crm;
mod emulator;
mod end_to_end;
mod inputs;
mod log_lines;
mod measured;
mod outage;
mod published_events;
mod queue;
mod rebuild;
mod requests;
mod search_away;
mod shards;
mod start;
mod strays;
mod tables_away;
mod values;

use std::collections::BTreeMap;

use annals_aws_tests::functions::payloads::{Caller, request};
use annals_aws_tests::functions::{Deployment, Function};
use annals_tests::changes::change;
use serde_json::{Value, json};

/// The changes of all clients, round by round.
fn changes(clients: usize, rounds: usize) -> Vec<Value> {
    (0..rounds).flat_map(|round| (0..clients).map(move |client| change(round, client))).collect()
}

/// Invokes `ingest` with changes as an array of events.
async fn take(ingest: &Function, changes: &[Value]) {
    assert_eq!(ingest.invoke_with(&json!(changes)).await.value(), Value::Null);
}

/// The response of `query` to a reader.
async fn get(query: &Function, path: &str) -> (u64, Value) {
    query.invoke_with(&request("GET", path, Caller::Reader, None)).await.http()
}

/// All clients that `query` lists, by their ids in the CRM.
async fn clients(deployment: &Deployment, query: &Function) -> BTreeMap<String, Value> {
    deployment.refresh().await;
    let (status, page) = get(query, "/clients?include_deleted=true&page_size=200").await;
    assert_eq!((status, &page["next"]), (200, &Value::Null), "{page}");
    let found = page["results"].as_array().unwrap().iter();
    found.map(|client| (client["id"].as_str().unwrap().to_owned(), client.clone())).collect()
}

/// The failed items that a response to the event source mapping names.
fn named(answer: &Value) -> Vec<&str> {
    let failures = answer["batchItemFailures"].as_array().unwrap();
    failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap()).collect()
}
