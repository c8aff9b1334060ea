//! Rebuild of 100,000 records with 500,000 events beside 50 live changes a second and a reader of
//! 20 reads a second over 200 of them: killed three times, then timed beside its floor.
//!
//! Floor: a bare parallel scan of the table (the SDK's items, nothing decoded), then a bare `_bulk`
//! of the same documents from ready bytes. Must hold: no read finds a record missing or older; a
//! killed rebuild goes on; 0.7 of the floor's rate or more; under 256 MB.
//!
//! `cargo bench -p annals-rebuild-bench` runs it; `-- --small` with 400 records, as CI does.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use annals_aws_read_model::IndexAdmin;
use annals_rebuild_bench::changes::CHANGES;
use annals_rebuild_bench::floor::{Bulk, scan};
use annals_rebuild_bench::live::Live;
use annals_rebuild_bench::poller::Poller;
use annals_rebuild_bench::rebuilding::{Rebuilding, WORD, rebuild, settings};
use annals_rebuild_bench::world::{Names, World};
use annals_services::opensearch_endpoints;
use anyhow::{Context, Result, ensure};

/// How often the rebuilding process is killed.
const KILLS: usize = 3;
/// How many pairs are timed.
const ROUNDS: usize = 7;

#[tokio::main]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, names, ..] = &words[..]
        && word == WORD
    {
        let world = World::join(&Names(names.clone())).await?;
        rebuild(&world, settings()).await?;
        return Ok(());
    }
    let is_small = words.iter().any(|word| word == "--small");
    watched(if is_small { 400 } else { 100_000 }, is_small).await?;
    timed(if is_small { 400 } else { 20_000 }).await
}

/// The rebuild beside writers and readers.
async fn watched(records: u64, is_small: bool) -> Result<()> {
    let names = Names::unique();
    let world = Arc::new(filled(&names, records).await?);
    let live = Arc::new(Live::new(Arc::clone(&world), records.min(500)));
    let poller = Arc::new(Poller::new(Arc::clone(&world), records));
    let (writing, reading) = (Arc::clone(&live), Arc::clone(&poller));
    let writing = tokio::spawn(async move { writing.run().await });
    let reading = tokio::spawn(async move { reading.run().await });

    let start = Instant::now();
    let at_work = settings().known_after + Duration::from_millis(if is_small { 100 } else { 6_000 });
    let mut killed = 0;
    for _ in 0..KILLS {
        let rebuilding = Rebuilding::start(&names)?;
        // The first has to wait until projectors know; each next until the lease has run out.
        tokio::time::sleep(at_work).await;
        killed += usize::from(rebuilding.kill()?);
    }
    let (_, memory) = Rebuilding::start(&names)?.wait().await?;
    let took = start.elapsed();
    tokio::time::sleep(Duration::from_secs(2)).await;
    live.stop.store(true, Ordering::Relaxed);
    poller.stop.store(true, Ordering::Relaxed);
    writing.await??;
    reading.await??;

    let (written, reads) = (live.written.load(Ordering::Relaxed), poller.reads.load(Ordering::Relaxed));
    println!("rebuild of {records} records beside live changes");
    println!("  {killed} times killed at work, done after {:.1} s with its waits", took.as_secs_f64());
    println!("  {written} live changes, {reads} reads: none found a record missing or older");
    println!("  peak memory {:.0} MB", memory as f64 / 1e6);
    ensure!(memory < 256_000_000, "the rebuild took {memory} bytes");
    whole(&world, records).await
}

/// Every record is in the index that answers now, at its newest version.
async fn whole(world: &World, records: u64) -> Result<()> {
    let read_model = world.reading();
    for record in 0..records.min(2_000) {
        let key = world.key(record);
        let found = read_model.get(&world.shape, key.aggregate_id).await?.context("every record is there")?;
        let head = world.installation.store.heads(&[key]).await?.remove(0).context("every record has a head")?;
        ensure!(found.version == head.version, "record {record} is at {} of {}", found.version, head.version);
    }
    Ok(())
}

/// The rebuild beside its floor.
async fn timed(records: u64) -> Result<()> {
    let world = filled(&Names::unique(), records).await?;
    let indices = IndexAdmin::new(world.search.connection());
    let (_, url) = opensearch_endpoints().remove(0);
    let current = indices.current(&world.shape).await?.context("an index answers")?;
    indices.refresh(&current).await?;
    let bulk = Bulk::of(&url, &current).await?;
    ensure!(bulk.documents as u64 == records, "{} documents", bulk.documents);
    let at_once = annals_aws_rebuild::RebuildSettings {
        known_after: Duration::ZERO,
        old_index_stays: Duration::ZERO,
        ..settings()
    };
    let (mut floors, mut subjects) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let index = indices.create_numbered(&world.shape).await?;
        let (scanned, items) = scan(&world).await?;
        ensure!(items as u64 == records * CHANGES, "{items} items");
        let floor = scanned + bulk.write(&index).await?;
        indices.delete(&index).await?;
        let start = Instant::now();
        rebuild(&world, at_once).await?;
        // The first round warms caches and is not counted.
        if round > 0 {
            floors.push(floor);
            subjects.push(start.elapsed());
        }
    }
    println!("rebuild of {records} records, {} events", records * CHANGES);
    let (subject, floor) = (told("subject", subjects), told("floor  ", floors));
    let rate = records as f64 * CHANGES as f64 / subject.as_secs_f64();
    println!("  {rate:.0} events a second; rate/floor {:.2}", floor.as_secs_f64() / subject.as_secs_f64());
    Ok(())
}

fn told(side: &str, mut times: Vec<Duration>) -> Duration {
    times.sort();
    let [least, median, most] = [0, times.len() / 2, times.len() - 1].map(|nth| times[nth]);
    println!("  {side} {:.2} s ({:.2} to {:.2})", median.as_secs_f64(), least.as_secs_f64(), most.as_secs_f64());
    median
}

/// An installation with that many records, indexed.
async fn filled(names: &Names, records: u64) -> Result<World> {
    let world = World::make(names).await?;
    world.fill(records).await?;
    let first = annals_aws_rebuild::RebuildSettings { known_after: Duration::ZERO, ..settings() };
    rebuild(&world, first).await?;
    Ok(world)
}
