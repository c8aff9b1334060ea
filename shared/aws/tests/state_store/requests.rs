//! What calls cost, counted at the wire.

use annals_application::contract::samples::{change, key, position, timestamp};
use annals_application::ports::Snapshot;
use annals_domain::aggregate::{Aggregate, FOLD_VERSION};
use annals_domain::change::RefetchReason;
use annals_domain::identity::{EntityKey, EntityName, ExternalId, Provider};
use annals_domain::position::Version;
use annals_services::RecordedRequest;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::bench::{Bench, task};

fn snapshot(version: u64) -> Snapshot {
    let mut state = Aggregate::new(key("a"), Provider::Salesforce, ExternalId::new("001"));
    state.apply(Version::new(version), &change(position(1, "an event")));
    Snapshot { state, recorded_at: timestamp(2) }
}

/// Checks which requests were made since the last look.
#[track_caller]
fn check(bench: &Bench, expected: &[&str]) {
    let requests = bench.proxy.requests();
    let found: Vec<&str> = requests.iter().filter_map(|request| request.operation()).collect();
    assert_eq!(found, expected);
    bench.proxy.clear();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_two_requests_to_write_and_one_to_read_or_two_by_when_it_was_recorded() {
    let bench = Bench::new().await;
    let store = bench.store();
    store.snapshots.put(vec![snapshot(50)]).await.expect("the store writes");
    check(&bench, &["PutItem", "PutItem"]);
    for (at_most, expected) in [(49, None), (50, Some(50)), (99, Some(50))] {
        let found = store.snapshots.newest(&key("a"), Version::new(at_most)).await.expect("the store reads");
        assert_eq!(found.map(|found| found.version().get()), expected);
        check(&bench, &["Query"]);
    }
    assert!(store.snapshots.newest_as_of(&key("a"), timestamp(1)).await.expect("the store reads").is_some());
    check(&bench, &["Query"]);
    assert!(store.snapshots.newest_known_at(&key("a"), timestamp(2)).await.expect("the store reads").is_some());
    check(&bench, &["Query", "Query"]);
    assert!(store.snapshots.newest_known_at(&key("a"), timestamp(1)).await.expect("the store reads").is_none());
    check(&bench, &["Query"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_of_another_fold_version_are_not_seen() {
    let bench = Bench::new().await;
    bench.store().snapshots.put(vec![snapshot(50)]).await.expect("the store writes");
    for (fold, version) in [(FOLD_VERSION + 1, 60_u64), (FOLD_VERSION * 10, 70)] {
        let mut item = bench.items(&format!("snapshot#{FOLD_VERSION}#")).await.remove(0);
        item.insert("pk".to_owned(), AttributeValue::S(format!("snapshot#{fold}#{}", key("a"))));
        item.insert("sk".to_owned(), AttributeValue::S(format!("{version:020}")));
        bench.client.put_item().table_name(&bench.table).set_item(Some(item)).send().await.expect("it is written");
    }
    let found = bench.store().snapshots.newest(&key("a"), Version::new(99)).await.expect("the store reads");
    assert_eq!(found.map(|found| found.version().get()), Some(50));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_one_write_and_none_where_it_adds_nothing() {
    let bench = Bench::new().await;
    let store = bench.store();
    let asked = || vec![task("a", 5, &[RefetchReason::Gap])];
    store.refetch.enqueue(asked()).await.expect("the store writes");
    check(&bench, &["PutItem"]);
    store.refetch.enqueue(asked()).await.expect("the store writes");
    check(&bench, &["PutItem"]);
    store.refetch.enqueue(vec![task("a", 5, &[RefetchReason::BrokenText])]).await.expect("the store writes");
    check(&bench, &["PutItem", "PutItem"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn counting_tasks_sends_none_of_them_and_ends_where_it_is_asked_to() {
    let bench = Bench::new().await;
    let store = bench.store();
    let tasks = (0..40).map(|number| task(&number.to_string(), number, &[RefetchReason::Gap]));
    store.refetch.enqueue(tasks.collect()).await.expect("the store writes");
    bench.proxy.clear();
    assert_eq!(store.refetch.count(99).await.expect("the store reads"), 40);
    check(&bench, &["Query"; 8]);
    assert_eq!(store.refetch.count(2).await.expect("the store reads"), 2);
    let requests = bench.proxy.requests();
    assert!(requests.len() < 4, "some partition has two: {}", requests.len());
    let counts = |request: &RecordedRequest| {
        let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
        body["Select"] == "COUNT"
    };
    assert!(requests.iter().all(counts));
}

#[tokio::test(flavor = "multi_thread")]
async fn finishing_many_records_without_a_task_is_one_read_a_hundred() {
    let bench = Bench::new().await;
    let store = bench.store();
    let keys: Vec<EntityKey> = (0..150).map(|number| key(&number.to_string())).collect();
    let up_to: Vec<_> = keys.iter().map(|key| (key.clone(), Version::FIRST)).collect();
    store.refetch.finish(&up_to).await.expect("the store writes");
    check(&bench, &["BatchGetItem", "BatchGetItem"]);
    store.refetch.remove_reason(&keys, RefetchReason::MissingBase).await.expect("the store writes");
    check(&bench, &["BatchGetItem", "BatchGetItem"]);
    store.refetch.finish(&[]).await.expect("the store writes");
    store.refetch.remove_reason(&[], RefetchReason::MissingBase).await.expect("the store writes");
    check(&bench, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_tasks_are_finished_whatever_their_partition() {
    let bench = Bench::new().await;
    let store = bench.store();
    let tasks: Vec<_> = (0..60).map(|number| task(&number.to_string(), number, &[RefetchReason::Gap])).collect();
    store.refetch.enqueue(tasks.clone()).await.expect("the store writes");
    let up_to: Vec<_> = tasks.iter().map(|task| (task.key.clone(), task.version)).collect();
    assert_eq!(store.refetch.earliest(Provider::Salesforce, 99).await.expect("the store reads"), tasks);
    bench.proxy.clear();
    store.refetch.finish(&[&up_to[..59], &up_to[..9]].concat()).await.expect("the store writes");
    check(&bench, &[&["BatchGetItem"], &["DeleteItem"; 59][..]].concat());
    assert_eq!(store.refetch.earliest(Provider::Salesforce, 99).await.expect("the store reads"), tasks[59..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_known_costs_nothing() {
    let bench = Bench::new().await;
    let objects = [(Provider::Salesforce, EntityName::new("Account"))];
    let store = bench.store();
    store.objects.register(&objects).await.expect("the store writes");
    check(&bench, &["PutItem"]);
    store.clone().objects.register(&objects).await.expect("the store writes");
    check(&bench, &[]);
    let other = bench.store();
    assert_eq!(other.objects.registered().await.expect("the store reads"), objects);
    other.objects.register(&objects).await.expect("the store writes");
    check(&bench, &["Query"]);
}
