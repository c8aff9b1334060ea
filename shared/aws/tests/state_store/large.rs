//! What does not fit an item, or a page.

use annals_application::contract::samples::{change, key, position, timestamp};
use annals_application::ports::{
    BackfillJob, BackfillMode, JobCounts, JobPace, JobState, PortErrorKind, QuarantineEntry, QuarantineState, Snapshot,
};
use annals_domain::aggregate::Aggregate;
use annals_domain::change::FieldWrite;
use annals_domain::identity::{EntityName, ExternalId, Provider};
use annals_domain::path::Path;
use annals_domain::position::Version;
use annals_domain::validation_issue::ValidationIssue;
use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;

use crate::bench::{Bench, entry, noise_text};

fn snapshot(version: u64, text: &str) -> Snapshot {
    let mut state = Aggregate::new(key("a"), Provider::Salesforce, ExternalId::new("001"));
    let mut large = change(position(1, "large"));
    large.writes = vec![FieldWrite::of_value(Path::new("Description"), json!(text))];
    state.apply(Version::new(version), &large);
    Snapshot { state, recorded_at: timestamp(2) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_larger_than_an_item_comes_back_whole_by_one_request_more() {
    let bench = Bench::new().await;
    let store = bench.store();
    // About 3 MB once it is compressed: nine parts.
    let large = snapshot(100, &noise_text(6 << 20));
    let small = snapshot(50, "small");
    store.snapshots.put(vec![large.clone(), small.clone()]).await.expect("the store writes");
    assert!(bench.items("part#snapshot").await.len() > 8, "it is in parts");
    for (at_most, expected, requests) in [(99, &small.state, 1), (100, &large.state, 2), (999, &large.state, 2)] {
        bench.proxy.clear();
        let found = store.snapshots.newest(&key("a"), Version::new(at_most)).await.expect("the store reads");
        assert!(found.as_ref() == Some(expected), "at most {at_most}");
        assert_eq!(bench.proxy.requests().len(), requests, "at most {at_most}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_compresses_well_needs_no_parts() {
    let bench = Bench::new().await;
    let large = snapshot(100, &"long ".repeat(1 << 20));
    bench.store().snapshots.put(vec![large.clone()]).await.expect("the store writes");
    assert_eq!(bench.items("snapshot#").await.len(), 1);
    assert_eq!(bench.items("part#").await.len(), 0);
    let found = bench.store().snapshots.newest(&key("a"), Version::new(100)).await.expect("the store reads");
    assert!(found == Some(large.state));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_which_a_part_is_missing_is_none() {
    let bench = Bench::new().await;
    bench.store().snapshots.put(vec![snapshot(100, &noise_text(2 << 20))]).await.expect("the store writes");
    let parts = bench.items("part#").await;
    let key_of = |name: &str| parts[1][name].clone();
    let gone = bench.client.delete_item().table_name(&bench.table);
    gone.key("pk", key_of("pk")).key("sk", key_of("sk")).send().await.expect("it is there");
    let found = bench.store().snapshots.newest(&key("a"), Version::new(100)).await.expect("the store reads");
    assert!(found.is_none());
}

fn job(number: u32, input: String) -> BackfillJob {
    BackfillJob {
        id: Uuid::from_u128(number.into()),
        provider: Provider::Salesforce,
        entity_name: EntityName::new("Account"),
        mode: BackfillMode::Full,
        page_size: 50,
        input,
        created_at: timestamp(-i64::from(number)),
        state: JobState::Queued,
        reason: "a wildcard names no record".to_owned(),
        counts: JobCounts::default(),
        started_at: None,
        updated_at: None,
        pace: JobPace::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_more_than_a_page_and_an_input_of_more_than_an_item_are_listed_whole() {
    let bench = Bench::new().await;
    let store = bench.store();
    let mut jobs: Vec<_> = (1..=24).map(|number| job(number, noise_text(110_000))).collect();
    jobs.push(job(25, noise_text(900_000)));
    for job in &jobs {
        assert!(store.jobs.add(job.clone()).await.expect("the store writes"));
    }
    bench.proxy.clear();
    assert!(store.jobs.all().await.expect("the store reads") == jobs);
    assert!(bench.proxy.count("Query") > 1, "the inputs together pass a page's megabyte");

    bench.proxy.clear();
    assert_eq!(store.jobs.count_waiting().await.expect("the store reads"), 25);
    assert_eq!(bench.proxy.count("BatchGetItem"), 0, "no part of a body is read to count");

    bench.proxy.clear();
    let ended = BackfillJob { state: JobState::Done, ..jobs[24].clone() };
    assert!(store.jobs.update(&ended, &jobs[24]).await.expect("the store writes"));
    assert_eq!(bench.proxy.requests().len(), 2, "an update reads and writes the entry, and no part of the body");
    jobs[24] = ended;
    assert!(store.jobs.all().await.expect("the store reads") == jobs);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_more_ids_than_an_item_holds_comes_back_whole() {
    let bench = Bench::new().await;
    let noise = noise_text(900_000);
    let ids: Vec<_> = (0..50_000).map(|at| ExternalId::new(noise.get(at * 18..(at + 1) * 18).unwrap_or("x"))).collect();
    let asked = BackfillJob { mode: BackfillMode::Ids(ids), ..job(1, noise_text(900_000)) };
    assert!(bench.store().jobs.add(asked.clone()).await.expect("the store writes"));
    assert!(bench.store().jobs.all().await.expect("the store reads") == [asked]);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_more_than_a_page_are_counted_and_listed_over_all_pages() {
    let bench = Bench::new().await;
    let store = bench.store();
    let long = noise_text(60_000);
    let entries: Vec<QuarantineEntry> = (0..240)
        .map(|number| {
            let mut entry = entry(&format!("{number:03}"), 1, 0);
            entry.received_at = timestamp(-number);
            entry.errors = vec![ValidationIssue::new("payload", long.clone())];
            entry
        })
        .collect();
    let added = join_all(entries.iter().map(|entry| store.quarantine.add(entry.clone()))).await;
    assert!(added.iter().all(Result::is_ok));
    store.quarantine.set_state("239", QuarantineState::Redriven, None).await.expect("the store writes");
    bench.proxy.clear();
    let open = Some(QuarantineState::Open);
    assert_eq!(store.quarantine.count(open, 1_000).await.expect("the store reads"), 239);
    assert!(bench.proxy.count("Query") > 8, "some partition passes a page's megabyte");
    let page = store.quarantine.list(open, Some(&entries[235].place()), 9).await.expect("the store reads");
    assert!(page == entries[236..239], "{} entries", page.len());
    let page = store.quarantine.list(None, Some(&entries[1].place()), 1).await.expect("the store reads");
    assert!(page == entries[2..3]);
    assert_eq!(store.quarantine.count(None, 1_000).await.expect("the store reads"), 240);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_do_not_match_cost_no_request_each() {
    let bench = Bench::new().await;
    let store = bench.store();
    let ids: Vec<String> = (0..300).map(|number| format!("{number:03}")).collect();
    let settled = ids.iter().map(|id| async {
        store.quarantine.add(entry(id, 1, 0)).await.expect("the store writes");
        store.quarantine.set_state(id, QuarantineState::Dismissed, None).await.expect("the store writes");
    });
    join_all(settled).await;
    bench.proxy.clear();
    assert_eq!(store.quarantine.list(Some(QuarantineState::Open), None, 1).await.expect("the store reads"), []);
    assert_eq!(bench.proxy.count("Query"), 8, "one a partition");
    assert_eq!(store.quarantine.count(Some(QuarantineState::Open), 9).await.expect("the store reads"), 0);
    assert_eq!(bench.proxy.count("Query"), 16, "one a partition");
    assert_eq!(store.quarantine.list(None, None, 1).await.expect("the store reads").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_more_errors_than_there_is_room_for_the_first_are_kept() {
    let bench = Bench::new().await;
    let mut refused = entry("x", 1, 0);
    refused.errors = (0..500).map(|_| ValidationIssue::new("payload", "e".repeat(1000))).collect();
    let kept = bench.store().quarantine.add(refused.clone()).await.expect("the store writes");
    assert_eq!(bench.store().quarantine.get("x").await.expect("the store reads").as_ref(), Some(&kept));
    let (last, first) = kept.errors.split_last().expect("there are errors");
    assert_eq!(first, &refused.errors[..first.len()]);
    assert_eq!(last.message, format!("{} more errors are not stored", 500 - first.len()));
    assert!((50..80).contains(&first.len()), "{}", first.len());
    // The same again is the same: nothing is written.
    bench.proxy.clear();
    assert_eq!(bench.store().quarantine.add(refused).await.expect("the store writes"), kept);
    assert_eq!(bench.proxy.count("PutItem"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_is_rejected_and_what_cannot_be_read_is_corrupt() {
    let bench = Bench::new().await;
    let checkpoint = noise_text(500_000);
    bench
        .store()
        .leases
        .acquire("work", Uuid::nil(), timestamp(0), timestamp(9))
        .await
        .expect("it is free")
        .expect("so");
    let kept = bench.store().leases.renew("work", Uuid::nil(), timestamp(9), Some(&checkpoint)).await;
    let error = kept.expect_err("it does not fit");
    assert_eq!((error.kind, &error.resource), (PortErrorKind::Rejected, &bench.table));

    bench.store().quarantine.add(entry("y", 1, 0)).await.expect("the store writes");
    let stored = bench.items("quarantine").await.remove(0);
    let damaged = bench.client.put_item().table_name(&bench.table).set_item(Some(stored));
    let entry = aws_sdk_dynamodb::types::AttributeValue::S("{".to_owned());
    damaged.item("entry", entry).send().await.expect("the table takes it");
    let error = bench.store().quarantine.get("y").await.expect_err("it is no JSON");
    assert_eq!((error.kind, &error.resource), (PortErrorKind::Corrupt, &bench.table));
}
