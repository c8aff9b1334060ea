//! A reader that polls some records during the whole rebuild.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use annals_application::ports::ReadModel;
use annals_domain::position::Version;
use anyhow::{Result, bail, ensure};

use crate::fixture::Fixture;

/// Reads in a second, and the number of polled records.
const RATE: u64 = 20;
const POLLED: usize = 200;

/// Polls until it is stopped.
pub(crate) struct Poller {
    fixture: Arc<Fixture>,
    read_model: Arc<dyn ReadModel>,
    records: usize,
    /// The number of reads.
    pub(crate) reads: AtomicU64,
    pub(crate) stop: AtomicBool,
}

impl Poller {
    /// Polls two hundred of `records` records.
    pub(crate) fn new(fixture: Arc<Fixture>, records: usize) -> Self {
        let read_model = fixture.reading();
        Self { fixture, read_model, records, reads: AtomicU64::new(0), stop: AtomicBool::new(false) }
    }

    /// Fails when a record is missing, or older than in an earlier read.
    pub(crate) async fn run(&self) -> Result<()> {
        let mut seen: HashMap<usize, Version> = HashMap::new();
        let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / RATE));
        let polled = POLLED.min(self.records);
        for number in 0_usize.. {
            ticks.tick().await;
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            // Every second polled record is one that changes.
            let nth = number % polled;
            let record = if nth.is_multiple_of(2) { nth } else { self.records - nth };
            let id = self.fixture.key(record).aggregate_id;
            let Some(found) = self.read_model.get(&self.fixture.schema, id).await? else {
                bail!("record {record} was not found after {number} reads");
            };
            let before = seen.insert(record, found.version);
            ensure!(before <= Some(found.version), "record {record} went back from {before:?} to {}", found.version);
            self.reads.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
