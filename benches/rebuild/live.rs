//! Live changes during a rebuild, written and then projected as the projection function does it: by two projectors
//! that know only the stored plan.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use annals_application::ports::{ReadModel, ReadOptions};
use annals_application::projection::Projector;
use annals_aws::read_model::OpenSearchReadModel;
use annals_aws::rebuild::LiveTargets;
use annals_domain::position::Version;
use annals_lambda::projector_settings;
use annals_tests::changes::change;
use anyhow::{Result, ensure};
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::fixture::{CHANGES, Fixture};

/// Changes in a second.
const RATE: u64 = 50;
/// The number of changes at the same time: a store that a rebuild scans is slow. Far fewer than records, so that the
/// changes of one record come one after the other.
const IN_FLIGHT: usize = 32;
/// The maximum number of deliveries of a change.
const DELIVERIES: usize = 10;
/// How long a projector caches the plan of a rebuild. A function caches it for ten seconds.
pub(crate) const PLAN_CACHE_TIME: Duration = Duration::from_secs(1);

/// Writes and projects changes until it is stopped.
pub(crate) struct Live {
    fixture: Arc<Fixture>,
    projectors: [Projector; 2],
    records: usize,
    /// The number of changes written.
    pub(crate) written: AtomicU64,
    pub(crate) stop: AtomicBool,
}

impl Live {
    /// Changes of the first `records` records.
    pub(crate) fn new(fixture: Arc<Fixture>, records: usize) -> Self {
        let projector = || {
            let (leases, clock) =
                (Arc::clone(&fixture.installation.state.leases), Arc::clone(&fixture.installation.clock));
            let live = LiveTargets::cached_for(leases, clock, PLAN_CACHE_TIME);
            let read_model: OpenSearchReadModel = fixture.search.read_model().with_dual_write(Arc::new(live));
            let read_model: Arc<dyn ReadModel> = Arc::new(read_model);
            fixture.installation.projector(&read_model, None, projector_settings())
        };
        let projectors = [projector(), projector()];
        Self { fixture, projectors, records, written: AtomicU64::new(0), stop: AtomicBool::new(false) }
    }

    pub(crate) async fn run(&self) -> Result<()> {
        let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / RATE));
        let mut under_way = FuturesUnordered::new();
        let mut numbers = 0..;
        while !self.stop.load(Ordering::Relaxed) {
            tokio::select! {
                Some(done) = under_way.next() => self.count(done)?,
                _ = ticks.tick(), if under_way.len() < IN_FLIGHT => {
                    let number = numbers.next().unwrap_or(usize::MAX);
                    under_way.push(self.change(number % self.records, CHANGES + number / self.records));
                }
            }
        }
        while let Some(done) = under_way.next().await {
            self.count(done)?;
        }
        Ok(())
    }

    fn count(&self, change: Result<()>) -> Result<()> {
        change?;
        self.written.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn change(&self, record: usize, round: usize) -> Result<()> {
        let text = [change(round, record).to_string()];
        // A change is delivered again if the store was too busy. Whether the first attempt was stored or not,
        // the change is stored once.
        for _ in 0..DELIVERIES {
            if self.fixture.write(&text).await.is_ok() {
                break;
            }
        }
        let options = ReadOptions::from(Version::new(round as u64 + 1), 1);
        let stored = self.fixture.installation.store.read(&self.fixture.key(record), &options).await?;
        ensure!(stored.len() == 1, "a live change was not stored: record {record}, version {}", round + 1);
        let events = stored.into_iter().map(|stored| stored.event).collect();
        // The changes of a record alternate between the projectors, as happens when failed batches are divided again.
        let projector = &self.projectors[usize::from(round.is_multiple_of(2))];
        let report = projector.project(events).await;
        ensure!(report.failed.is_empty() && report.parked == 0, "a live change was not projected: {report:?}");
        Ok(())
    }
}
