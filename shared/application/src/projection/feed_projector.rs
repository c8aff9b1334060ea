//! Projecting the event feed of one process.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio::time::{Duration, Instant};

use super::projector::Projector;
use super::redrive::Redriver;
use crate::commands::AppendListener;
use crate::ports::{CommitPosition, EventFeed, PortError};

/// The number of events in one batch: enough to share a transaction's cost, and few enough to be
/// searchable soon.
const BATCH: usize = 1_000;

/// The longest time that parked records may delay the start of a process.
const REDRIVE_TIME: Duration = Duration::from_secs(10);

/// Why the projections did not catch up with the feed.
#[derive(Debug, thiserror::Error)]
pub enum CatchUpError {
    #[error("cannot read the event feed or its checkpoint")]
    Feed(#[from] PortError),
    /// An outage. The next catch-up tries these records again.
    #[error("{count} records could not be projected")]
    Projection {
        count: usize,
        #[source]
        first: PortError,
    },
}

/// Keeps the projections of a process up to date with its event feed.
///
/// Events that were appended before a crash are projected at the next start, since the checkpoint moves
/// only after a batch is projected. Delivery is at least once: a batch may be projected again.
pub struct FeedProjector {
    feed: Arc<dyn EventFeed>,
    projector: Projector,
    /// Only one batch is projected at a time: two would wait for the read model's lock anyway.
    running: Mutex<()>,
    /// Held while a batch is projected in the background.
    background: Arc<Mutex<()>>,
}

impl FeedProjector {
    pub fn new(feed: Arc<dyn EventFeed>, projector: Projector) -> Self {
        Self { feed, projector, running: Mutex::new(()), background: Arc::default() }
    }

    /// The same as [`Self::catch_up`], after nothing is projected in the background any more: a process that ends then
    /// interrupts nothing.
    pub async fn finish(&self) -> Result<u64, CatchUpError> {
        let _idle = self.background.lock().await;
        self.catch_up().await
    }

    /// Projects all events that were appended before the call, and returns their number.
    pub async fn catch_up(&self) -> Result<u64, CatchUpError> {
        let target = self.feed.last_commit().await?.map(|(position, _)| position).unwrap_or_default();
        let _one_at_a_time = self.running.lock().await;
        let mut position = self.feed.checkpoint().await?;
        let mut projected = 0;
        while position < target {
            let batch = self.feed.after(position, BATCH).await?;
            let Some((last, _)) = batch.last() else { break };
            position = *last;
            projected += batch.len() as u64;
            let events = batch.into_iter().map(|(_, stored)| stored.event).collect();
            let report = self.projector.project(events).await;
            let count = report.failed.len();
            if let Some((_, _, first)) = report.failed.into_iter().next() {
                return Err(CatchUpError::Projection { count, first });
            }
            self.feed.advance(position).await?;
        }
        Ok(projected)
    }

    /// Projects parked records again, for some seconds at most, and returns the number of those that
    /// were tried and are still parked.
    pub async fn redrive_parked(&self) -> Result<usize, PortError> {
        let _one_at_a_time = self.running.lock().await;
        let report = Redriver::new(&self.projector).redrive_all(Instant::now() + REDRIVE_TIME).await?;
        if let Some(error) = &report.outage {
            tracing::warn!(error = %crate::log_chain(error), "could not project parked records because of an outage");
        }
        Ok(report.still_parked)
    }

    /// The number of commits that are not projected yet.
    pub async fn lag(&self) -> Result<u64, PortError> {
        let last = self.feed.last_commit().await?.map_or(CommitPosition::default(), |(position, _)| position);
        let checkpoint = self.feed.checkpoint().await?;
        Ok(last.0.saturating_sub(checkpoint.0))
    }
}

#[async_trait]
impl AppendListener for FeedProjector {
    async fn appended(&self) {
        if let Err(error) = self.catch_up().await {
            // The events are stored: the next append or the next start projects them.
            tracing::error!(error = %crate::log_chain(&error), "projections are not up to date");
        }
    }
}

/// Projects one batch in the background while the next is stored, for bulk input that nobody reads in
/// between. The next batch or the caller's last catch-up projects again what failed.
pub struct BackgroundProjector {
    feed_projector: Arc<FeedProjector>,
}

impl BackgroundProjector {
    pub fn new(feed_projector: Arc<FeedProjector>) -> Self {
        Self { feed_projector }
    }
}

#[async_trait]
impl AppendListener for BackgroundProjector {
    async fn appended(&self) {
        // Waits for the previous batch, so that the number of events to project stays bounded.
        let running = Arc::clone(&self.feed_projector.background).lock_owned().await;
        let feed_projector = Arc::clone(&self.feed_projector);
        tokio::spawn(async move {
            feed_projector.appended().await;
            drop(running);
        });
    }
}
