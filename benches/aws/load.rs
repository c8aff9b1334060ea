//! Loads an aggregate of 1,000 events.
//!
//! Floor: a plain Query of the same items, page by page, with the data of each item decompressed, parsed and put
//! into a plain map; nothing else of an item is read. Required: at most 1.2 of its time; and with a snapshot at
//! version 951 and the 49 events after it, loaded as projection loads a record that it has not cached, at most
//! 0.1 of the time of the whole load.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use annals_application::ports::{ReadOptions, Snapshot};
use annals_application::projection::{SNAPSHOT_INTERVAL, StateLoader};
use annals_aws_tests::decided::decided;
use annals_aws_tests::test_tables::TestTables;
use annals_benches::try_pair;
use annals_domain::aggregate::Aggregate;
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use annals_lambda::Installation;
use annals_tests::changes::change;
use anyhow::{Context, Result, anyhow, bail, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;
use tokio::runtime::Runtime;
use zstd::bulk::Decompressor;
use zstd::zstd_safe;

use crate::items::{Bare, Item};

/// The dictionary with which the event store compresses data.
const DICTIONARY: &[u8] = include_bytes!("../../shared/aws/src/event_store/item/dictionary_1.txt");

const EVENTS: usize = 1_000;
const SNAPSHOT_AT: u64 = 951;
/// The number of loads from the snapshot in one measurement; one takes a few milliseconds.
const LOADS: u32 = 10;

pub(crate) fn run() -> Result<()> {
    let runtime = crate::runtime()?;
    let test_tables = runtime.block_on(TestTables::new("load"));
    let installation = test_tables.installation();
    let fresh = runtime.block_on(filled(&installation))?;
    let (key, bare) = (fresh.key().clone(), Bare::new(&test_tables.config, &test_tables.events_table));
    let text = key.to_string();
    let whole = || timed(&runtime, whole(&installation, &key, fresh.clone()));
    let (floor, subject) = try_pair(
        &format!("load of {EVENTS} events: read and fold (floor: Query, parse, newest value a field in a plain map)"),
        || timed(&runtime, bare_fold(&bare, &text)),
        whole,
    )?;
    println!("  {:.2} of the floor's time (must be at most 1.2)", subject.over(&floor));
    runtime.block_on(keep_snapshot(&installation, &fresh))?;
    let (floor, subject) = try_pair(
        &format!("the same from a snapshot at version {SNAPSHOT_AT} (floor: the whole load above)"),
        whole,
        || Ok(timed(&runtime, often_from_snapshot(&installation, &fresh))? / LOADS),
    )?;
    println!("  {:.3} of the whole load's time (must be at most 0.1)", subject.over(&floor));
    runtime.block_on(test_tables.remove());
    Ok(())
}

fn timed<T>(runtime: &Runtime, load: impl Future<Output = Result<T>>) -> Result<std::time::Duration> {
    let start = Instant::now();
    black_box(runtime.block_on(load)?);
    Ok(start.elapsed())
}

/// Stores the events. Returns the aggregate before them.
async fn filled(installation: &Installation) -> Result<Aggregate> {
    let inputs = (0..EVENTS).map(|round| change(round, 0).to_string());
    let events = decided(installation, inputs).await;
    let first = events.first().context("there are events")?.event.clone();
    for answer in installation.store.append(events).await {
        answer?;
    }
    Ok(Aggregate::new(first.key(), first.metadata.provider, first.metadata.external_id.clone()))
}

async fn whole(installation: &Installation, key: &EntityKey, fresh: Aggregate) -> Result<Aggregate> {
    let loaded = folded(installation, key, fresh, None).await?;
    ensure!(loaded.version().get() == EVENTS as u64, "the load is whole");
    Ok(loaded)
}

async fn often_from_snapshot(installation: &Installation, fresh: &Aggregate) -> Result<()> {
    let loader = StateLoader {
        store: &*installation.store,
        snapshots: &*installation.state.snapshots,
        adapters: &installation.adapters,
        snapshot_interval: SNAPSHOT_INTERVAL,
    };
    for _ in 0..LOADS {
        let loaded = loader.load(fresh.key(), Version::new(EVENTS as u64)).await;
        black_box(loaded.map_err(|failure| anyhow!("{failure:?}"))?);
    }
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
        let change = installation.adapters.read_event(&stored.event)?;
        aggregate.apply(stored.event.version, &change);
    }
    Ok(aggregate)
}

async fn bare_fold(bare: &Bare, key: &str) -> Result<BTreeMap<String, Value>> {
    let items = bare.items(key).await?;
    ensure!(items.len() == EVENTS, "the load is whole");
    let mut fields = BTreeMap::new();
    let mut unfolding = Decompressor::with_dictionary(DICTIONARY)?;
    for item in items {
        let mut input: Value = serde_json::from_slice(&data(&item, &mut unfolding)?)?;
        if let Value::Object(payload) = input["detail"]["payload"].take() {
            fields.extend(payload);
        }
    }
    Ok(fields)
}

/// The data of an item, which the event store compresses if that saves a write unit.
fn data(item: &Item, unfolding: &mut Decompressor<'_>) -> Result<Vec<u8>> {
    match (item.get("data_1"), item.get("data")) {
        (Some(AttributeValue::B(compressed)), _) => {
            let size = zstd_safe::get_frame_content_size(compressed.as_ref()).ok().flatten();
            let size = size.context("a frame of the store contains its size")?;
            Ok(unfolding.decompress(compressed.as_ref(), usize::try_from(size)?)?)
        }
        (_, Some(AttributeValue::S(text))) => Ok(text.clone().into_bytes()),
        _ => bail!("an item has data"),
    }
}
