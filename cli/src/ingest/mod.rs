//! `ingest`: ingests files, folders and stdin.
//!
//! Every input ends stored, recognised as duplicate, quarantined, or reported as failed, in bounded memory whatever its
//! size. A run that ended early can be started again.

mod format;
mod ingestion;
mod input;
mod lines;
mod provider_choice;
mod reader;
mod report;
mod sources;
mod summary;

use std::thread;

use annals_sqlite::process::{ProcessTuning, ProjectionTiming};
use indicatif::ProgressBar;
use tokio::sync::mpsc;

use self::ingestion::Ingestion;
pub(crate) use self::provider_choice::ProviderChoice;
use self::reader::Reader;
pub(crate) use self::report::{Mode, Report};
pub(crate) use self::sources::Sources;
use self::summary::{Ending, Summary};
use crate::arguments::{Ingest, Shared};
use crate::command_side::CommandSide;
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::open::open_to_write;
use crate::output::Out;

const MESSAGES_AHEAD: usize = 1;

pub(crate) async fn run(shared: &Shared, arguments: &Ingest) -> Result<Exit, Failure> {
    if arguments.json && arguments.publish.uses_stdout() {
        return Err(Failure::usage("--json and `--publish -` both write to stdout").hint("publish to a file"));
    }
    let sources = Sources::of(&arguments.paths)?;
    let tuning = ProcessTuning { projecting: ProjectionTiming::InBackground, ..ProcessTuning::default() };
    let commands = open_to_write(shared, &arguments.publish, tuning).await?;
    let providers = ProviderChoice::new(arguments.provider, &commands.adapters)?;
    let interrupt = Interrupt::watch()?;
    let mode = if arguments.json { Mode::Json } else { Mode::Table };
    let out = Out::beside(&arguments.publish, shared.no_color);
    // A stream of lines on the terminal would tear the bar apart.
    let bar = if mode == Mode::Json && out.is_terminal() { ProgressBar::hidden() } else { sources.bar() };
    let mut report = Report::new(mode, out, bar.clone());
    let summary = ingest(&commands, sources, providers, interrupt, &mut report, bar).await?;
    let out = report.finish(&summary);
    let exit = summary.exit();
    out.finish()?;
    exit
}

/// Ingests all sources, then projects what was stored.
pub(crate) async fn ingest(
    commands: &CommandSide,
    sources: Sources,
    providers: ProviderChoice,
    interrupt: Interrupt,
    report: &mut Report,
    bar: ProgressBar,
) -> Result<Summary, Failure> {
    let (send, from_reader) = mpsc::channel(MESSAGES_AHEAD);
    let reader = Reader::new(send, providers, bar);
    // A thread of its own, not one of the runtime's: it may wait for stdin forever, and the process must be able to
    // end without it.
    let thread = thread::Builder::new().name("reader".to_owned());
    let thread = thread
        .spawn(move || reader.run(sources.0))
        .map_err(|error| Failure::new(format!("cannot start a thread: {error}")))?;
    let mut summary = Ingestion::new(commands, interrupt, report).run(from_reader).await;
    // After a complete run the thread has ended; after any other its result does not matter.
    if summary.is_complete() && thread.join().is_err() {
        summary.end(Ending::Failed(Failure::new("the inputs were not read to their end")));
    }
    if let Err(error) = commands.catch_up().await {
        summary.end(Ending::Failed(error.into()));
    }
    Ok(summary)
}
