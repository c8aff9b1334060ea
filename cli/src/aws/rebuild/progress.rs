//! Progress of a rebuild on AWS, on stderr: a bar on a terminal, otherwise a line each half minute.
//!
//! The length of the bar is an estimate: the number of events is DynamoDB's own count, which is some hours old.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use annals_application::ports::Clock;
use annals_aws::rebuild::RebuildPlan;
use aws_sdk_dynamodb::Client;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::notice;

/// How often the spinner moves.
const TICK: Duration = Duration::from_millis(200);
/// How often a line is printed without a terminal.
const LINE_EVERY_MS: i64 = 30_000;

pub(super) struct Progress {
    bar: ProgressBar,
    /// The number of events by DynamoDB's estimate.
    estimate: Option<u64>,
    /// Whether reading has begun; before that there is no rate.
    is_reading: AtomicBool,
    /// When the next line is due, in milliseconds of the clock.
    next_line_ms: AtomicI64,
}

impl Progress {
    pub(super) async fn new(client: &Client, table: &str) -> Self {
        let described = client.describe_table().table_name(table).send().await.ok();
        let count = described.and_then(|response| response.table?.item_count);
        let estimate = count.and_then(|count| u64::try_from(count).ok()).filter(|count| *count > 0);
        Self::on(ProgressDrawTarget::stderr(), estimate)
    }

    fn on(target: ProgressDrawTarget, estimate: Option<u64>) -> Self {
        let bar = ProgressBar::with_draw_target(None, target).with_style(style("{spinner} {msg}"));
        bar.enable_steady_tick(TICK);
        Self { bar, estimate, is_reading: AtomicBool::new(false), next_line_ms: AtomicI64::new(i64::MIN) }
    }

    /// Prints a line above the bar.
    pub(super) fn notice(&self, text: impl Display) {
        self.bar.suspend(|| notice(text));
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    pub(super) fn show(&self, plan: &RebuildPlan, clock: &dyn Clock) {
        if self.bar.is_hidden() {
            self.print_line(plan, clock);
        }
        let wait_ms = plan.scan_from.millis() - clock.now().millis();
        if wait_ms > 0 {
            let seconds = wait_ms / 1000 + 1;
            self.bar.set_message(format!(
                "waiting {seconds} s until every projection function writes to the new index too"
            ));
            return;
        }
        let events = plan.counts.events;
        if !self.is_reading.swap(true, Ordering::Relaxed) {
            self.begin(events);
        }
        if let Some(estimate) = self.estimate {
            self.bar.set_length(estimate.max(events));
        }
        self.bar.set_position(events);
        self.bar.set_message(format!("{} documents", plan.counts.indexed));
    }

    fn print_line(&self, plan: &RebuildPlan, clock: &dyn Clock) {
        let now = clock.now().millis();
        if now >= self.next_line_ms.load(Ordering::Relaxed) && now >= plan.scan_from.millis() {
            self.next_line_ms.store(now + LINE_EVERY_MS, Ordering::Relaxed);
            notice(format_args!("{} events read, {} documents", plan.counts.events, plan.counts.indexed));
        }
    }

    /// The rate counts only what this run reads.
    fn begin(&self, events: u64) {
        self.bar.set_style(style(match self.estimate {
            Some(_) => "{bar:30} {pos}/~{len} events, {per_sec}, {msg}",
            None => "{spinner} {pos} events, {per_sec}, {msg}",
        }));
        self.bar.set_position(events);
        self.bar.reset_eta();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use annals_domain::timestamp::Timestamp;
    use indicatif::InMemoryTerm;

    use super::*;

    struct At(i64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0).expect("a timestamp")
        }
    }

    fn plan(events: u64, indexed: u64) -> RebuildPlan {
        let counts =
            format!(r#"{{"events":{events},"streams":{indexed},"indexed":{indexed},"awaiting_base":0,"failed":0}}"#);
        let text = format!(
            r#"{{"id":"00000000-0000-0000-0000-000000000000","targets":[],"started_at":"2026-01-01T00:00:00Z",
                "scan_from":"2026-01-01T00:01:20Z","segments":[],"counts":{counts},"failed":[],"swapped":null}}"#
        );
        serde_json::from_str(&text).expect("a plan")
    }

    #[test]
    fn a_terminal_shows_the_wait_then_the_events_read_and_the_rate() {
        let terminal = InMemoryTerm::new(4, 120);
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let progress = Progress::on(target, Some(1_000));
        let shown = |plan: &RebuildPlan, at: i64| {
            progress.show(plan, &At(at));
            progress.bar.force_draw();
            terminal.contents()
        };
        let start = plan(0, 0).scan_from.millis();
        let waits = shown(&plan(0, 0), start - 20_000);
        assert!(waits.contains("waiting 21 s until every projection function writes to the new index too"), "{waits}");
        shown(&plan(0, 0), start);
        let reads = shown(&plan(500, 100), start + 1_000);
        assert!(reads.contains(" 500/~1000 events, ") && reads.contains("/s, 100 documents"), "{reads}");
    }
}
