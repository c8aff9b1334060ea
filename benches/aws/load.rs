//! Loads an aggregate of 1,000 events.
//!
//! Floor: a plain Query, page by page, of items that have only the key, the version and the same inputs as plain JSON
//! text. Each text is parsed into a plain map, and the newest value of each field is kept. Required: at most 2.0 of its
//! time and of its processor time; and with a snapshot at version 951 and the 49 events after it, loaded as projection
//! loads a record that it has not cached, at most 0.15 of the floor.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

use annals_application::ports::{ReadOptions, Snapshot};
use annals_application::projection::{SNAPSHOT_INTERVAL, StateLoader};
use annals_aws::event_store::{ENTITY_KEY, VERSION};
use annals_aws_tests::decided::decided;
use annals_aws_tests::test_tables::TestTables;
use annals_benches::{Times, try_pair_in};
use annals_domain::aggregate::Aggregate;
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use annals_lambda::Installation;
use annals_tests::changes::change;
use anyhow::{Context, Result, anyhow, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use tokio::runtime::Runtime;

use crate::items::{Bare, Item};
use crate::plain_json::PlainJson;
use crate::timed;

const EVENTS: usize = 1_000;
const SNAPSHOT_AT: u64 = 951;
/// The number of loads of each side in one measurement; one takes a few milliseconds.
const LOADS: u32 = 10;
const LOAD_ROUNDS: usize = 15;

/// The key of the floor's items.
const FLOOR: &str = "Floor#1";

pub(crate) fn run() -> Result<()> {
    let runtime = crate::runtime()?;
    let test_tables = runtime.block_on(TestTables::new("load"));
    let installation = test_tables.installation();
    let inputs: Vec<String> = (0..EVENTS).map(|round| change(round, 0).to_string()).collect();
    let bytes = inputs.iter().map(String::len).sum::<usize>() / EVENTS;
    let bare = Bare::new(&test_tables.config, &test_tables.events_table);
    runtime.block_on(filled_floor(&bare, &inputs))?;
    let fresh = runtime.block_on(filled(&installation, inputs))?;
    let floor = async || bare_fold(&bare).await;
    let subject = async || load(&installation, &fresh).await;
    let name = format!(
        "load of {EVENTS} events of {bytes} bytes (floor: Query of plain texts, parse, newest value a field in a plain map)"
    );
    compare(&runtime, &name, "2.0", floor, subject)?;
    runtime.block_on(keep_snapshot(&installation, &fresh))?;
    let name = format!("the same from a snapshot at version {SNAPSHOT_AT} (the same floor)");
    compare(&runtime, &name, "0.15", floor, subject)?;
    runtime.block_on(test_tables.remove());
    Ok(())
}

/// Measures loads beside the floor, by time and by processor time.
fn compare(
    runtime: &Runtime,
    name: &str,
    limit: &str,
    floor: impl AsyncFn() -> Result<()>,
    subject: impl AsyncFn() -> Result<()>,
) -> Result<()> {
    let (mut of_floor, mut of_subject) = (Vec::new(), Vec::new());
    let (floor, subject) = try_pair_in(
        LOAD_ROUNDS,
        name,
        || repeated(runtime, &floor, &mut of_floor),
        || repeated(runtime, &subject, &mut of_subject),
    )?;
    // The first round of both warms up.
    let [of_floor, of_subject] = [of_floor, of_subject].map(|mut times| Times::new(times.split_off(1)));
    println!("  processor time: subject {}, floor {}", of_subject.spread().trim(), of_floor.spread().trim());
    println!(
        "  {:.3} of the floor's time, {:.3} of its processor time (must be at most {limit})",
        subject.over(&floor),
        of_subject.over(&of_floor)
    );
    Ok(())
}

/// The time of one load of several. Its processor time is added to the list.
fn repeated(runtime: &Runtime, load: &impl AsyncFn() -> Result<()>, processor: &mut Vec<Duration>) -> Result<Duration> {
    let mut on_processor = Duration::ZERO;
    let all = async {
        for _ in 0..LOADS {
            load().await?;
        }
        Ok(())
    };
    let time = timed(runtime, all, &mut on_processor)?;
    processor.push(on_processor / LOADS);
    Ok(time / LOADS)
}

/// Stores the events. Returns the aggregate before them.
async fn filled(installation: &Installation, inputs: Vec<String>) -> Result<Aggregate> {
    let events = decided(installation, inputs).await;
    let first = events.first().context("there are events")?.event.clone();
    for answer in installation.store.append(events).await {
        answer?;
    }
    Ok(Aggregate::new(first.key(), first.metadata.provider, first.metadata.external_id.clone()))
}

async fn filled_floor(bare: &Bare, inputs: &[String]) -> Result<()> {
    for (index, input) in inputs.iter().enumerate() {
        let item = Item::from([
            (ENTITY_KEY.to_owned(), AttributeValue::S(FLOOR.to_owned())),
            (VERSION.to_owned(), AttributeValue::N((index + 1).to_string())),
            ("data".to_owned(), AttributeValue::S(input.clone())),
        ]);
        ensure!(bare.put(item).await?, "the item is new");
    }
    Ok(())
}

/// Loads the aggregate as projection does: from the newest snapshot, if there is one.
async fn load(installation: &Installation, fresh: &Aggregate) -> Result<()> {
    let loader = StateLoader {
        store: &*installation.store,
        snapshots: &*installation.state.snapshots,
        adapters: &installation.adapters,
        snapshot_interval: SNAPSHOT_INTERVAL,
    };
    let loaded = loader.load(fresh.key(), Version::new(EVENTS as u64)).await;
    black_box(loaded.map_err(|failure| anyhow!("{failure:?}"))?);
    Ok(())
}

async fn keep_snapshot(installation: &Installation, fresh: &Aggregate) -> Result<()> {
    let up_to = Some(Version::new(SNAPSHOT_AT));
    let state = folded(installation, fresh.key(), fresh.clone(), up_to).await?;
    let recorded_at = state.newest().context("the state has an event")?.timestamp;
    Ok(installation.state.snapshots.put(vec![Snapshot { state, recorded_at }]).await?)
}

/// The aggregate with the stored events after it.
async fn folded(
    installation: &Installation,
    key: &EntityKey,
    mut aggregate: Aggregate,
    up_to: Option<Version>,
) -> Result<Aggregate> {
    let options = ReadOptions { to_version: up_to, ..ReadOptions::from(aggregate.version().next(), usize::MAX) };
    for stored in installation.store.read(key, &options).await? {
        let change = installation.adapters.read_event(&stored.event.input())?;
        aggregate.apply(stored.event.version, &change);
    }
    Ok(aggregate)
}

async fn bare_fold(bare: &Bare) -> Result<()> {
    let items = bare.items(FLOOR).await?;
    ensure!(items.len() == EVENTS, "the load is whole");
    let mut fields = BTreeMap::new();
    for item in items {
        let text = item.get("data").and_then(|data| data.as_s().ok()).context("an item has a text")?;
        let PlainJson::Object(mut input) = serde_json::from_str(text)? else { continue };
        let Some(PlainJson::Object(mut detail)) = input.remove("detail") else { continue };
        if let Some(PlainJson::Object(payload)) = detail.remove("payload") {
            fields.extend(payload);
        }
    }
    ensure!(fields.len() > 10, "the fields are read");
    black_box(fields);
    Ok(())
}
