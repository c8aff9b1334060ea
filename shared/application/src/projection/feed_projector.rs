//! The local feed_projector: keeps projections up with the event feed of one process.
//!
//! Promises that what was appended before a crash is projected at the next start: the checkpoint
//! moves only behind what was projected. At least once: a batch may be projected again.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio::time::{Duration, Instant};

use super::Projector;
use crate::commands::AppendListener;
use crate::ports::{CommitPosition, EventFeed, PortError};

/// How many events are projected at once: enough to share a transaction's cost, few enough to be
/// searchable soon.
const BATCH: usize = 1_000;

/// How long a start may be held up by parked records that fail again.
const REDRIVING: Duration = Duration::from_secs(10);

/// Why the projections did not come up to the feed.
#[derive(Debug, thiserror::Error)]
pub enum CatchUpError {
    /// The feed or the checkpoint cannot be reached.
    #[error("the event feed cannot be read")]
    Feed(#[from] PortError),
    /// An outage behind the projections; what is not projected is tried again.
    #[error("{count} records could not be projected")]
    Projection {
        /// How many.
        count: usize,
        /// The first one's reason.
        #[source]
        first: PortError,
    },
}

/// The feed_projector.
pub struct FeedProjector {
    feed: Arc<dyn EventFeed>,
    projector: Projector,
    /// One batch at a time: two would only meet at the read model's lock.
    running: Mutex<()>,
}

impl FeedProjector {
    /// From that feed through that projector.
    pub fn new(feed: Arc<dyn EventFeed>, projector: Projector) -> Self {
        Self { feed, projector, running: Mutex::new(()) }
    }

    /// The projector.
    pub fn projector(&self) -> &Projector {
        &self.projector
    }

    /// Projects everything that was appended before the call; how many events that were.
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

    /// Tries once more what is parked, each record in its turn, for some seconds at most; how many were
    /// tried and are parked still. Their cause may be gone.
    pub async fn redrive_parked(&self) -> Result<usize, PortError> {
        let _one_at_a_time = self.running.lock().await;
        let run = self.projector.redrive_parked(Instant::now() + REDRIVING).await?;
        if let Some(error) = &run.outage {
            tracing::warn!(error = %crate::log_chain(error), "parked records could not be tried");
        }
        Ok(run.still_parked)
    }

    /// How many commits are not projected yet.
    pub async fn lag(&self) -> Result<u64, PortError> {
        let last = self.feed.last_commit().await?.map_or(CommitPosition::default(), |(position, _)| position);
        let checkpoint = self.feed.checkpoint().await?;
        Ok(last.0.saturating_sub(checkpoint.0))
    }
}

/// A listener that lets one batch be projected while the next is taken in: for bulk, where nobody
/// reads in between. What goes wrong is made good by the next batch, or the caller's last catch-up.
pub struct BackgroundProjector {
    feed_projector: Arc<FeedProjector>,
    projecting: Arc<Mutex<()>>,
}

impl BackgroundProjector {
    /// Behind that feed_projector.
    pub fn new(feed_projector: Arc<FeedProjector>) -> Self {
        Self { feed_projector, projecting: Arc::default() }
    }
}

#[async_trait]
impl AppendListener for BackgroundProjector {
    async fn appended(&self) {
        // Waits for the batch before this one, so that what is not projected stays bounded.
        let turn = Arc::clone(&self.projecting).lock_owned().await;
        let feed_projector = Arc::clone(&self.feed_projector);
        tokio::spawn(async move {
            feed_projector.appended().await;
            drop(turn);
        });
    }
}

#[async_trait]
impl AppendListener for FeedProjector {
    async fn appended(&self) {
        if let Err(error) = self.catch_up().await {
            // The events are stored: the next append, or the next start, projects them.
            tracing::error!(error = %crate::log_chain(&error), "projection is behind");
        }
    }
}
