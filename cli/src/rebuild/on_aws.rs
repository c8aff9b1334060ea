//! The indices of an installation on AWS, rebuilt one type or all.
//!
//! Promises to go on with a rebuild that has not ended, whoever began it, or to show how far it is while
//! another process does; and that Ctrl-C leaves it so that this command or the backfill function goes on with it.

use std::time::Duration;

use annals_application::ports::Clock;
use annals_aws::rebuild::{
    RebuildError, RebuildOutcome, RebuildPlan, RebuildReport, RebuildRequest, RebuildSettings, Rebuilder,
};
use aws_sdk_dynamodb::Client;

use super::patience::{Stopped, patiently};
use super::progress::Progress;
use super::tell_failed;
use crate::arguments::{Rebuild, Shared};
use crate::aws::Aws;
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::output::{Out, notice};
use crate::style::Paint;
use crate::table::Table;

/// What an unfinished rebuild needs.
const GOES_ON: &str = "the same command goes on with it, and so does the backfill function, each minute";

/// Runs the command.
pub(super) async fn run(shared: &Shared, asked: &Rebuild) -> Result<Exit, Failure> {
    let (aws, search) = Aws::open_with_search(shared).await?;
    let defaults = RebuildSettings::default();
    let known_after = asked.known_after.map_or(defaults.known_after, Duration::from_secs);
    let rebuilder = search.rebuilder(&aws.installation, RebuildSettings { known_after, ..defaults });
    let mut interrupt = Interrupt::watch()?;
    let progress = Progress::new(&Client::new(&aws.config), aws.installation.events.table()).await;
    let clock = &*aws.installation.clock;
    let ended = work(&rebuilder, asked, &mut interrupt, &progress, clock).await;
    progress.bar().finish_and_clear();
    match ended {
        Ok(Some(report)) => tell(shared, &report),
        Ok(None) => Ok(Exit::Well),
        Err(stopped) => told(stopped),
    }
}

/// Begins and goes on; the report, where this process brought it to its end.
async fn work(
    rebuilder: &Rebuilder,
    asked: &Rebuild,
    interrupt: &mut Interrupt,
    progress: &Progress,
    clock: &dyn Clock,
) -> Result<Option<RebuildReport>, Stopped> {
    let say = |text: String| progress.bar().suspend(|| notice(text));
    if asked.abandon {
        let is_gone = patiently(interrupt, progress.bar(), async |_| Ok(rebuilder.abandon().await?)).await?;
        say(if is_gone { "given up: the index that answered goes on" } else { "there is none to give up" }.to_owned());
        return Ok(None);
    }
    let request = RebuildRequest { name: asked.only(), leaves_out_failed: asked.leave_out_failed };
    loop {
        let begun = patiently(interrupt, progress.bar(), async |_| Ok(begun(rebuilder, &request).await?)).await;
        let is_asked_for = match begun {
            Ok(plan) => {
                say(begun_text(&plan, clock));
                true
            }
            Err(Stopped::Failed(RebuildError::Unfinished(plan))) if !asked.detach => {
                let is_asked_for = rebuilder.covers(&plan, &request).await?;
                say(format!("{}: going on with it", RebuildError::Unfinished(plan)));
                is_asked_for
            }
            Err(stopped) => return Err(stopped),
        };
        if asked.detach {
            say("the backfill function goes on with it, each minute".to_owned());
            return Ok(None);
        }
        let on_progress = |plan: &RebuildPlan| progress.show(plan, clock);
        let resume = async |interrupt: &mut Interrupt| {
            let resumed = rebuilder.resume(interrupt.asked(), &on_progress).await;
            if let (Err(RebuildError::AlreadyRunning), Some(plan)) = (&resumed, rebuilder.unfinished().await?) {
                on_progress(&plan);
            }
            Ok(resumed?)
        };
        match patiently(interrupt, progress.bar(), resume).await? {
            RebuildOutcome::Finished(report) if is_asked_for => return Ok(Some(report)),
            RebuildOutcome::NoneStarted if is_asked_for => {
                say("another process brought it to its end".to_owned());
                return Ok(None);
            }
            RebuildOutcome::Finished(_) | RebuildOutcome::NoneStarted => {
                say("that is done; now what was asked for".to_owned())
            }
            RebuildOutcome::Interrupted(_) => return Err(Stopped::Interrupted),
        }
    }
}

/// One that another process works on is not waited for to begin another behind it.
async fn begun(rebuilder: &Rebuilder, request: &RebuildRequest<'_>) -> Result<RebuildPlan, RebuildError> {
    match rebuilder.begin(request).await {
        Err(RebuildError::AlreadyRunning) => match rebuilder.unfinished().await? {
            Some(plan) => Err(RebuildError::Unfinished(Box::new(plan))),
            None => Err(RebuildError::AlreadyRunning),
        },
        answer => answer,
    }
}

fn begun_text(plan: &RebuildPlan, clock: &dyn Clock) -> String {
    let indices: Vec<&str> = plan.targets.iter().map(|target| target.to.as_str()).collect();
    let wait = (plan.scan_from.millis() - clock.now().millis()).max(0);
    let indices = indices.join(", ");
    if wait == 0 {
        return format!("rebuilding into {indices}");
    }
    let seconds = (wait + 999) / 1000;
    format!("rebuilding into {indices}; events are read in {seconds} s, once every projection writes there too")
}

/// Says what has changed.
fn tell(shared: &Shared, report: &RebuildReport) -> Result<Exit, Failure> {
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
        out.line(format_args!("{} wait for their creation", counts.awaiting_base));
    }
    out.finish()?;
    tell_failed(&named(report));
    for left_out in &report.left_out {
        notice(format_args!(
            "there are events of `{left_out}`, which nothing had noted: `annals rebuild {left_out} --target aws`"
        ));
    }
    Ok(if counts.failed == 0 && report.left_out.is_empty() { Exit::Well } else { Exit::Problems })
}

fn named(report: &RebuildReport) -> Vec<(String, String)> {
    report.failed.iter().map(|failed| (failed.entity_key.clone(), failed.reason.clone())).collect()
}

/// Says why it has not come to its end.
fn told(stopped: Stopped) -> Result<Exit, Failure> {
    let error = match stopped {
        Stopped::Interrupted => {
            notice(format_args!("interrupted: what is done stays done; {GOES_ON}"));
            return Ok(Exit::Problems);
        }
        Stopped::Failed(error) => error,
    };
    let failure = Failure::because(&error);
    Err(match error {
        RebuildError::UnknownType(_) => Failure::wrong_use(failure.message()),
        RebuildError::Unfinished(_) | RebuildError::Port(_) => failure.hint(GOES_ON),
        // Waited out above.
        RebuildError::AlreadyRunning | RebuildError::LeaseLost => failure,
        RebuildError::DefinitionsChanged(_) => failure.hint(
            "use the release that it was begun with, or give it up with `annals rebuild --abandon` and begin anew",
        ),
        RebuildError::RecordsFailed(report) => {
            tell_failed(&named(&report));
            failure.hint(
                "mend what is said of those records and the same command begins anew; --leave-out-failed does without \
                 them",
            )
        }
    })
}
