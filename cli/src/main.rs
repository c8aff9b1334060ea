//! `annals`: the whole pipeline as one command on one machine, and the command for an installation
//! on AWS.
//!
//! Promises exit codes that scripts can rely on (`exit`), results on stdout, everything else on
//! stderr. Holds no rule of its own: it reads words and files, and shows answers.

mod arguments;
mod aws;
mod doctor;
mod entities;
mod exit;
mod ingest;
mod interrupt;
mod opening;
mod output;
mod quarantine;
mod rebuild;
mod serve;
mod style;
mod table;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use crate::arguments::{Arguments, Command, Shared};
use crate::exit::{Exit, Failure};

/// How long calls that cannot be stopped may take at the end.
const LAST_CALLS: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let started = Arguments::read(std::env::args_os()).and_then(|arguments| start(&arguments));
    let exit = started.unwrap_or_else(|failure| failure.tell());
    exit.into()
}

fn start(arguments: &Arguments) -> Result<Exit, Failure> {
    log(&arguments.shared)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("the runtime cannot be started: {error}")))?;
    let exit = runtime.block_on(run(arguments));
    // What is still under way lets go of the database, unless it takes too long.
    runtime.shutdown_timeout(LAST_CALLS);
    exit
}

async fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let shared = &arguments.shared;
    match &arguments.command {
        Command::Serve(serve) => Box::pin(serve::run(shared, serve)).await,
        Command::Ingest(ingest) => Box::pin(ingest::run(shared, ingest)).await,
        Command::Get(entity) => Box::pin(entities::get(shared, entity)).await,
        Command::List(list) => Box::pin(entities::list(shared, list)).await,
        Command::History(history) => Box::pin(entities::history(shared, history)).await,
        Command::Quarantine { command } => Box::pin(quarantine::run(shared, command)).await,
        Command::Rebuild(rebuild) => Box::pin(rebuild::run(shared, rebuild)).await,
        Command::Doctor(doctor) => Box::pin(doctor::run(shared, doctor)).await,
    }
}

fn log(shared: &Shared) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&shared.log).map_err(|error| {
        Failure::wrong_use(format!("--log `{}`: {error}", shared.log))
            .hint("error, warn, info, debug or trace would fit")
    })?;
    let has_colors = io::stderr().is_terminal() && !shared.no_color;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(has_colors).init();
    Ok(())
}
