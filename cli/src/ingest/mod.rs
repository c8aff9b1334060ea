//! `ingest`: takes in files, folders and stdin.
//!
//! Promises that every input ends stored, recognised, kept aside or named as failed, in bounded
//! memory whatever its size; and that a run that ended early can be made again.

mod form;
mod lines;
mod pieces;
mod place;
mod provider_choice;
mod reading;
mod report;
mod sources;
mod taking;
mod tally;

use std::path::PathBuf;
use std::thread;

use annals_sqlite::process::Projecting;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::mpsc;

pub(crate) use self::provider_choice::ProviderChoice;
use self::reading::Reading;
pub(crate) use self::report::{Mode, Report};
use self::sources::{Source, sources};
use self::taking::Taking;
use self::tally::{Ending, Tally};
use crate::arguments::{Ingest, Shared};
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::opening::{Opened, open_to_write};
use crate::output::Out;

/// How many pieces are read ahead of the one that is taken in.
const PIECES_AHEAD: usize = 1;

/// Runs the command.
pub(crate) async fn run(shared: &Shared, ingest: &Ingest) -> Result<Exit, Failure> {
    if ingest.json && ingest.publish.takes_stdout() {
        return Err(Failure::wrong_use("--json and --publish - both want stdout").hint("publish to a file"));
    }
    let sources = Sources::of(&ingest.paths)?;
    let opened = open_to_write(shared, &ingest.publish, Projecting::InBackground).await?;
    let providers = ProviderChoice::new(ingest.provider, &opened.adapters)?;
    let interrupt = Interrupt::watch()?;
    let mode = if ingest.json { Mode::Json } else { Mode::Table };
    let out = if ingest.publish.takes_stdout() { Out::stderr(shared.no_color) } else { Out::stdout(shared.no_color) };
    // Lines that come all the time would tear the bar apart.
    let bar = if mode == Mode::Json && out.is_terminal() { ProgressBar::hidden() } else { sources.bar() };
    let mut report = Report::new(mode, out, bar.clone());
    let tally = take_in(&opened, sources, providers, interrupt, &mut report, bar).await?;
    let out = report.finish(&tally);
    let exit = tally.exit();
    out.finish()?;
    exit
}

/// Takes in all sources, and brings the projections up to what was stored.
pub(crate) async fn take_in(
    opened: &Opened,
    sources: Sources,
    providers: ProviderChoice,
    interrupt: Interrupt,
    report: &mut Report,
    bar: ProgressBar,
) -> Result<Tally, Failure> {
    let (send, pieces) = mpsc::channel(PIECES_AHEAD);
    let reading = Reading::new(send, providers, bar);
    // A thread of its own, not one of the runtime's: it may wait on stdin for ever, and the process
    // has to be able to end without it.
    let reader = thread::Builder::new().name("reading".to_owned());
    let reader = reader
        .spawn(move || reading.run(sources.0))
        .map_err(|error| Failure::new(format!("no thread can be started: {error}")))?;
    let taking = Taking { opened, interrupt, report, tally: Tally::default() };
    let mut tally = taking.run(pieces).await;
    // Where all was taken the thread has ended; in any other case nobody needs its word.
    if tally.is_whole() && reader.join().is_err() {
        tally.end(Ending::Failed(Failure::new("the inputs were not read to their end")));
    }
    if let Err(error) = opened.catch_up().await {
        tally.end(Ending::Failed(error.into()));
    }
    Ok(tally)
}

/// What is to be read.
pub(crate) struct Sources(Vec<Source>);

impl Sources {
    /// What those paths name.
    pub(crate) fn of(paths: &[PathBuf]) -> Result<Self, Failure> {
        sources(paths).map(Self)
    }

    /// A bar by bytes on stderr, where that is a terminal.
    pub(crate) fn bar(&self) -> ProgressBar {
        let total: Option<u64> = self.0.iter().map(Source::size).sum();
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        let template = match total {
            Some(_) => "{bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left",
            None => "{spinner} {bytes}, {bytes_per_sec}",
        };
        bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
    }
}
