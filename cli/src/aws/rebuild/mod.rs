//! `rebuild --target aws`: rebuilds the index of one type, or all.
//!
//! An unfinished rebuild is continued, whoever started it, or followed while another process works on it. After
//! Ctrl-C this command or the backfill function continues it.

mod progress;
mod session;

use std::time::Duration;

use annals_aws::rebuild::{RebuildError, RebuildReport, RebuildSettings};
use aws_sdk_dynamodb::Client;

use self::progress::Progress;
use self::session::{Session, Stopped};
use super::Aws;
use crate::arguments::{Rebuild, Shared};
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::output::{Out, awaiting_base, name_failed, notice};
use crate::style::Paint;
use crate::table::Table;

const CONTINUES: &str = "run the same command to continue it; the backfill function continues it too, each minute";

pub(crate) async fn run(shared: &Shared, arguments: &Rebuild) -> Result<Exit, Failure> {
    let (aws, search) = Aws::with_search(shared).await?;
    let defaults = RebuildSettings::default();
    let known_after = arguments.known_after.map_or(defaults.known_after, Duration::from_secs);
    let rebuilder = search.rebuilder(&aws.installation, RebuildSettings { known_after, ..defaults });
    let interrupt = Interrupt::watch()?;
    let progress = Progress::new(&Client::new(&aws.config), aws.installation.events.table()).await;
    let clock = &*aws.installation.clock;
    let session = Session { rebuilder: &rebuilder, arguments, progress: &progress, clock, interrupt };
    let ended = session.run().await;
    progress.finish();
    match ended {
        Ok(Some(report)) => print(shared, &report),
        Ok(None) => Ok(Exit::Success),
        Err(Stopped::Interrupted) => {
            notice(format_args!("interrupted; what is rebuilt so far is kept: {CONTINUES}"));
            Ok(Exit::Problems)
        }
        Err(Stopped::Failed(error)) => Err(failure(error)),
    }
}

fn print(shared: &Shared, report: &RebuildReport) -> Result<Exit, Failure> {
    let mut out = Out::stdout(shared.no_color);
    let mut table = Table::new(&["type", "documents", "index"]);
    for target in &report.targets {
        let before = target.before.as_ref().map(|(index, count)| (index.as_str(), count.to_string()));
        let (index_before, count_before) = before.unwrap_or(("none", "0".to_owned()));
        let (index, count) = &target.after;
        table.row([
            (Paint::Plain, target.aggregate_type.clone()),
            (Paint::Plain, format!("{count_before} → {count}")),
            (Paint::Plain, format!("{index_before} → {index}")),
        ]);
    }
    out.table(&table);
    let counts = report.counts;
    let (records, seconds) = (counts.streams, report.took_ms / 1000);
    out.line(format_args!(
        "{} events of {records} records read, {} documents in {seconds} s",
        counts.events, counts.indexed
    ));
    if counts.awaiting_base > 0 {
        out.line(awaiting_base(counts.awaiting_base));
    }
    out.finish()?;
    name_failed_of(report);
    for name in &report.left_out {
        notice(format_args!(
            "there are events of `{name}`, which was not registered: run `annals rebuild {name} --target aws`"
        ));
    }
    Ok(if counts.failed == 0 && report.left_out.is_empty() { Exit::Success } else { Exit::Problems })
}

fn name_failed_of(report: &RebuildReport) {
    name_failed(report.failed.iter().map(|failed| (failed.entity_key.clone(), failed.reason.as_str())));
}

fn failure(error: RebuildError) -> Failure {
    let failure = Failure::because(&error);
    match error {
        RebuildError::UnknownType(_) => Failure::usage(failure.message()),
        RebuildError::Unfinished(_) | RebuildError::Port(_) => failure.hint(CONTINUES),
        // The session waits for these to end.
        RebuildError::AlreadyRunning | RebuildError::LeaseLost => failure,
        RebuildError::DefinitionsChanged(_) => failure.hint(
            "use the release that it was started with, or give it up with `annals rebuild --abandon --target aws` and start again",
        ),
        RebuildError::RecordsFailed(report) => {
            name_failed_of(&report);
            failure.hint(
                "correct what is wrong with these records and run the same command again, or leave them out with \
                 --leave-out-failed",
            )
        }
    }
}
