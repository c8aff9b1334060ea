//! Opens the stores for commands and for queries: a database on this machine, or an installation on AWS.
//!
//! A command that only reads never creates a database. One that writes first projects what a crash left
//! unprojected.

use annals_application::audit::Auditor;
use annals_application::crm::CrmConnections;
use annals_application::log_chain;
use annals_application::queries::EntityQueries;
use annals_sqlite::process::{LocalProcess, ProcessTuning, PublishTo};

use crate::arguments::{Publish, Shared, Target};
use crate::aws;
use crate::command_side::CommandSide;
use crate::exit::Failure;

/// Opens the command side to write; creates the database if it does not exist.
pub(crate) async fn open_to_write(
    shared: &Shared,
    publish: &Publish,
    tuning: ProcessTuning,
) -> Result<CommandSide, Failure> {
    match shared.on_aws.target {
        Target::Local => Ok(CommandSide::of(&local_to_write(shared, publish, tuning).await?)),
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

pub(crate) async fn open_queries(shared: &Shared) -> Result<EntityQueries, Failure> {
    let queries = match shared.on_aws.target {
        Target::Local => local_to_read(shared).await?.queries,
        Target::Aws => aws::open_queries(shared).await?,
    };
    // No gateway limits what a command prints, so that it shows what is too large for one.
    Ok(queries.with_page_bytes(usize::MAX))
}

/// What compares the records of these CRMs with those of what exists. It may repair, so it opens to write.
pub(crate) async fn open_auditor(
    shared: &Shared,
    publish: &Publish,
    connections: CrmConnections,
) -> Result<Auditor, Failure> {
    require_database(shared)?;
    match shared.on_aws.target {
        Target::Local => {
            let process = local_to_write(shared, publish, ProcessTuning::default()).await?;
            Ok(process.auditor(connections))
        }
        Target::Aws => aws::open_auditor(shared, connections).await,
    }
}

/// Opens the database to write, indexes and publishes what is not yet, retries parked projections, and removes what
/// an interrupted command left in the quarantine.
pub(crate) async fn local_to_write(
    shared: &Shared,
    publish: &Publish,
    tuning: ProcessTuning,
) -> Result<LocalProcess, Failure> {
    let process = LocalProcess::open_tuned(&shared.settings(publish.to(&shared.db)), tuning).await?;
    process.feed_projector.index().await?;
    if let Err(error) = process.feed_projector.publish().await {
        // It is tried again; until then everything else works.
        tracing::error!(error = %log_chain(&error), "changes are not published yet");
    }
    process.feed_projector.redrive_parked().await?;
    if let Err(error) = process.handler.quarantine().remove_orphans().await {
        tracing::warn!(error = %log_chain(&error), "chunks that an interrupted command left in the quarantine stay");
    }
    Ok(process)
}

async fn local_to_read(shared: &Shared) -> Result<LocalProcess, Failure> {
    require_database(shared)?;
    Ok(LocalProcess::open_to_read(&shared.settings(PublishTo::Nowhere)).await?)
}

/// Refuses a database file that does not exist. An installation on AWS reports missing tables itself.
pub(crate) fn require_database(shared: &Shared) -> Result<(), Failure> {
    if shared.on_aws.target == Target::Aws || shared.db.exists() {
        return Ok(());
    }
    let message = format!("{}: no such database", shared.db.display());
    Err(Failure::usage(message).hint("`annals ingest PATH` creates it; --db names another file"))
}
