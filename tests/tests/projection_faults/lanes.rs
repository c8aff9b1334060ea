//! The read model and the publisher: an outage of one does not hold up the other, and is told.

use std::sync::atomic::Ordering;

use annals_application::ports::{CommitPosition, EventFeed, FeedConsumer};
use annals_application::projection::{CatchUpError, Redriver};
use annals_application::queries::Health;
use annals_sqlite::process::{LocalProcess, ProcessSettings, ProcessTuning, PublishTo};
use annals_tests::crm::{Account, Delivery};
use annals_tests::process::{TestProcess, ingest_deliveries};
use annals_tests::random::Random;

use crate::bench::{Bench, bench};

impl Bench {
    async fn places(&self) -> [u64; 2] {
        let place = |consumer| async move { self.feed.checkpoint(consumer).await.unwrap().0 };
        [place(FeedConsumer::ReadModel).await, place(FeedConsumer::Publisher).await]
    }

    fn published_versions(&self) -> usize {
        let events = self.published.events.lock().unwrap();
        events.iter().map(|event| usize::try_from(event.version.get() - event.from_version.get()).unwrap() + 1).sum()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_publisher_does_not_hold_up_the_read_model() {
    let bench = bench(4, 3).await;
    let feed_projector = bench.feed_projector();
    bench.published.is_down.store(true, Ordering::SeqCst);
    let error = feed_projector.catch_up().await.expect_err("an outage");
    assert!(annals_application::log_chain(&error).contains("scripted outage"), "{error}");
    assert_eq!(bench.places().await, [12, 0]);
    bench.assert_all_projected().await;

    bench.published.is_down.store(false, Ordering::SeqCst);
    assert_eq!(feed_projector.publish().await.unwrap(), 12);
    assert_eq!((bench.places().await, bench.published_versions()), ([12, 12], 12));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_read_model_does_not_hold_up_the_publisher() {
    let bench = bench(4, 3).await;
    let feed_projector = bench.feed_projector();
    bench.read_model.is_down.store(true, Ordering::SeqCst);
    feed_projector.catch_up().await.expect_err("an outage");
    assert_eq!((bench.places().await, bench.published_versions()), ([0, 12], 12));

    bench.read_model.is_down.store(false, Ordering::SeqCst);
    assert_eq!(feed_projector.catch_up().await.unwrap(), 12);
    bench.assert_all_projected().await;
    assert_eq!(bench.published_versions(), 12, "nothing is published twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_one_projection_is_an_error_and_the_next_run_works() {
    let bench = bench(2, 2).await;
    let feed_projector = bench.feed_projector();
    bench.published.panics.store(true, Ordering::SeqCst);
    let panicked = feed_projector.publish().await;
    assert!(matches!(panicked, Err(CatchUpError::Panicked)), "{panicked:?}");
    assert_eq!(feed_projector.index().await.unwrap(), 4);
    bench.published.panics.store(false, Ordering::SeqCst);
    assert_eq!(feed_projector.publish().await.unwrap(), 4);
}

/// As on AWS, where the stream has one place for all projections.
#[tokio::test(flavor = "multi_thread")]
async fn where_the_feed_has_one_place_an_outage_of_the_publisher_parks_what_it_keeps_back() {
    let bench = bench(4, 3).await;
    let projector = bench.parking_unpublished();
    bench.published.is_down.store(true, Ordering::SeqCst);
    let report = projector.project(bench.events.clone()).await;
    assert_eq!((report.failed.len(), report.parked), (0, 4));
    bench.assert_all_projected().await;
    let parked = bench.state.parked.oldest(9).await.unwrap();
    assert!(parked.iter().all(|parked| parked.reason.starts_with("not published: ")), "{parked:?}");

    bench.published.is_down.store(false, Ordering::SeqCst);
    for parked in &parked {
        Redriver::new(&bench.projector(0)).redrive(parked).await.unwrap();
    }
    assert_eq!(bench.published_versions(), 12);
    assert!(bench.state.parked.oldest(9).await.unwrap().is_empty());

    bench.read_model.is_down.store(true, Ordering::SeqCst);
    let report = projector.project(bench.events.clone()).await;
    assert_eq!((report.failed.len(), report.parked), (4, 0), "an outage of the read model goes back to the stream");
}

fn creation(number: u64) -> Delivery {
    Account::new(&format!("001{number:012}AAA")).create(&mut Random::new(number))
}

/// Status and detail of a dependency.
async fn dependency(process: &LocalProcess, name: &str) -> (Health, String) {
    let report = process.health.check().await;
    let found = report.dependencies.into_iter().find(|dependency| dependency.name == name).unwrap();
    (found.status, found.detail)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_says_that_a_stored_change_is_not_projected_yet_and_health_says_why() {
    let test = TestProcess::new().await;
    let by_hand = rusqlite::Connection::open(&test.settings.db).unwrap();
    by_hand.execute_batch("UPDATE read_model SET digest = 'of another definition'").unwrap();
    let reads = test.deliver([creation(1)]).await;
    let warnings: Vec<String> = reads[0][0].warnings.iter().map(ToString::to_string).collect();
    assert!(warnings.iter().any(|warning| warning.contains("stored, but not projected yet")), "{warnings:?}");
    let (health, detail) = dependency(&test.process, "projection").await;
    assert_eq!(health, Health::Degraded);
    assert!(detail.starts_with("1 events not projected, the oldest for "), "{detail}");
    assert!(detail.contains("the last attempt failed") && detail.contains("annals rebuild"), "{detail}");
    assert_eq!(dependency(&test.process, "publisher").await, (Health::Ok, "0 events not published".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_write_is_told_by_health_until_one_succeeds() {
    let test = TestProcess::new().await;
    let by_hand = rusqlite::Connection::open(&test.settings.db).unwrap();
    by_hand.execute_batch("ALTER TABLE quarantine_chunk RENAME TO away").unwrap();
    let handler = &test.process.handler;
    let malformed = || vec![Delivery::Event(r#"{"ChangeEventHeader": {"entityName": 7}}"#.into())];
    let commands = annals_tests::process::commands_of(handler, malformed());
    handler.handle(commands).await.expect_err("it cannot be kept");
    let (health, detail) = dependency(&test.process, "event_store").await;
    assert_eq!(health, Health::Degraded);
    assert!(detail.starts_with("the last write failed 0 s ago: the database"), "{detail}");
    test.deliver([creation(1)]).await;
    assert_eq!(dependency(&test.process, "event_store").await.0, Health::Ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_without_publisher_stores_is_not_published_but_a_backlog_is() {
    let test = TestProcess::new().await;
    let unpublished = ProcessSettings { publish: PublishTo::Nowhere, ..test.settings.clone() };
    let quiet = LocalProcess::open_tuned(&unpublished, ProcessTuning::default()).await.unwrap();
    ingest_deliveries(&quiet.handler, [creation(1)]).await;
    let lines = || std::fs::read_to_string(test.published_events()).unwrap().lines().count();
    test.process.feed_projector.catch_up().await.unwrap();
    assert_eq!(lines(), 0);

    // The publisher is behind: what follows is in its backlog, whoever stores it.
    let by_hand = rusqlite::Connection::open(&test.settings.db).unwrap();
    by_hand.execute_batch("UPDATE checkpoint SET position = 0 WHERE name = 'publisher'").unwrap();
    ingest_deliveries(&quiet.handler, [creation(2)]).await;
    test.process.feed_projector.catch_up().await.unwrap();
    assert_eq!(lines(), 2);
    let database = annals_sqlite::Database::open(&test.settings.db).unwrap();
    let feed = annals_sqlite::SqliteEventStore::new(database);
    assert_eq!(feed.checkpoint(FeedConsumer::Publisher).await.unwrap(), CommitPosition(2));
}
