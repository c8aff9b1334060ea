//! The four functions as they are deployed: their binaries behind a Lambda Runtime API, on DynamoDB
//! Local with its stream, on OpenSearch, and on moto.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod aged;
mod any_order;
mod batches;
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

/// Changes of so many clients, each in so many rounds: all of a round before those of the next.
fn changes(clients: usize, rounds: usize) -> Vec<Value> {
    (0..rounds).flat_map(|round| (0..clients).map(move |client| change(round, client))).collect()
}

/// Hands changes to `ingest`, as an array of events.
async fn take(ingest: &Function, changes: &[Value]) {
    assert_eq!(ingest.invoke_with(&json!(changes)).await.value(), Value::Null);
}

/// What `query` answers to a reader.
async fn get(query: &Function, path: &str) -> (u64, Value) {
    query.invoke_with(&request("GET", path, Caller::Reader, None)).await.http()
}

/// All clients that `query` lists, by their ids at the CRM.
async fn clients(deployment: &Deployment, query: &Function) -> BTreeMap<String, Value> {
    deployment.refresh().await;
    let (status, page) = get(query, "/clients?include_deleted=true&page_size=200").await;
    assert_eq!((status, &page["next"]), (200, &Value::Null), "{page}");
    let found = page["results"].as_array().unwrap().iter();
    found.map(|client| (client["id"].as_str().unwrap().to_owned(), client.clone())).collect()
}

/// What an answer to the event source mapping names.
fn named(answer: &Value) -> Vec<&str> {
    let failures = answer["batchItemFailures"].as_array().unwrap();
    failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap()).collect()
}
