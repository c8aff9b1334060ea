//! A reader that watches some records all the while.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use annals_application::ports::ReadModel;
use annals_domain::position::Version;
use anyhow::{Result, bail, ensure};

use crate::world::World;

/// How many reads are made in a second, and how many records are watched.
const RATE: u64 = 20;
const WATCHED: usize = 200;

/// Watches until it is told to stop.
pub(crate) struct Poller {
    world: Arc<World>,
    read_model: Arc<dyn ReadModel>,
    records: usize,
    /// How many reads were made.
    pub(crate) reads: AtomicU64,
    /// Ends it.
    pub(crate) stop: AtomicBool,
}

impl Poller {
    /// Over `records` records, of which it watches two hundred.
    pub(crate) fn new(world: Arc<World>, records: usize) -> Self {
        let read_model = world.reading();
        Self { world, read_model, records, reads: AtomicU64::new(0), stop: AtomicBool::new(false) }
    }

    /// Runs; an error is a record that went missing, or back.
    pub(crate) async fn run(&self) -> Result<()> {
        let mut seen: HashMap<usize, Version> = HashMap::new();
        let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / RATE));
        let watched = WATCHED.min(self.records);
        for number in 0_usize.. {
            ticks.tick().await;
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            // Half of the watched are those that change.
            let nth = number % watched;
            let record = if nth.is_multiple_of(2) { nth } else { self.records - nth };
            let id = self.world.key(record).aggregate_id;
            let Some(found) = self.read_model.get(&self.world.schema, id).await? else {
                bail!("record {record} was not found after {number} reads");
            };
            let before = seen.insert(record, found.version);
            ensure!(before <= Some(found.version), "record {record} went back from {before:?} to {}", found.version);
            self.reads.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
