//! Projecting the event feed of one process.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::{OptionFuture, join};
use tokio::sync::Mutex;
use tokio::time::{Duration, Instant, timeout, timeout_at};

use super::feed_lane::{CatchUpError, FeedLane};
use super::projector::Projector;
use super::redrive::Redriver;
use crate::commands::{AppendListener, Projected};
use crate::ports::PortError;

/// The longest time that parked records may delay the start of a process.
const REDRIVE_TIME: Duration = Duration::from_secs(10);

/// How long an append waits for the read model, and for the publisher.
const INDEX_TIME: Duration = Duration::from_secs(5);
const PUBLISH_TIME: Duration = Duration::from_secs(1);

/// Keeps the projections of a process up to date with its event feed.
///
/// The read model and the publisher have a place in the feed each: an outage of one does not hold up the other.
pub struct FeedProjector {
    read_model: Arc<FeedLane>,
    publisher: Option<Arc<FeedLane>>,
    /// Runs all projections, for records that were parked by any of them.
    redriver: Projector,
    /// Held while a batch is projected in the background.
    background: Arc<Mutex<()>>,
}

impl FeedProjector {
    /// `redriver` has all projections of both lanes.
    pub fn new(read_model: FeedLane, publisher: Option<FeedLane>, redriver: Projector) -> Self {
        let publisher = publisher.map(Arc::new);
        Self { read_model: Arc::new(read_model), publisher, redriver, background: Arc::default() }
    }

    /// The same as [`Self::catch_up`], after nothing is projected in the background any more: a process that ends then
    /// interrupts nothing.
    pub async fn finish(&self) -> Result<u64, CatchUpError> {
        let _idle = self.background.lock().await;
        self.catch_up().await
    }

    /// Indexes and publishes all events that were appended before the call, and returns how many were indexed.
    pub async fn catch_up(&self) -> Result<u64, CatchUpError> {
        let (indexed, published) = join(self.index(), self.publish()).await;
        indexed.and_then(|count| published.map(|_| count))
    }

    /// Brings the read model up to date.
    pub async fn index(&self) -> Result<u64, CatchUpError> {
        self.read_model.catch_up().await
    }

    /// Publishes what is not published yet.
    pub async fn publish(&self) -> Result<u64, CatchUpError> {
        OptionFuture::from(self.publisher.as_ref().map(|lane| lane.catch_up())).await.unwrap_or(Ok(0))
    }

    /// Projects parked records again, for some seconds at most, and returns the number of those that
    /// were tried and are still parked.
    pub async fn redrive_parked(&self) -> Result<usize, PortError> {
        let _one_at_a_time = self.read_model.paused().await;
        let report = Redriver::new(&self.redriver).redrive_all(Instant::now() + REDRIVE_TIME).await?;
        if let Some(error) = &report.outage {
            tracing::warn!(error = %crate::log_chain(error), "could not project parked records because of an outage");
        }
        Ok(report.still_parked)
    }

    /// The number of commits that are not in the read model yet.
    pub async fn lag(&self) -> Result<u64, PortError> {
        self.read_model.lag().await
    }

    async fn index_by(&self, deadline: Instant) -> Projected {
        match timeout_at(deadline, self.index()).await {
            Ok(Ok(_)) => Projected::Done,
            Ok(Err(error)) => {
                // The events are stored: the next append or the next start projects them.
                tracing::error!(error = %crate::log_chain(&error), "the read model is not up to date");
                Projected::Later
            }
            Err(_) => {
                tracing::error!("the read model is not up to date: the projection takes too long");
                Projected::Later
            }
        }
    }

    /// Waits for the publisher only while it keeps up.
    async fn publish_soon(&self) {
        let Some(lane) = &self.publisher else { return };
        if !lane.keeps_up() {
            return;
        }
        match timeout(PUBLISH_TIME, lane.catch_up()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::error!(error = %crate::log_chain(&error), "changes are not published yet"),
            Err(_) => {
                lane.falls_behind();
                tracing::warn!("changes are not published yet: the publisher takes too long");
            }
        }
    }
}

#[async_trait]
impl AppendListener for FeedProjector {
    async fn appended(&self, deadline: Instant) -> Projected {
        let deadline = deadline.min(Instant::now() + INDEX_TIME);
        join(self.index_by(deadline), self.publish_soon()).await.0
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
    async fn appended(&self, _: Instant) -> Projected {
        // Waits for the previous batch, so that the number of events to project stays bounded.
        let running = Arc::clone(&self.feed_projector.background).lock_owned().await;
        let feed_projector = Arc::clone(&self.feed_projector);
        tokio::spawn(async move {
            let (indexed, ()) = join(feed_projector.index(), feed_projector.publish_soon()).await;
            if let Err(error) = indexed {
                tracing::error!(error = %crate::log_chain(&error), "the read model is not up to date");
            }
            drop(running);
        });
        Projected::NotAwaited
    }
}
