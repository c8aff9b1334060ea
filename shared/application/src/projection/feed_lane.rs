//! One consumer of the event feed: a projector, and the place up to which it has come.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use tokio::sync::{Mutex, MutexGuard};

use super::projector::Projector;
use crate::ports::{CommitPosition, EventFeed, FeedConsumer, PortError};
use crate::work_status::WorkStatus;

/// The number of events in one batch: enough to share a transaction's cost, and few enough to be
/// searchable soon.
const BATCH: usize = 1_000;

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
    #[error("the projection ended unexpectedly; see the log")]
    Panicked,
}

impl CatchUpError {
    /// One line that may be shown to anyone.
    fn reason(&self) -> String {
        match self {
            Self::Feed(error) | Self::Projection { first: error, .. } => error.message.clone(),
            Self::Panicked => self.to_string(),
        }
    }
}

/// Takes the events of the feed through one projector, in batches.
///
/// Events that were appended before a crash are projected at the next start, since the checkpoint moves
/// only after a batch is projected. Delivery is at least once: a batch may be projected again.
pub struct FeedLane {
    consumer: FeedConsumer,
    feed: Arc<dyn EventFeed>,
    projector: Projector,
    status: Arc<WorkStatus>,
    /// A consumer that has nothing to do here: it is moved along, unless it has a backlog.
    idle_consumer: Option<FeedConsumer>,
    /// Only one batch is projected at a time: two would wait for each other's writes anyway.
    running: Mutex<()>,
    keeps_up: AtomicBool,
}

impl FeedLane {
    pub fn new(
        consumer: FeedConsumer,
        feed: Arc<dyn EventFeed>,
        projector: Projector,
        status: Arc<WorkStatus>,
    ) -> Self {
        let (running, keeps_up) = (Mutex::default(), AtomicBool::new(true));
        Self { consumer, feed, projector, status, idle_consumer: None, running, keeps_up }
    }

    /// Moves that consumer's place along with this one's: what this process projects is not for it.
    #[must_use]
    pub fn moving_along(mut self, idle_consumer: FeedConsumer) -> Self {
        self.idle_consumer = Some(idle_consumer);
        self
    }

    /// Whether the last catch-up succeeded, as far as the callers waited for it.
    pub(super) fn keeps_up(&self) -> bool {
        self.keeps_up.load(Ordering::Relaxed)
    }

    pub(super) fn falls_behind(&self) {
        self.keeps_up.store(false, Ordering::Relaxed);
    }

    /// Projects all events that were appended before the call, and returns their number. Runs to its end even if the
    /// caller is cancelled, and a panic is an error.
    pub async fn catch_up(self: &Arc<Self>) -> Result<u64, CatchUpError> {
        let lane = Arc::clone(self);
        let caught_up = tokio::spawn(async move { lane.project_and_report().await }).await;
        // Only the end of the runtime cancels it.
        caught_up.unwrap_or(Err(CatchUpError::Panicked))
    }

    async fn project_and_report(&self) -> Result<u64, CatchUpError> {
        let projected = AssertUnwindSafe(self.project_new()).catch_unwind().await;
        let result = projected.unwrap_or(Err(CatchUpError::Panicked));
        self.keeps_up.store(result.is_ok(), Ordering::Relaxed);
        match &result {
            Ok(_) => self.status.succeeded(),
            Err(CatchUpError::Panicked) => self.status.panicked(),
            Err(error) => self.status.failed(error.reason()),
        }
        result
    }

    async fn project_new(&self) -> Result<u64, CatchUpError> {
        let target = self.feed.last_commit().await?.map(|(position, _)| position).unwrap_or_default();
        let _one_at_a_time = self.running.lock().await;
        let mut position = self.feed.checkpoint(self.consumer).await?;
        let idle_consumer = self.idle_consumer_at(position).await?;
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
            self.feed.advance(self.consumer, position).await?;
            if let Some(consumer) = idle_consumer {
                self.feed.advance(consumer, position).await?;
            }
        }
        Ok(projected)
    }

    /// The consumer to move along: one that is behind has a backlog, which is for a process that runs it.
    async fn idle_consumer_at(&self, position: CommitPosition) -> Result<Option<FeedConsumer>, PortError> {
        let Some(consumer) = self.idle_consumer else { return Ok(None) };
        Ok((self.feed.checkpoint(consumer).await? >= position).then_some(consumer))
    }

    /// Held so that no batch is projected meanwhile.
    pub(super) async fn paused(&self) -> MutexGuard<'_, ()> {
        self.running.lock().await
    }

    /// The number of commits that are not projected yet.
    pub async fn lag(&self) -> Result<u64, PortError> {
        let last = self.feed.last_commit().await?.map_or(CommitPosition::default(), |(position, _)| position);
        let checkpoint = self.feed.checkpoint(self.consumer).await?;
        Ok(last.0.saturating_sub(checkpoint.0))
    }
}
