//! Order and repetition do not change the entity with the AWS adapters, for random histories whose events
//! the stream also delivers in any order.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use annals_application::commands::CommandHandler;
use annals_application::ports::StoredEvent;
use annals_application::projection::{Projector, ProjectorSettings};
use annals_aws::event_store::decode;
use annals_aws::read_model::Refresh;
use annals_aws_tests::functions::Deployment;
use annals_lambda::settings::{Function, FunctionSettings};
use annals_lambda::{Installation, Search};
use annals_services::{dynamodb_endpoint, sdk_config};
use annals_tests::history::History;
use annals_tests::lanes::{Lane, Seen, lanes, steps};
use annals_tests::process::{ingest_deliveries, load};
use annals_tests::random::Random;
use annals_tests::view::View;
use serde_json::Value;

/// The number of histories, and the number of orders of each in addition to the commit order.
const HISTORIES: u64 = 100;
const SHUFFLES: usize = 3;
/// The maximum number of events in a batch.
const BATCH: usize = 100;

fn arrivals(history: History, deliveries: usize) -> Vec<Vec<usize>> {
    let mut orders = history.arrivals(deliveries, SHUFFLES);
    // For a short history all orders are generated: the commit order and a sample of the others are used.
    let mut random = Random::new(history.seed ^ 0xa115);
    let mut others = orders.split_off(1);
    random.shuffle(&mut others);
    orders.extend(others.into_iter().take(SHUFFLES));
    orders
}

fn stored(record: &Value) -> StoredEvent {
    let image = serde_json::from_value(record["dynamodb"]["NewImage"].clone()).unwrap();
    decode(image).unwrap()
}

/// Projects a random part of the waiting events, or all of them: shuffled, some of them twice, in batches of
/// any size, by either instance.
async fn project(projectors: &[Projector], waiting: &mut Vec<StoredEvent>, random: &mut Random, all: bool) {
    random.shuffle(waiting);
    let keep = if all { 0 } else { waiting.len() / 3 };
    let mut due = waiting.split_off(keep);
    for _ in 0..due.len() / 8 {
        let (from, to) = (random.below(due.len()), random.below(due.len()));
        due.insert(to, due[from].clone());
    }
    while !due.is_empty() {
        let batch = due.split_off(due.len().saturating_sub(1 + random.below(BATCH)));
        let events = batch.into_iter().map(|stored| stored.event).collect();
        let report = random.pick(projectors).project(events).await;
        assert!(report.failed.is_empty() && report.parked == 0, "{report:?}");
    }
}

async fn deliver(handler: &CommandHandler, lanes: &mut [Lane], step: usize) {
    for part in lanes.chunks_mut(BATCH) {
        let due = part.iter_mut().filter_map(|lane| lane.arriving(step).map(|delivery| (lane, delivery)));
        let (due, deliveries): (Vec<_>, Vec<_>) = due.unzip();
        let answers = ingest_deliveries(handler, deliveries).await;
        for (lane, reads) in due.into_iter().zip(answers) {
            lane.note(step, &reads);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_of_100_histories_gives_the_entity_of_the_commit_order() {
    let (deployment, config) = (Deployment::new().await, sdk_config(&dynamodb_endpoint()));
    let FunctionSettings { mut common, search, .. } =
        FunctionSettings::read(Function::Projection, deployment.variables()).unwrap();
    // A hundred records in one call may take long on a busy machine.
    common.handler.deadline = Duration::from_secs(60);
    let installation = Installation::new(&config, common).unwrap();
    let search = Search::connect_with(&config, &search, Refresh::Periodic).await.unwrap();
    let read_model = search.projecting(&installation);
    let snapshot_interval = NonZeroU64::new(3).unwrap();
    // Two instances, one without cached states: the result must not depend on the cache.
    let projectors = [0, ProjectorSettings::default().cached_bytes].map(|cached_bytes| {
        installation.projector(
            &read_model,
            None,
            ProjectorSettings { cached_bytes, snapshot_interval, ..Default::default() },
        )
    });
    let (mut stream, mut random) = (deployment.stream().await, Random::new(100));
    let mut lanes = lanes(0..HISTORIES, arrivals);
    assert!(lanes.len() > 350, "{} orders", lanes.len());
    let handler = installation.handler();
    let (last, mut waiting) = (steps(&lanes), Vec::new());
    for step in 0..last {
        deliver(&handler, &mut lanes, step).await;
        waiting.extend(stream.read().await.iter().map(stored));
        project(&projectors, &mut waiting, &mut random, step + 1 == last).await;
    }
    deployment.refresh().await;
    let queries = installation.query_api(&search.reading()).queries;
    let mut seen = Seen::default();
    for lane in &lanes {
        let (store, snapshots) = (Arc::clone(&installation.store), Arc::clone(&installation.state.snapshots));
        let key = lane.key.as_ref().expect("something was delivered");
        let state = load(&*store, &*snapshots, &installation.adapters, key).await;
        let view = View::of(&state, &installation.catalog, &installation.adapters, &lane.events);
        let document = queries.get("clients", &lane.record).await.ok();
        seen.check(lane, &state, view, document.as_ref().map(|document| document.json.get()));
    }
}
