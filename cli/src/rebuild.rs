//! `rebuild`: replays all events into a new read model.
//!
//! Readers see the old read model until the new one is complete. A run that ended early can be started again.
//! Every record that could not be rebuilt is named.

use annals_sqlite::process::{PublishTo, RebuildProgress, rebuild};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::arguments::{Rebuild, Shared, Target};
use crate::aws;
use crate::exit::{Exit, Failure};
use crate::open::require_database;
use crate::output::{Out, awaiting_base, name_failed};

pub(crate) async fn run(shared: &Shared, arguments: &Rebuild) -> Result<Exit, Failure> {
    match shared.on_aws.target {
        Target::Local => local(shared, arguments).await,
        Target::Aws => Box::pin(aws::rebuild(shared, arguments)).await,
    }
}

/// Rebuilds the read model of a database on this machine, always as a whole.
async fn local(shared: &Shared, arguments: &Rebuild) -> Result<Exit, Failure> {
    if let Some(name) = arguments.one_type() {
        let message = format!("`{name}` alone cannot be rebuilt: a database on this machine is rebuilt as a whole");
        return Err(Failure::usage(message).hint("run `annals rebuild`"));
    }
    require_database(shared)?;
    let bar = bar();
    let mut progress = |now: RebuildProgress| {
        bar.set_length(now.total);
        bar.set_position(now.done);
    };
    let report = rebuild(&shared.settings(PublishTo::Nowhere), &mut progress).await;
    bar.finish_and_clear();
    let report = report?;
    let mut out = Out::stdout(shared.no_color);
    out.line(format_args!("{} events replayed, {} entities indexed", report.events, report.indexed));
    if report.awaiting_base > 0 {
        out.line(awaiting_base(report.awaiting_base));
    }
    name_failed(report.failed.iter().map(|(key, reason)| (key.to_string(), reason.as_str())));
    if !report.failed.is_empty() {
        out.line(format_args!("{} records could not be rebuilt", report.failed.len()));
    }
    out.finish()?;
    Ok(if report.failed.is_empty() { Exit::Success } else { Exit::Problems })
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} records, {eta} left");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
