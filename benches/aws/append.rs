//! Appends of decided events, with one and with 16 in flight.
//!
//! Floor: a loop of conditional PutItem calls with the same items and the same client, without retries.
//! Required: at least 0.9 of its rate. Also measured, without a floor: a change through the whole
//! command handler.

use std::time::{Duration, Instant};

use annals_application::commands::CommandMetadata;
use annals_application::ports::{EventStore, StoredEvent};
use annals_aws_tests::decided::decided;
use annals_aws_tests::test_tables::TestTables;
use annals_benches::{ROUNDS, Times, is_small, try_pair};
use annals_domain::identity::Provider;
use annals_tests::changes::change;
use anyhow::{Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::runtime::Runtime;

use crate::items::{Bare, Item, item};
use crate::timed;

/// A deadline longer than any of the measured appends.
const RECORDS: usize = 1_000_000;

pub(crate) fn run() -> Result<()> {
    let (runtime, count) = (crate::runtime()?, if is_small() { 32 } else { 400 });
    let (ours, floors) = runtime.block_on(async { (TestTables::new("append").await, TestTables::new("append").await) });
    let mut rounds = runtime.block_on(updates(&ours, count, 2 * (ROUNDS + 1)));
    let size = rounds[0].iter().map(|event| event.event.data.len()).sum::<usize>() / count;
    for in_flight in [1, 16] {
        let rounds = rounds.split_off(rounds.len() - (ROUNDS + 1));
        let name = format!(
            "append of {count} updates of {size} bytes, {in_flight} in flight (floor: conditional PutItem of the same items)"
        );
        compare(&runtime, &name, in_flight, rounds, (&ours, &floors))?;
    }
    whole_way(&runtime, &ours, count)?;
    runtime.block_on(async { (ours.remove().await, floors.remove().await) });
    Ok(())
}

/// Rounds of `count` updates, each with its own records.
async fn updates(test_tables: &TestTables, count: usize, rounds: usize) -> Vec<Vec<StoredEvent>> {
    let inputs = (0..count * rounds).flat_map(|record| [change(0, record), change(1, record)]);
    let events = decided(&test_tables.installation(), inputs.map(|input| input.to_string())).await;
    let updates: Vec<StoredEvent> = events.into_iter().skip(1).step_by(2).collect();
    updates.chunks(count).map(<[StoredEvent]>::to_vec).collect()
}

fn compare(
    runtime: &Runtime,
    name: &str,
    in_flight: usize,
    rounds: Vec<Vec<StoredEvent>>,
    (ours, floors): (&TestTables, &TestTables),
) -> Result<()> {
    let items = rounds.iter().map(|round| round.iter().map(item).collect::<Result<Vec<Item>>>());
    let mut items = items.collect::<Result<Vec<_>>>()?.into_iter();
    let events: usize = rounds.iter().map(Vec::len).sum();
    let mut rounds = rounds.into_iter();
    let (store, bare) = (ours.installation().store, Bare::new(&floors.config, &floors.events_table));
    let (mut of_floor, mut of_subject) = (Duration::ZERO, Duration::ZERO);
    let (floor, subject) = try_pair(
        name,
        || timed(runtime, put_all(&bare, items.next().unwrap_or_default(), in_flight), &mut of_floor),
        || timed(runtime, append_all(&*store, rounds.next().unwrap_or_default(), in_flight), &mut of_subject),
    )?;
    let an_event = |time: Duration| time.as_secs_f64() * 1e6 / events as f64;
    println!(
        "  {:.2} of the floor's rate (must be 0.9); processor time of the client: {:.0} µs an event against {:.0}",
        floor.over(&subject),
        an_event(of_subject),
        an_event(of_floor)
    );
    Ok(())
}

async fn put_all(bare: &Bare, items: Vec<Item>, in_flight: usize) -> Result<()> {
    let puts = items.into_iter().map(|item| bare.put(item));
    let mut answers = stream::iter(puts).buffer_unordered(in_flight);
    while let Some(was_free) = answers.try_next().await? {
        ensure!(was_free, "each item is new");
    }
    Ok(())
}

/// One call per event, or one call for all: the store itself has 16 in flight.
async fn append_all(store: &dyn EventStore, events: Vec<StoredEvent>, in_flight: usize) -> Result<()> {
    let calls = if in_flight == 1 { events.into_iter().map(|event| vec![event]).collect() } else { vec![events] };
    for call in calls {
        for answer in store.append(call).await {
            answer?;
        }
    }
    Ok(())
}

fn whole_way(runtime: &Runtime, test_tables: &TestTables, count: usize) -> Result<()> {
    let handler = test_tables.installation().handler();
    let take = |round| -> Result<Vec<Duration>> {
        let take = |record| {
            let input = change(round, record).to_string();
            let start = Instant::now();
            let ingested =
                runtime.block_on(handler.ingest_body(Provider::Salesforce, &input, CommandMetadata::default()))?;
            ensure!(ingested.results.iter().all(|read| read.version.is_some()), "each change is stored");
            Ok(start.elapsed())
        };
        // New records: those above were stored without their creation.
        (RECORDS..RECORDS + count).map(take).collect()
    };
    take(0)?;
    let times = Times::new(take(1)?);
    println!("one change through the command handler, its head known, one at a time, {count} of them (no floor)");
    println!("  subject {}", times.spread());
    Ok(())
}
