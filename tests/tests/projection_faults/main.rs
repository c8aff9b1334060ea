//! Projections under faults: a poison record is parked, an outage does not move the checkpoint, and the order
//! and size of batches do not change the result.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod bench;
mod lanes;
mod parked;

use std::sync::atomic::Ordering;

use annals_application::ports::{CommitPosition, EventFeed, FeedConsumer};
use annals_application::projection::Redriver;
use annals_domain::identity::Provider;
use annals_tests::crm::Account;
use annals_tests::random::Random;

use crate::bench::{bench, bench_of};

#[tokio::test(flavor = "multi_thread")]
async fn order_and_repetition_inside_and_across_batches_do_not_change_the_result() {
    // A cache for no state, for all, and for about two of the eight.
    let (all, two) = (1 << 20, 13_000);
    for (seed, cached) in [(1, 0), (2, all), (3, two), (4, 0), (5, all)] {
        let bench = bench(8, 9).await;
        let projector = bench.projector(cached);
        let mut random = Random::new(seed);
        let mut events: Vec<_> = bench.events.iter().chain(&bench.events).cloned().collect();
        random.shuffle(&mut events);
        let mut rest = events.as_slice();
        while !rest.is_empty() {
            let (batch, remaining) = rest.split_at((1 + random.below(12)).min(rest.len()));
            rest = remaining;
            let report = projector.project(batch.to_vec()).await;
            assert!(report.failed.is_empty() && report.parked == 0, "{report:?}");
        }
        bench.assert_all_projected().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_snapshot_is_ignored() {
    let bench = bench(2, 9).await;
    let in_order = |range: std::ops::Range<u64>| {
        bench.events.iter().filter(|event| range.contains(&event.version.get())).cloned().collect::<Vec<_>>()
    };
    bench.projector(0).project(in_order(1..9)).await;
    let by_hand = rusqlite::Connection::open(bench.test.folder().join("fresh.db")).unwrap();
    assert!(by_hand.execute("UPDATE snapshot SET state = '{\"half\": '", []).unwrap() > 0);
    let report = bench.projector(0).project(in_order(9..10)).await;
    assert_eq!((report.projected, report.parked, report.failed.len()), (2, 0, 0));
    bench.assert_all_projected().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn loading_an_uncached_record_without_a_snapshot_stores_one() {
    let bench = bench(1, 10).await;
    for (version, reads) in [(9, 2), (10, 1)] {
        let newest = bench.events.iter().find(|event| event.version.get() == version).cloned();
        let report = bench.projector(0).project(newest.into_iter().collect()).await;
        assert_eq!((report.projected, report.failed.len()), (1, 0));
        assert_eq!(bench.store.reads.swap(0, Ordering::SeqCst), reads, "version {version}");
    }
    bench.assert_all_projected().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_published_only_after_its_refetch_task_is_stored_and_blocks_no_other_record() {
    let mut random = Random::new(3);
    let [mut gapped, mut plain] = ["001000000000001AAA", "001000000000002AAA"].map(Account::new);
    let gapped = vec![gapped.create(&mut random), gapped.gap(&mut random)];
    let bench = bench_of(vec![gapped, vec![plain.create(&mut random), plain.update(&mut random)]]).await;
    let by_hand = rusqlite::Connection::open(bench.test.folder().join("fresh.db")).unwrap();
    by_hand.execute_batch("ALTER TABLE hydration_task RENAME TO away").unwrap();
    let projector = bench.shipped();
    let published =
        || -> Vec<_> { bench.published.events.lock().unwrap().iter().map(|event| event.entity.aggregate_id).collect() };

    let report = projector.project(bench.events.clone()).await;
    assert_eq!((report.projected, report.parked), (1, 1));
    assert_eq!(published(), [bench.ids[1]]);

    by_hand.execute_batch("ALTER TABLE away RENAME TO hydration_task").unwrap();
    let parked = bench.state.parked.oldest(9).await.unwrap();
    assert_eq!(Redriver::new(&projector).redrive(&parked[0]).await.unwrap().projected, 1);
    assert_eq!(published(), [bench.ids[1], bench.ids[0]]);
    assert_eq!(bench.state.refetch.earliest(Provider::Salesforce, 9).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_does_not_move_the_checkpoint_and_the_next_run_catches_up() {
    let bench = bench(4, 3).await;
    let feed_projector = bench.feed_projector();
    bench.read_model.is_down.store(true, Ordering::SeqCst);
    let error = feed_projector.catch_up().await.expect_err("an outage");
    assert!(annals_application::log_chain(&error).contains("scripted"), "{error}");
    assert_eq!(bench.feed.checkpoint(FeedConsumer::ReadModel).await.unwrap(), CommitPosition::default());
    assert_eq!(feed_projector.lag().await.unwrap(), 12);

    bench.read_model.is_down.store(false, Ordering::SeqCst);
    assert_eq!(feed_projector.catch_up().await.unwrap(), 12);
    assert_eq!(feed_projector.lag().await.unwrap(), 0);
    bench.assert_all_projected().await;
    assert_eq!(feed_projector.catch_up().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_published_event_per_record_and_batch_covers_exactly_its_versions() {
    let bench = bench(3, 6).await;
    let projector = bench.projector(1 << 20);
    let in_batch = |range: std::ops::RangeInclusive<u64>| {
        let wanted = bench.events.iter().filter(|event| range.contains(&event.version.get()));
        wanted.cloned().collect::<Vec<_>>()
    };
    projector.project(in_batch(1..=2)).await;
    projector.project(in_batch(3..=6)).await;
    let published = bench.published.events.lock().unwrap();
    let covered: Vec<(u64, u64)> =
        published.iter().map(|event| (event.from_version.get(), event.version.get())).collect();
    assert_eq!(covered, [(1, 2), (1, 2), (1, 2), (3, 6), (3, 6), (3, 6)]);
    for (first, second) in published[..3].iter().zip(&published[3..]) {
        assert_eq!(first.entity.aggregate_id, second.entity.aggregate_id);
        let (was_new, changes) = (first.changes().to_map(), second.changes().to_map());
        assert!(was_new.values().all(|change| change["from"].is_null()), "it was new: {was_new:?}");
        let (was, is) = (first.entity.data(&first.schema), second.entity.data(&second.schema));
        for (field, change) in &changes {
            assert_eq!((&change["from"], &change["to"]), (&was[field], &is[field]), "{field}");
        }
        for (field, value) in &is {
            assert!(changes.contains_key(field) || was[field] == *value, "{field} changed but is not in `changes`");
        }
    }
}
