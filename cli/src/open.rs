//! Opens the stores for commands and for queries: a database on this machine, or an installation on AWS.
//!
//! A command that only reads never creates a database. One that writes first projects what a crash left
//! unprojected.

use std::sync::Arc;

use annals_application::commands::CommandHandler;
use annals_application::projection::{CatchUpError, FeedProjector};
use annals_application::queries::EntityQueries;
use annals_domain::provider_adapter::ProviderAdapters;
use annals_sqlite::process::{LocalProcess, Projecting, PublishTo, Tuning};

use crate::arguments::{Publish, Shared, Target};
use crate::aws;
use crate::exit::Failure;

/// The command side: stores change events and manages the quarantine.
pub(crate) struct CommandSide {
    pub(crate) handler: Arc<CommandHandler>,
    pub(crate) adapters: ProviderAdapters,
    /// Projects what is stored. On AWS the projection function does it.
    feed_projector: Option<Arc<FeedProjector>>,
}

impl CommandSide {
    pub(crate) fn new(
        handler: Arc<CommandHandler>,
        adapters: ProviderAdapters,
        feed_projector: Option<Arc<FeedProjector>>,
    ) -> Self {
        Self { handler, adapters, feed_projector }
    }

    pub(crate) fn of(process: &LocalProcess) -> Self {
        let feed_projector = Some(Arc::clone(&process.feed_projector));
        Self::new(Arc::clone(&process.handler), process.adapters.clone(), feed_projector)
    }

    /// Projects stored events that are not projected yet, if that is the job of this process.
    pub(crate) async fn catch_up(&self) -> Result<(), CatchUpError> {
        match &self.feed_projector {
            Some(feed_projector) => feed_projector.catch_up().await.map(drop),
            None => Ok(()),
        }
    }
}

/// Opens the command side to write; creates the database if it does not exist.
pub(crate) async fn open_to_write(
    shared: &Shared,
    publish: &Publish,
    projecting: Projecting,
) -> Result<CommandSide, Failure> {
    match shared.on_aws.target {
        Target::Local => Ok(CommandSide::of(&local_to_write(shared, publish, projecting).await?)),
        Target::Aws => aws::open_commands(shared).await,
    }
}

/// Opens the command side of what exists, to read its quarantine.
pub(crate) async fn open_to_read(shared: &Shared) -> Result<CommandSide, Failure> {
    match shared.on_aws.target {
        Target::Local => Ok(CommandSide::of(&local_to_read(shared).await?)),
        Target::Aws => aws::open_commands(shared).await,
    }
}

/// Opens the query side.
pub(crate) async fn open_queries(shared: &Shared) -> Result<EntityQueries, Failure> {
    match shared.on_aws.target {
        Target::Local => Ok(local_to_read(shared).await?.queries),
        Target::Aws => aws::open_queries(shared).await,
    }
}

/// Opens the database to write, projects what is not projected yet, and retries parked projections.
pub(crate) async fn local_to_write(
    shared: &Shared,
    publish: &Publish,
    projecting: Projecting,
) -> Result<LocalProcess, Failure> {
    let tuning = Tuning { projecting, ..Tuning::default() };
    let process = LocalProcess::open_tuned(&shared.settings(publish.to(&shared.db)), tuning).await?;
    process.feed_projector.catch_up().await?;
    process.feed_projector.redrive_parked().await?;
    Ok(process)
}

async fn local_to_read(shared: &Shared) -> Result<LocalProcess, Failure> {
    require_database(shared)?;
    Ok(LocalProcess::open(&shared.settings(PublishTo::Nowhere)).await?)
}

/// Refuses a database file that does not exist. An installation on AWS reports missing tables itself.
pub(crate) fn require_database(shared: &Shared) -> Result<(), Failure> {
    if shared.on_aws.target == Target::Aws || shared.db.exists() {
        return Ok(());
    }
    let message = format!("{}: no such database", shared.db.display());
    Err(Failure::usage(message).hint("`annals ingest PATH` creates it; --db names another file"))
}
