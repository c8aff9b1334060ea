//! `annals`: the whole pipeline as one command on one machine, and the command for an installation on AWS.
//!
//! Exit codes are those of `exit`. Results go to stdout, everything else to stderr. Business rules live in the other
//! crates: this one reads arguments and files and prints results.

mod arguments;
mod audit;
#[cfg(feature = "aws")]
mod aws;
#[cfg(not(feature = "aws"))]
#[path = "without_aws.rs"]
mod aws;
mod backfill;
mod command_side;
mod connect;
mod crm;
mod doctor;
mod entities;
mod exit;
mod export;
mod ingest;
mod interrupt;
mod log;
mod open;
mod output;
mod quarantine;
mod rebuild;
mod salesforce;
mod serve;
mod style;
mod table;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use crate::arguments::{Arguments, Command, Shared, Target};
use crate::exit::{Exit, Failure};
use crate::log::Log;

/// How long blocking calls may take at the end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let started = Arguments::read(std::env::args_os()).and_then(|arguments| start(&arguments));
    let exit = started.unwrap_or_else(|failure| failure.print());
    exit.into()
}

fn start(arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.shared.on_aws.target == Target::Aws {
        aws::require_feature()?;
    }
    let log = start_log(&arguments.shared)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start the async runtime: {error}")))?;
    let exit = runtime.block_on(run(arguments));
    // Running calls close the database first, unless they take too long.
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    log.flush();
    exit
}

async fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let shared = &arguments.shared;
    match &arguments.command {
        Command::Serve(serve) => Box::pin(serve::run(shared, serve)).await,
        Command::Ingest(ingest) => Box::pin(ingest::run(shared, ingest)).await,
        Command::Get(get) => entities::in_time(Box::pin(entities::get(shared, get))).await,
        Command::List(list) => entities::in_time(Box::pin(entities::list(shared, list))).await,
        Command::History(history) => entities::in_time(Box::pin(entities::history(shared, history))).await,
        Command::Diff(diff) => entities::in_time(Box::pin(entities::diff(shared, diff))).await,
        Command::Export(export) => Box::pin(export::run(shared, export)).await,
        Command::Quarantine { command } => Box::pin(quarantine::run(shared, command)).await,
        Command::Rebuild(rebuild) => Box::pin(rebuild::run(shared, rebuild)).await,
        Command::Connect(connect) => Box::pin(connect::run(shared, connect)).await,
        Command::Backfill(backfill) => Box::pin(backfill::run(shared, backfill)).await,
        Command::Audit(audit) => Box::pin(audit::run(shared, audit)).await,
        Command::Doctor(doctor) => Box::pin(doctor::run(shared, doctor)).await,
    }
}

fn start_log(shared: &Shared) -> Result<Log, Failure> {
    let filter: Targets = shared.log.parse().map_err(|error| {
        Failure::usage(format!("--log `{}`: {error}", shared.log)).hint("use error, warn, info, debug or trace")
    })?;
    let has_colors = io::stderr().is_terminal() && !shared.no_color;
    let log = Log::start().map_err(|error| Failure::new(format!("cannot start the log: {error}")))?;
    let layer = fmt::layer().with_writer(log.clone()).with_ansi(has_colors).with_filter(filter);
    tracing_subscriber::registry().with(layer).init();
    Ok(log)
}
