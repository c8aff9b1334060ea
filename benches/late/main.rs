//! 5,000 changes of one record, delivered oldest first, newest first and shuffled, with and without one change of the year
//! 2099 near the beginning; each delivery twice, in calls of 500. In one process on SQLite and on DynamoDB.
//!
//! Floor: the first delivery, oldest first, without the change of 2099. Required: each first and each second delivery
//! takes at most three times as long, and on DynamoDB a late or repeated change at most three requests.
//!
//! `cargo bench -p annals-benches --bench late -- [--small] [sqlite|dynamodb]`

mod deliveries;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use annals_application::commands::{CommandHandler, CommandMetadata, HandlerSettings, Outcome};
use annals_application::ports::{EventStore, StatePorts};
use annals_application::system::{RandomIds, SystemClock};
use annals_aws_tests::test_tables::TestTables;
use annals_benches::counted::counted;
use annals_benches::{ROUNDS, Times, is_small};
use annals_crm::salesforce::Salesforce;
use annals_domain::definition::Catalog;
use annals_domain::identity::Provider;
use annals_domain::provider_adapter::{ProviderAdapter, ProviderAdapters};
use annals_services::{dynamodb_endpoint, sdk_config};
use annals_sqlite::{Database, SqliteEventStore, SqliteStateStore};
use anyhow::{Result, ensure};
use tokio::runtime::{Builder, Runtime};

use self::deliveries::Delivery;

/// The changes of one call.
const CALL: usize = 500;

/// Gives a process without cached heads, and the number of requests that all processes have made.
type Process<'a> = dyn FnMut() -> Result<(Arc<CommandHandler>, Arc<AtomicUsize>)> + 'a;

/// What one delivery of all changes took.
#[derive(Clone, Copy)]
struct Measured {
    time: Duration,
    requests: usize,
}

/// Ingests all changes, call by call, and checks that they are stored, or that none is.
fn deliver(runtime: &Runtime, handler: &CommandHandler, changes: &[String], is_first: bool) -> Result<Duration> {
    let start = Instant::now();
    let mut stored = 0;
    for call in changes.chunks(CALL) {
        let inputs: Vec<&str> = call.iter().map(String::as_str).collect();
        let deadline = Some(tokio::time::Instant::now() + Duration::from_secs(600));
        let metadata = CommandMetadata { deadline, ..CommandMetadata::default() };
        let commands = handler.commands_of(Provider::Salesforce, &inputs, &metadata);
        let reads = runtime.block_on(handler.handle(commands))?;
        stored += reads.iter().flatten().filter(|read| read.outcome != Outcome::Duplicate).count();
    }
    let expected = if is_first { changes.len() } else { 0 };
    ensure!(stored == expected, "{stored} of {} changes are stored: expected {expected}", changes.len());
    Ok(start.elapsed())
}

/// One delivery by a process without cached heads.
fn one(runtime: &Runtime, process: &mut Process<'_>, changes: &[String], is_first: bool) -> Result<Measured> {
    let (handler, requests) = process()?;
    let before = requests.load(Ordering::Relaxed);
    let time = deliver(runtime, &handler, changes, is_first)?;
    Ok(Measured { time, requests: requests.load(Ordering::Relaxed) - before })
}

/// Measures every delivery against the first one, round by round.
fn measure(name: &str, changes: usize, process: &mut Process<'_>) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let kinds = Delivery::all();
    let mut results: Vec<Vec<[Measured; 2]>> = vec![Vec::new(); kinds.len()];
    // The first round fills caches and is not counted.
    for round in 0..=ROUNDS {
        for (number, kind) in kinds.iter().enumerate() {
            let texts = kind.texts(changes, round * kinds.len() + number);
            let first = one(&runtime, process, &texts, true)?;
            let again = one(&runtime, process, &texts, false)?;
            if round > 0 {
                results[number].push([first, again]);
            }
        }
    }
    report(name, changes, &kinds, &results);
    Ok(())
}

fn report(name: &str, changes: usize, kinds: &[Delivery], results: &[Vec<[Measured; 2]>]) {
    let times =
        |results: &[[Measured; 2]], side: usize| Times::new(results.iter().map(|both| both[side].time).collect());
    let floor = times(&results[0], 0);
    println!("{name}: {changes} changes of one record (floor: the first delivery, oldest first)");
    println!("  floor   {}", floor.spread());
    for (kind, measured) in kinds.iter().zip(results) {
        for (side, delivery) in ["first", "again"].into_iter().enumerate() {
            let times = times(measured, side);
            let requests = measured.iter().map(|both| both[side].requests).max().unwrap_or(0);
            println!(
                "  {kind}, {delivery}: {} {:.2} of the floor (must be at most 3), {:.2} requests a change",
                times.spread(),
                times.over(&floor),
                requests as f64 / changes as f64
            );
        }
    }
}

fn on_sqlite(changes: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let database = Database::open(&folder.path().join("annals.db"))?;
    measure("SQLite", changes, &mut || {
        let adapters = ProviderAdapters::new([Arc::new(Salesforce::new(None)) as Arc<dyn ProviderAdapter>]);
        let handler = CommandHandler::new(
            Arc::new(SqliteEventStore::new(database.clone())) as Arc<dyn EventStore>,
            StatePorts::of(SqliteStateStore::new(database.clone())),
            Arc::new(Catalog::built_in(&adapters)?),
            adapters,
            Arc::new(SystemClock),
            Arc::new(RandomIds),
            HandlerSettings::default(),
        );
        Ok((Arc::new(handler), Arc::default()))
    })
}

fn on_dynamodb(changes: usize) -> Result<()> {
    let runtime = Runtime::new()?;
    let test_tables = runtime.block_on(TestTables::new("late"));
    let count = Arc::<AtomicUsize>::default();
    let config = counted(&sdk_config(&dynamodb_endpoint()), &count)?;
    let mut process = || Ok((test_tables.installation_by(&config).handler(), Arc::clone(&count)));
    measure("DynamoDB Local", changes, &mut process)?;
    runtime.block_on(test_tables.remove());
    Ok(())
}

fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let changes = if is_small() { 60 } else { 5_000 };
    if is_wanted("sqlite") {
        on_sqlite(changes)?;
    }
    if is_wanted("dynamodb") {
        on_dynamodb(changes)?;
    }
    Ok(())
}
