//! Parked records: each is retried in turn, and a successful projection is not repeated.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use annals_application::ports::{ParkedProjection, PortErrorKind};
use annals_application::projection::{RedriveReport, Redriver};
use annals_domain::identity::AggregateId;
use annals_domain::position::Version;
use tokio::time::Instant;

use crate::bench::{Bench, bench};

#[tokio::test(flavor = "multi_thread")]
async fn one_poison_record_is_parked_and_the_others_are_projected() {
    let bench = bench(5, 3).await;
    bench.read_model.refused.lock().unwrap().insert(bench.ids[2]);
    let projector = bench.projector(1 << 20);
    let report = projector.project(bench.events.clone()).await;
    assert_eq!((report.projected, report.parked, report.failed.len()), (4, 1, 0));
    assert!(bench.document(bench.ids[2]).await.is_none() && bench.document(bench.ids[3]).await.is_some());

    let parked = bench.state.parked.oldest(10).await.unwrap();
    let [parked] = parked.as_slice() else { panic!("{parked:?}") };
    assert_eq!((parked.from_version, parked.to_version), (Version::FIRST, Version::new(3)));
    assert_eq!(parked.reason, "scripted");

    bench.read_model.refused.lock().unwrap().clear();
    let report = Redriver::new(&projector).redrive(parked).await.unwrap();
    assert_eq!((report.projected, report.parked), (1, 0));
    assert!(bench.state.parked.oldest(10).await.unwrap().is_empty());
    bench.assert_all_projected().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pipeline_redrives_parked_records_after_their_cause_is_gone() {
    let bench = bench(3, 3).await;
    bench.read_model.refused.lock().unwrap().insert(bench.ids[1]);
    let feed_projector = bench.feed_projector();
    assert_eq!(feed_projector.catch_up().await.unwrap(), 9);
    assert_eq!(feed_projector.redrive_parked().await.unwrap(), 1, "the cause still exists");
    assert_eq!(bench.state.parked.oldest(10).await.unwrap().len(), 1);

    bench.read_model.refused.lock().unwrap().clear();
    assert_eq!(feed_projector.redrive_parked().await.unwrap(), 0);
    assert!(bench.state.parked.oldest(10).await.unwrap().is_empty());
    bench.assert_all_projected().await;
}

/// Records of one event each, all parked.
async fn all_parked(records: usize) -> Bench {
    let bench = bench(records, 1).await;
    bench.read_model.refused.lock().unwrap().extend(&bench.ids);
    let report = bench.projector(0).project(bench.events.clone()).await;
    assert_eq!(report.parked, records);
    bench
}

impl Bench {
    async fn redriven(&self) -> RedriveReport {
        let until = Instant::now() + Duration::from_secs(60);
        Redriver::new(&self.projector(0)).redrive_all(until).await.unwrap()
    }

    async fn parked(&self) -> Vec<ParkedProjection> {
        self.state.parked.oldest(1_000).await.unwrap()
    }

    async fn parked_ids(&self) -> Vec<AggregateId> {
        self.parked().await.into_iter().map(|parked| parked.key.aggregate_id).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_hundred_records_that_fail_again_do_not_block_the_others() {
    let bench = all_parked(130).await;
    let good = *bench.parked_ids().await.last().unwrap();
    bench.read_model.refused.lock().unwrap().remove(&good);
    let run = bench.redriven().await;
    assert_eq!((run.redriven, run.still_parked), (1, 129));
    assert!(run.outage.is_none(), "{run:?}");
    assert!(bench.document(good).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_reaches_its_deadline_leaves_the_rest_first_in_line() {
    let bench = all_parked(3).await;
    let before = bench.parked_ids().await;
    let run = Redriver::new(&bench.projector(0)).redrive_all(Instant::now()).await.unwrap();
    assert_eq!((run.redriven, run.still_parked), (0, 0));
    assert_eq!(bench.parked_ids().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_one_record_is_reported_at_the_end_and_blocks_no_other() {
    let bench = all_parked(3).await;
    let first = bench.parked_ids().await[0];
    bench.read_model.refused.lock().unwrap().clear();
    bench.read_model.unusable.lock().unwrap().insert(first);
    let run = bench.redriven().await;
    assert_eq!((run.redriven, run.still_parked), (2, 1));
    assert_eq!(run.outage.map(|error| error.kind), Some(PortErrorKind::Misconfigured));
    let [left] = &bench.parked().await[..] else { panic!("expected one parked record") };
    assert_eq!((left.key.aggregate_id, left.reason.as_str()), (first, "not projected: an index: scripted"));
}

#[tokio::test(flavor = "multi_thread")]
async fn consecutive_outages_end_a_run_and_the_next_starts_with_the_other_records() {
    let bench = all_parked(8).await;
    let before = bench.parked_ids().await;
    bench.read_model.is_down.store(true, Ordering::SeqCst);
    let run = bench.redriven().await;
    assert_eq!((run.redriven, run.still_parked), (0, 5));
    assert_eq!(run.outage.map(|error| error.kind), Some(PortErrorKind::Unavailable));
    assert_eq!(bench.parked_ids().await[..3], before[5..]);
    let all: HashSet<_> = bench.parked_ids().await.into_iter().collect();
    assert_eq!(all, before.into_iter().collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_version_that_is_not_stored_stays_parked_and_the_others_are_published_once() {
    let bench = bench(1, 3).await;
    let (key, parked_at) = (bench.events[0].key(), bench.events[0].recorded_at);
    let (from_version, to_version) = (Version::FIRST, Version::new(9));
    let parked = ParkedProjection { key, from_version, to_version, reason: "by hand".to_owned(), parked_at };
    bench.state.parked.park(parked).await.unwrap();
    for _ in 0..2 {
        let run = bench.redriven().await;
        assert_eq!((run.redriven, run.still_parked), (0, 1));
        assert!(run.outage.is_none(), "{run:?}");
        let [left] = &bench.parked().await[..] else { panic!("expected one parked record") };
        assert_eq!((left.from_version, left.to_version), (Version::new(4), to_version));
        assert_eq!(left.reason, "version 4 is not in the store");
    }
    bench.assert_all_projected().await;
    assert_eq!(bench.published.events.lock().unwrap().len(), 1);
}
