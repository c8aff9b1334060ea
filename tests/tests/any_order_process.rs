//! Order and repetition do not change the entity in a local process with snapshots: each order of a history
//! is a separate record, and all end in the same entity as the record in commit order.

use std::num::NonZeroU64;

use annals_application::projection::ProjectorSettings;
use annals_sqlite::process::ProcessTuning;
use annals_tests::history::History;
use annals_tests::lanes::{Seen, lanes, steps};
use annals_tests::process::TestProcess;
use annals_tests::view::View;

/// The number of histories: all that the README states.
const HISTORIES: u64 = 1_000;
/// The number of histories that share a database.
const A_DATABASE: u64 = 50;

async fn check(seeds: std::ops::Range<u64>, tuning: ProcessTuning) -> usize {
    let test = TestProcess::tuned(tuning).await;
    let mut lanes = lanes(seeds, History::all_arrivals);
    for step in 0..steps(&lanes) {
        let due = lanes.iter_mut().filter_map(|lane| lane.arriving(step).map(|delivery| (lane, delivery)));
        let (due, deliveries): (Vec<_>, Vec<_>) = due.unzip();
        let answers = test.deliver(deliveries).await;
        for (lane, reads) in due.into_iter().zip(answers) {
            lane.note(step, &reads);
        }
    }
    let mut seen = Seen::default();
    for lane in &lanes {
        let state = test.load(lane.key.as_ref().expect("something was delivered")).await;
        let view = View::of(&state, &test.process.catalog, &test.process.adapters, &lane.events);
        let document = test.process.queries.get("clients", &lane.record).await.ok();
        seen.check(lane, &state, view, document.as_ref().map(|document| document.json.get()));
    }
    lanes.len()
}

fn tuning(cached_bytes: usize) -> ProcessTuning {
    let snapshot_interval = NonZeroU64::new(3).expect("not zero");
    ProcessTuning {
        projector: ProjectorSettings { cached_bytes, snapshot_interval, ..ProjectorSettings::default() },
        ..ProcessTuning::default()
    }
}

/// Every second database, starting with the first or the second one.
async fn every_other(from: u64, cached_bytes: usize) {
    let mut orders = 0;
    for start in (from * A_DATABASE..HISTORIES).step_by(usize::try_from(2 * A_DATABASE).expect("small")) {
        orders += check(start..start + A_DATABASE, tuning(cached_bytes)).await;
    }
    assert!(orders > 10_000, "only {orders} orders were tested");
}

// Each test runs half of the thousand, in parallel. The result must not depend on the cache.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_of_500_histories_gives_the_entity_of_the_commit_order_without_cached_states() {
    every_other(0, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_of_500_histories_gives_the_entity_of_the_commit_order_with_cached_states() {
    every_other(1, ProjectorSettings::default().cached_bytes).await;
}
