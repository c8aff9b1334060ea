//! Opening the database, for those who write and those who read.
//!
//! Promises that a command which only reads makes no database where there is none, and that one
//! which writes first makes good what a crash left undone.

use annals_embedded::process::{LocalProcess, Projecting, PublishTo, Tuning};

use crate::arguments::{Publish, Shared};
use crate::exit::Failure;

/// Opens the database to write, and brings the projections up.
pub(crate) async fn open_to_write(
    shared: &Shared,
    publish: &Publish,
    projecting: Projecting,
) -> Result<LocalProcess, Failure> {
    let tuning = Tuning { projecting, ..Tuning::default() };
    let process = LocalProcess::open_tuned(&shared.settings(publish.to(&shared.db)), tuning).await?;
    process.pipeline.catch_up().await?;
    process.pipeline.redrive_parked().await?;
    Ok(process)
}

/// Opens a database that is there.
pub(crate) async fn open_to_read(shared: &Shared) -> Result<LocalProcess, Failure> {
    there_is(shared)?;
    Ok(LocalProcess::open(&shared.settings(PublishTo::Nowhere)).await?)
}

/// Refuses a database that is not there.
pub(crate) fn there_is(shared: &Shared) -> Result<(), Failure> {
    if shared.db.exists() {
        return Ok(());
    }
    let message = format!("{}: there is no such database", shared.db.display());
    Err(Failure::wrong_use(message).hint("`annals ingest PATH` makes one; --db names another"))
}
