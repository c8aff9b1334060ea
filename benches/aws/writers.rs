//! Sixteen writers with 25 events each on one aggregate, each with its own client, store and heads. The
//! events go to the next free writer in the order of their timestamps; a writer that loses a race is overtaken.
//!
//! Floor: the same number of writers that read the newest version, put the same items with the same condition,
//! and start again after a conflict. Required: at most 5 requests per stored event, at most the time of the
//! floor, no lost event, and 99 of 100 changes stored within a second.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use annals_application::commands::CommandMetadata;
use annals_application::ports::StoredEvent;
use annals_aws::event_store::VERSION;
use annals_aws_tests::decided::decided;
use annals_aws_tests::test_tables::TestTables;
use annals_benches::counted::{Count, counted};
use annals_benches::{ROUNDS, try_pair};
use annals_domain::identity::Provider;
use annals_services::{dynamodb_endpoint, sdk_config};
use annals_tests::changes::change;
use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::items::{Bare, item};

const WRITERS: usize = 16;
const EACH: usize = 25;
const EVENTS: usize = WRITERS * EACH;

pub(crate) fn run() -> Result<()> {
    // The writers represent separate processes, and the machine has more than one processor.
    let runtime = Runtime::new()?;
    let test_tables = runtime.block_on(TestTables::new("writers"));
    let (ours, bare) = (Count::default(), Count::default());
    let (waits, bare_waits) = (Waits::default(), Waits::default());
    let (mut of_ours, mut of_bare) = (0, ROUNDS + 1);
    let (floor, subject) = try_pair(
        &format!(
            "{WRITERS} writers of {EACH} events on one aggregate (floor: read the newest version, put, until won)"
        ),
        || {
            of_bare += 1;
            runtime.block_on(bare_writers(&test_tables, of_bare, &bare, &bare_waits))
        },
        || {
            of_ours += 1;
            runtime.block_on(handlers(&test_tables, of_ours, &ours, &waits))
        },
    )?;
    let a_stored_event = |count: &Count| count.load(Ordering::Relaxed) as f64 / ((ROUNDS + 1) * EVENTS) as f64;
    println!(
        "  {:.2} requests a stored event (must be at most 5) against {:.2}; {:.2} of the floor's time (must be at most 1)",
        a_stored_event(&ours),
        a_stored_event(&bare),
        subject.over(&floor)
    );
    println!("  one change: {} (p99 must be at most 1 s) against {}", waits.shown(), bare_waits.shown());
    runtime.block_on(test_tables.remove());
    Ok(())
}

/// How long each change took until it was stored, of all writers and rounds.
#[derive(Clone, Default)]
struct Waits(Arc<Mutex<Vec<Duration>>>);

impl Waits {
    fn add(&self, since: Instant) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(since.elapsed());
    }

    fn shown(&self) -> String {
        let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        waits.sort();
        let at = |percent: usize| waits.get((waits.len() * percent).div_ceil(100).saturating_sub(1));
        let shown = |wait: Option<&Duration>| wait.map_or(0, Duration::as_millis);
        format!("p50 {} ms, p99 {} ms, most {} ms", shown(at(50)), shown(at(99)), shown(waits.last()))
    }
}

/// The next change of the record, shared by all writers.
#[derive(Clone, Default)]
struct Turn(Arc<AtomicUsize>);

impl Turn {
    fn next(&self) -> usize {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

async fn handlers(test_tables: &TestTables, record: usize, count: &Count, waits: &Waits) -> Result<Duration> {
    let (turn, mut writers) = (Turn::default(), JoinSet::new());
    let handlers = (0..WRITERS).map(|_| {
        let config = counted(&sdk_config(&dynamodb_endpoint()), count)?;
        Ok(test_tables.installation_by(&config).handler())
    });
    let handlers = handlers.collect::<Result<Vec<_>>>()?;
    let start = Instant::now();
    for handler in handlers {
        let (turn, waits) = (turn.clone(), waits.clone());
        writers.spawn(async move {
            for _ in 0..EACH {
                let input = change(turn.next(), record).to_string();
                let start = Instant::now();
                let ingested = handler.ingest_body(Provider::Salesforce, &input, CommandMetadata::default()).await?;
                waits.add(start);
                ensure!(ingested.results.iter().all(|read| read.version.is_some()), "each change is stored");
            }
            Ok(())
        });
    }
    let time = all(writers, start).await?;
    let first = decided(&test_tables.installation(), [change(0, record).to_string()]).await;
    none_is_lost(test_tables, &first).await?;
    Ok(time)
}

async fn bare_writers(test_tables: &TestTables, record: usize, count: &Count, waits: &Waits) -> Result<Duration> {
    let inputs = (0..EVENTS).map(|round| change(round, record).to_string());
    let events = decided(&test_tables.installation(), inputs).await;
    let key = events.first().context("there are events")?.event.key().to_string();
    let items = Arc::new(events.iter().map(item).collect::<Result<Vec<_>>>()?);
    let (turn, mut writers) = (Turn::default(), JoinSet::new());
    let clients = (0..WRITERS).map(|_| {
        let config = counted(&sdk_config(&dynamodb_endpoint()), count)?;
        Ok(Bare::new(&config, &test_tables.events_table))
    });
    let clients = clients.collect::<Result<Vec<_>>>()?;
    let start = Instant::now();
    for bare in clients {
        let (turn, items, key, waits) = (turn.clone(), Arc::clone(&items), key.clone(), waits.clone());
        writers.spawn(async move {
            for _ in 0..EACH {
                let start = Instant::now();
                let mut item = items[turn.next()].clone();
                loop {
                    let version = bare.newest(&key).await? + 1;
                    item.insert(VERSION.to_owned(), AttributeValue::N(version.to_string()));
                    if bare.put(item.clone()).await? {
                        break;
                    }
                }
                waits.add(start);
            }
            Ok(())
        });
    }
    let time = all(writers, start).await?;
    none_is_lost(test_tables, &events).await?;
    Ok(time)
}

async fn all(mut writers: JoinSet<Result<()>>, start: Instant) -> Result<Duration> {
    while let Some(ended) = writers.join_next().await {
        ended??;
    }
    Ok(start.elapsed())
}

/// Checks that every event is stored once and that no version is missing.
async fn none_is_lost(test_tables: &TestTables, of_stream: &[StoredEvent]) -> Result<()> {
    let key = of_stream.first().context("there are events")?.event.key().to_string();
    let items = Bare::new(&test_tables.config, &test_tables.events_table).items(&key).await?;
    let ids: std::collections::HashSet<_> = items.iter().filter_map(|item| item.get("id")?.as_b().ok()).collect();
    let newest = items.last().and_then(|item| item.get(VERSION)?.as_n().ok()).map(String::as_str);
    ensure!(items.len() == EVENTS && ids.len() == EVENTS, "{} events, {} of them different", items.len(), ids.len());
    ensure!(newest == Some(&EVENTS.to_string()), "the newest version is {newest:?}");
    Ok(())
}
