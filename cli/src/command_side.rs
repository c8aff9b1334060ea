//! The command side: stores change events and manages the quarantine.

use std::sync::Arc;

use annals_application::commands::CommandHandler;
use annals_application::projection::{CatchUpError, FeedProjector};
use annals_domain::provider_adapter::ProviderAdapters;
use annals_sqlite::process::LocalProcess;

pub(crate) struct CommandSide {
    pub(crate) handler: Arc<CommandHandler>,
    pub(crate) adapters: ProviderAdapters,
    /// Projects what is stored. On AWS the projection function does it.
    feed_projector: Option<Arc<FeedProjector>>,
    /// Whether a process goes on that publishes what is not published yet.
    publishes_later: bool,
}

impl CommandSide {
    pub(crate) fn new(
        handler: Arc<CommandHandler>,
        adapters: ProviderAdapters,
        feed_projector: Option<Arc<FeedProjector>>,
    ) -> Self {
        Self { handler, adapters, feed_projector, publishes_later: false }
    }

    pub(crate) fn of(process: &LocalProcess) -> Self {
        let feed_projector = Some(Arc::clone(&process.feed_projector));
        Self::new(Arc::clone(&process.handler), process.adapters.clone(), feed_projector)
    }

    /// The command side of a process that goes on: a publisher that fails does not end its ingest.
    pub(crate) fn publishing_later(self) -> Self {
        Self { publishes_later: true, ..self }
    }

    /// Projects stored events that are not projected yet, if that is the job of this process.
    pub(crate) async fn catch_up(&self) -> Result<(), CatchUpError> {
        match &self.feed_projector {
            Some(feed_projector) if self.publishes_later => feed_projector.index().await.map(drop),
            Some(feed_projector) => feed_projector.finish().await.map(drop),
            None => Ok(()),
        }
    }
}
