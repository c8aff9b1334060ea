//! Indexes and publishes in the background what requests did not: events that other processes store in the same
//! database, and what an outage kept back.

use std::sync::Arc;
use std::time::Duration;

use annals_application::log_chain;
use annals_application::projection::{CatchUpError, FeedProjector};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

const CATCH_UP_EVERY: Duration = Duration::from_secs(1);

/// How long the end of the process waits for what is being indexed and published.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The two tasks: the publisher does not hold up the read model.
pub(super) struct CatchingUp {
    indexing: JoinHandle<()>,
    publishing: JoinHandle<()>,
    feed_projector: Arc<FeedProjector>,
}

impl CatchingUp {
    pub(super) fn start(feed_projector: &Arc<FeedProjector>) -> Self {
        let (one, other) = (Arc::clone(feed_projector), Arc::clone(feed_projector));
        Self {
            indexing: tokio::spawn(each_second(async move || one.index().await)),
            publishing: tokio::spawn(each_second(async move || other.publish().await)),
            feed_projector: Arc::clone(feed_projector),
        }
    }

    pub(super) async fn stop(self) {
        for task in [self.indexing, self.publishing] {
            task.abort();
            let _ = task.await;
        }
        match timeout(STOP_TIMEOUT, self.feed_projector.finish()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::error!(error = %log_chain(&error), "the next start continues from here"),
            Err(_) => tracing::error!("not everything is published: the next start continues from here"),
        }
    }
}

/// An error does not end it, and a panic is an error.
async fn each_second(catch_up: impl AsyncFn() -> Result<u64, CatchUpError>) {
    let mut ticks = interval(CATCH_UP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = catch_up().await {
            tracing::error!(error = %log_chain(&error), "projection failed; trying again in a second");
        }
    }
}
