//! `rebuild`: replays all events into a fresh read model.

use annals_embedded::process::{PublishTo, RebuildProgress, rebuild};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::arguments::Shared;
use crate::exit::{Exit, Failure};
use crate::opening::there_is;
use crate::output::{Out, notice};
use crate::style::plain;

/// Runs the command.
pub(crate) async fn run(shared: &Shared) -> Result<Exit, Failure> {
    there_is(shared)?;
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} records, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
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
        out.line(format_args!("{} wait for their creation", report.awaiting_base));
    }
    for (key, reason) in &report.failed {
        notice(format_args!("{key}: {}", plain(reason)));
    }
    if !report.failed.is_empty() {
        out.line(format_args!("{} records could not be rebuilt", report.failed.len()));
    }
    out.finish()?;
    Ok(if report.failed.is_empty() { Exit::Well } else { Exit::Problems })
}
