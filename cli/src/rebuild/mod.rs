//! `rebuild`: replays all events into a fresh read model.
//!
//! Promises that readers see the old one until the new one is whole, that a run that was ended early
//! can be made again, and that every record which could not be rebuilt is named.

mod local;
mod on_aws;
mod patience;
mod progress;

use crate::arguments::{Rebuild, Shared, Target};
use crate::exit::{Exit, Failure};
use crate::output::notice;
use crate::style::plain;

/// Runs the command.
pub(crate) async fn run(shared: &Shared, rebuild: &Rebuild) -> Result<Exit, Failure> {
    match shared.on_aws.target {
        Target::Local => local::run(shared, rebuild).await,
        Target::Aws => on_aws::run(shared, rebuild).await,
    }
}

/// Names the records that could not be rebuilt.
fn tell_failed(failed: &[(String, String)]) {
    for (key, reason) in failed {
        notice(format_args!("{}: {}", plain(key), plain(reason)));
    }
}
