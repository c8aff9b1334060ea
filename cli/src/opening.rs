//! Opening what holds events and entities, for those who write and those who read: a database of
//! this machine, or an installation on AWS.
//!
//! Promises that a command which only reads makes no database where there is none, that one which
//! writes first makes good what a crash left undone, and that who opens need not know where it is.

use std::sync::Arc;

use annals_application::commands::CommandHandler;
use annals_application::projection::{CatchUpError, FeedProjector};
use annals_application::queries::EntityQueries;
use annals_domain::provider_adapter::ProviderAdapters;
use annals_sqlite::process::{LocalProcess, Projecting, PublishTo, Tuning};

use crate::arguments::{Publish, Shared, Target};
use crate::aws::Aws;
use crate::exit::Failure;

/// What takes commands.
pub(crate) struct Opened {
    /// Takes them.
    pub(crate) handler: Arc<CommandHandler>,
    /// Whose events are taken.
    pub(crate) adapters: ProviderAdapters,
    /// What projects what was stored; on AWS the projection function does.
    feed_projector: Option<Arc<FeedProjector>>,
}

impl Opened {
    /// Over a local process.
    pub(crate) fn locally(process: &LocalProcess) -> Self {
        Self {
            handler: Arc::clone(&process.handler),
            adapters: process.adapters.clone(),
            feed_projector: Some(Arc::clone(&process.feed_projector)),
        }
    }

    fn on_aws(aws: &Aws) -> Self {
        let installation = &aws.installation;
        Self { handler: installation.handler(), adapters: installation.adapters.clone(), feed_projector: None }
    }

    /// Projects what was stored and is not projected yet, where that is this process's to do.
    pub(crate) async fn catch_up(&self) -> Result<(), CatchUpError> {
        match &self.feed_projector {
            Some(feed_projector) => feed_projector.catch_up().await.map(drop),
            None => Ok(()),
        }
    }
}

/// Opens to write, the projections brought up.
pub(crate) async fn open_to_write(
    shared: &Shared,
    publish: &Publish,
    projecting: Projecting,
) -> Result<Opened, Failure> {
    match shared.on_aws.target {
        Target::Local => Ok(Opened::locally(&local_to_write(shared, publish, projecting).await?)),
        Target::Aws => Ok(Opened::on_aws(&Aws::open(shared).await?)),
    }
}

/// Opens what is there, to look into it.
pub(crate) async fn open_to_read(shared: &Shared) -> Result<Opened, Failure> {
    match shared.on_aws.target {
        Target::Local => Ok(Opened::locally(&local_to_read(shared).await?)),
        Target::Aws => Ok(Opened::on_aws(&Aws::open(shared).await?)),
    }
}

/// Opens what is there, to ask it.
pub(crate) async fn open_queries(shared: &Shared) -> Result<EntityQueries, Failure> {
    match shared.on_aws.target {
        Target::Local => Ok(local_to_read(shared).await?.queries),
        Target::Aws => {
            let (aws, search) = Aws::open_with_search(shared).await?;
            Ok(aws.queries(&search))
        }
    }
}

/// Opens the database to write, and brings the projections up.
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
    there_is(shared)?;
    Ok(LocalProcess::open(&shared.settings(PublishTo::Nowhere)).await?)
}

/// Refuses a database that is not there; what is on AWS says so itself.
pub(crate) fn there_is(shared: &Shared) -> Result<(), Failure> {
    if shared.on_aws.target == Target::Aws || shared.db.exists() {
        return Ok(());
    }
    let message = format!("{}: there is no such database", shared.db.display());
    Err(Failure::wrong_use(message).hint("`annals ingest PATH` makes one; --db names another"))
}
