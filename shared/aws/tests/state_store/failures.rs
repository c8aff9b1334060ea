//! What a failure says, and that a lost answer changes nothing.

use std::collections::HashMap;
use std::sync::Arc;

use annals_application::contract::samples::timestamp;
use annals_application::ports::{
    BackfillJob, BackfillMode, Clock, JobCounts, JobPace, JobState, PortErrorKind, StatePorts,
};
use annals_aws::state_store::DynamoStateStore;
use annals_domain::change::RefetchReason;
use annals_domain::identity::{EntityKey, EntityName, Provider};
use annals_domain::position::Version;
use annals_services::{Fault, Match, Rule, sdk_config};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bench::{Bench, task};

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_table_is_named() {
    let bench = Bench::new().await;
    let config = sdk_config(&bench.proxy.endpoint());
    let clock = Arc::clone(&bench.clock) as Arc<dyn Clock>;
    let store = StatePorts::of(DynamoStateStore::new(&config, "no-such-table".to_owned(), clock));
    let read = store.refetch.earliest(Provider::Salesforce, 9).await.expect_err("there is no table");
    let written = store.refetch.enqueue(vec![task("a", 1, &[])]).await.expect_err("there is no table");
    let taken =
        store.leases.acquire("work", Uuid::nil(), timestamp(0), timestamp(1)).await.expect_err("there is no table");
    for error in [read, written, taken] {
        assert_eq!((error.kind, error.resource.as_str()), (PortErrorKind::Misconfigured, "no-such-table"));
        assert!(error.to_string().contains("ResourceNotFoundException"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_answer_the_outcome_is_unknown() {
    let bench = Bench::new().await;
    bench.proxy.rule(Rule::always(Match::Any, Fault::DropAfter));
    let error = bench.store().refetch.enqueue(vec![task("a", 1, &[])]).await.expect_err("no answer comes");
    assert_eq!((error.kind, &error.resource), (PortErrorKind::OutcomeUnknown, &bench.table));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answer_was_lost_is_made_once() {
    let bench = Bench::new().await;
    let lost = || Rule::first(1, Match::Target("PutItem"), Fault::DropAfter);
    let job = BackfillJob {
        id: Uuid::from_u128(1),
        provider: Provider::Salesforce,
        entity_name: EntityName::new("Account"),
        mode: BackfillMode::Full,
        page_size: 50,
        input: "{}".to_owned(),
        created_at: timestamp(1),
        state: JobState::Queued,
        reason: "a wildcard names no record".to_owned(),
        counts: JobCounts::default(),
        started_at: None,
        updated_at: None,
        pace: JobPace::default(),
    };
    bench.proxy.rule(lost());
    assert!(bench.store().jobs.add(job.clone()).await.expect("the store writes"), "it was kept by the first try");
    assert_eq!(bench.proxy.count("PutItem"), 2);
    assert_eq!(bench.store().jobs.all().await.expect("the store reads"), std::slice::from_ref(&job));

    bench.proxy.clear();
    bench.proxy.rule(lost());
    let paused = BackfillJob { state: JobState::Paused, ..job.clone() };
    assert!(bench.store().jobs.update(&paused, &job).await.expect("the store writes"), "the first try brought it on");
    assert_eq!(bench.proxy.count("PutItem"), 2);
    assert_eq!(bench.store().jobs.all().await.expect("the store reads"), [paused]);

    bench.proxy.clear();
    bench.proxy.rule(lost());
    let asked = task("a", 1, &[RefetchReason::Gap]);
    bench.store().refetch.enqueue(vec![asked.clone()]).await.expect("the store writes");
    assert_eq!(bench.proxy.count("PutItem"), 2);
    assert_eq!(bench.store().refetch.earliest(Provider::Salesforce, 9).await.expect("the store reads"), [asked]);
}

/// Three tasks, and their records with the versions that asked.
async fn three_tasks(bench: &Bench) -> [(EntityKey, Version); 3] {
    let tasks = ["a", "b", "c"].map(|name| task(name, 1, &[RefetchReason::Gap]));
    bench.store().refetch.enqueue(tasks.to_vec()).await.expect("the store writes");
    bench.proxy.clear();
    tasks.map(|task| (task.key, task.version))
}

/// Where the items of these partitions are, as DynamoDB's JSON has it.
async fn keys_of(bench: &Bench, partitions: &str) -> Vec<Value> {
    let key = |item: &HashMap<String, AttributeValue>| {
        let text = |name: &str| json!({"S": item[name].as_s().expect("a text")});
        json!({"pk": text("pk"), "sk": text("sk")})
    };
    bench.items(partitions).await.iter().map(key).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_batch_of_reads_leaves_is_asked_for_again_alone() {
    let bench = Bench::new().await;
    let records = three_tasks(&bench).await;
    let keys = keys_of(&bench, "hydration").await;
    let unread =
        Fault::left_of_batch("UnprocessedKeys", &bench.table, &json!({"Keys": keys[1..], "ConsistentRead": true}));
    bench.proxy.rule(Rule::first(1, Match::Target("BatchGetItem"), unread));
    // The proxy's answer stands for DynamoDB's: the first task was not found in it.
    bench.store().refetch.finish(&records).await.expect("the store writes");
    let requests = bench.proxy.requests();
    let found: Vec<_> = requests.iter().filter_map(|request| request.operation()).collect();
    assert_eq!(found, ["BatchGetItem", "BatchGetItem", "DeleteItem", "DeleteItem"]);
    let again: Value = serde_json::from_slice(&requests[1].body).expect("JSON");
    assert_eq!(again["RequestItems"][&bench.table]["Keys"].as_array().map(Vec::len), Some(2), "{again}");
    assert_eq!(keys_of(&bench, "hydration").await, keys[..1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_batch_of_writes_leaves_is_asked_for_again_alone() {
    let bench = Bench::new().await;
    let quarantine = bench.store().quarantine;
    for number in 0..3 {
        quarantine.put_chunk(Uuid::nil(), number, timestamp(0), b"bytes".to_vec()).await.expect("the store writes");
    }
    let keys = keys_of(&bench, "chunk").await;
    bench.proxy.clear();
    let kept: Vec<Value> = keys[..1].iter().map(|key| json!({"DeleteRequest": {"Key": key}})).collect();
    let kept = Fault::left_of_batch("UnprocessedItems", &bench.table, &json!(kept));
    bench.proxy.rule(Rule::first(1, Match::Target("BatchWriteItem"), kept));
    // The proxy's answer stands for DynamoDB's, which was asked for nothing: the other two are there still.
    quarantine.delete_chunks(Uuid::nil()).await.expect("the store writes");
    let requests = bench.proxy.requests();
    let found: Vec<_> = requests.iter().filter_map(|request| request.operation()).collect();
    // The last one removes the note that the chunks may belong to no entry.
    assert_eq!(found, ["Query", "BatchWriteItem", "BatchWriteItem", "BatchWriteItem"]);
    let again: Value = serde_json::from_slice(&requests[2].body).expect("JSON");
    assert_eq!(again["RequestItems"][&bench.table].as_array().map(Vec::len), Some(1), "{again}");
    assert_eq!(keys_of(&bench, "chunk").await, keys[1..], "the one that was left is gone now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_never_finished_is_unavailable() {
    let bench = Bench::new().await;
    let records = three_tasks(&bench).await;
    let keys = keys_of(&bench, "hydration").await;
    let unread = Fault::left_of_batch("UnprocessedKeys", &bench.table, &json!({"Keys": keys, "ConsistentRead": true}));
    bench.proxy.rule(Rule::always(Match::Target("BatchGetItem"), unread));
    let error = bench.store().refetch.finish(&records).await.expect_err("it is never read");
    assert_eq!((error.kind, &error.resource), (PortErrorKind::Unavailable, &bench.table));
    assert!(bench.proxy.count("BatchGetItem") < 10, "it is not asked for ever");
}
