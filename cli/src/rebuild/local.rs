//! The read model of a database of this machine, rebuilt as a whole.

use annals_sqlite::process::{PublishTo, RebuildProgress, rebuild};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::tell_failed;
use crate::arguments::{Rebuild, Shared};
use crate::exit::{Exit, Failure};
use crate::opening::there_is;
use crate::output::Out;

/// Runs the command.
pub(super) async fn run(shared: &Shared, asked: &Rebuild) -> Result<Exit, Failure> {
    if let Some(name) = asked.only() {
        let message = format!("`{name}` alone cannot be rebuilt: a database of this machine is rebuilt as a whole");
        return Err(Failure::wrong_use(message).hint("`annals rebuild` does"));
    }
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
    let failed: Vec<_> = report.failed.iter().map(|(key, reason)| (key.to_string(), reason.clone())).collect();
    tell_failed(&failed);
    if !report.failed.is_empty() {
        out.line(format_args!("{} records could not be rebuilt", report.failed.len()));
    }
    out.finish()?;
    Ok(if report.failed.is_empty() { Exit::Well } else { Exit::Problems })
}
