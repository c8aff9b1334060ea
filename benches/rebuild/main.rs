//! Rebuild of 100,000 records with 500,000 events beside 50 live changes a second and a reader of
//! 20 reads a second over 200 of them: killed three times, then timed against its floor.
//!
//! Floor: a bare parallel scan of the table (the SDK's items, nothing decoded), then a bare `_bulk`
//! of the same documents from prepared bytes. Required: no read finds a record missing or older; a killed
//! rebuild continues from its checkpoint; at least 0.7 of the rate of the floor; less than 256 MB.
//!
//! `cargo bench -p annals-benches --bench rebuild` runs it (`-- watched` or `-- timed` for one part);
//! `-- --small` with 2,000 records, as in CI, without a required rate.

mod fixture;
mod floor;
mod live;
mod poller;
mod rebuilding;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::fixture::{CHANGES, Fixture};
use crate::floor::{Bulk, scan};
use crate::live::Live;
use crate::poller::Poller;
use crate::rebuilding::{ARGUMENT, Rebuilding, rebuild, settings};
use annals_aws::rebuild::RebuildSettings;
use annals_benches::{is_small, try_pair};
use annals_services::{opensearch_endpoints, unique_name};
use anyhow::{Context, Result, ensure};
use tokio::runtime::Runtime;

/// How often the process that rebuilds is killed.
const KILLS: usize = 3;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let runtime = Runtime::new()?;
    if let [word, name, ..] = &words[..]
        && word == ARGUMENT
    {
        runtime.block_on(async { rebuild(&Fixture::join(name).await, settings()).await })?;
        return Ok(());
    }
    let is_wanted =
        |part: &str| words.iter().all(|word| word.starts_with("--")) || words.iter().any(|word| word == part);
    if is_wanted("watched") {
        runtime.block_on(watched(records()))?;
    }
    if is_wanted("timed") {
        timed(&runtime, records())?;
    }
    Ok(())
}

fn records() -> usize {
    if is_small() { 2_000 } else { 100_000 }
}

/// The rebuild beside writers and readers.
async fn watched(records: usize) -> Result<()> {
    let name = unique_name("rebuild");
    let fixture = Arc::new(filled(&name, records).await?);
    let live = Arc::new(Live::new(Arc::clone(&fixture), records.min(500)));
    let poller = Arc::new(Poller::new(Arc::clone(&fixture), records));
    let (writing, reading) = (Arc::clone(&live), Arc::clone(&poller));
    let writing = tokio::spawn(async move { writing.run().await });
    let reading = tokio::spawn(async move { reading.run().await });

    let start = Instant::now();
    let (mut streams, mut memory) = (0, 0);
    for _ in 0..KILLS {
        let rebuilding = Rebuilding::start(&name)?;
        streams = rebuilding.makes_progress(&fixture, streams, records as u64 / 8).await?;
        memory = memory.max(rebuilding.kill()?);
    }
    memory = memory.max(Rebuilding::start(&name)?.wait().await?);
    let took = start.elapsed();
    tokio::time::sleep(Duration::from_secs(2)).await;
    live.stop.store(true, Ordering::Relaxed);
    poller.stop.store(true, Ordering::Relaxed);
    writing.await??;
    reading.await??;

    let (written, reads) = (live.written.load(Ordering::Relaxed), poller.reads.load(Ordering::Relaxed));
    println!("rebuild of {records} records beside live changes");
    println!(
        "  killed {KILLS} times, the last time after {streams} records; finished after {:.1} s, waits included",
        took.as_secs_f64()
    );
    let a_second = written as f64 / start.elapsed().as_secs_f64();
    println!("  {written} live changes, {a_second:.0} a second; {reads} reads: none found a record missing or older");
    println!("  peak memory {:.0} MB", memory as f64 / 1e6);
    ensure!(memory < 256_000_000, "the rebuild used {memory} bytes");
    let reads_a_second = reads as f64 / start.elapsed().as_secs_f64();
    ensure!(is_small() || (a_second > 45.0 && reads_a_second > 18.0), "writers or readers did not reach their rate");
    check_documents(&fixture, records).await
}

/// Checks that the serving index has every record in its newest version.
async fn check_documents(fixture: &Fixture, records: usize) -> Result<()> {
    let read_model = fixture.reading();
    for record in 0..records.min(2_000) {
        let key = fixture.key(record);
        let found = read_model.get(&fixture.schema, key.aggregate_id).await?.context("every record has a document")?;
        let head = fixture.installation.store.heads(&[key]).await?.remove(0).context("every record has a head")?;
        ensure!(found.version == head.version, "record {record} is at {} of {}", found.version, head.version);
    }
    Ok(())
}

/// The rebuild against its floor.
fn timed(runtime: &Runtime, records: usize) -> Result<()> {
    let fixture = runtime.block_on(filled(&unique_name("rebuild"), records))?;
    let bulk = runtime.block_on(documents(&fixture))?;
    ensure!(bulk.documents == records, "{} documents", bulk.documents);
    let at_once = RebuildSettings { known_after: Duration::ZERO, old_index_retention: Duration::ZERO, ..settings() };
    let events = records * CHANGES;
    let (floor, subject) = try_pair(
        &format!("rebuild of {records} records, {events} events (floor: bare scan, then bare _bulk)"),
        || runtime.block_on(bare(&fixture, &bulk, events, &at_once)),
        || {
            let start = Instant::now();
            runtime.block_on(rebuild(&fixture, at_once))?;
            Ok(start.elapsed())
        },
    )?;
    let rate = events as f64 / subject.median().as_secs_f64();
    println!("  {rate:.0} events a second; {:.2} of the floor's rate (must be 0.7)", floor.over(&subject));
    Ok(())
}

/// The documents that the rebuild produces.
async fn documents(fixture: &Fixture) -> Result<Bulk> {
    let search = fixture.search.connection();
    let indices = search.indices();
    let current = indices.current(&fixture.schema).await?.context("an index serves")?;
    indices.refresh(&current).await?;
    let (_, url) = opensearch_endpoints().remove(0);
    Bulk::of(&url, &current).await
}

/// The time of the floor, in a separate index.
async fn bare(fixture: &Fixture, bulk: &Bulk, events: usize, settings: &RebuildSettings) -> Result<Duration> {
    let search = fixture.search.connection();
    let indices = search.indices();
    let index = indices.create_numbered(&fixture.schema).await?;
    let (scanned, items) = scan(fixture, settings).await?;
    ensure!(items == events, "{items} items");
    let written = bulk.write(&index).await?;
    indices.delete(&index).await?;
    Ok(scanned + written)
}

/// An installation with that many records and their documents.
async fn filled(name: &str, records: usize) -> Result<Fixture> {
    let fixture = Fixture::make(name).await;
    fixture.fill(records).await?;
    let first = RebuildSettings { known_after: Duration::ZERO, ..settings() };
    rebuild(&fixture, first).await?;
    Ok(fixture)
}
