//! How far a rebuild on AWS is, on stderr where that is a terminal.
//!
//! Promises a length only as an estimate: nobody knows how many events there are before all are
//! read. DynamoDB's own count is some hours old.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use annals_application::ports::Clock;
use annals_aws_rebuild::Plan;
use aws_sdk_dynamodb::Client;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the spinner moves.
const TICK: Duration = Duration::from_millis(200);

/// The bar, and what it shows.
pub(super) struct Progress {
    bar: ProgressBar,
    /// How many events there are by DynamoDB's estimate.
    estimate: Option<u64>,
    /// Whether events are read by now; until then there is no rate.
    reads: AtomicBool,
}

impl Progress {
    /// A bar for the events of that table.
    pub(super) async fn new(client: &Client, table: &str) -> Self {
        let described = client.describe_table().table_name(table).send().await.ok();
        let count = described.and_then(|answer| answer.table?.item_count);
        let estimate = count.and_then(|count| u64::try_from(count).ok()).filter(|count| *count > 0);
        let bar =
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style("{spinner} {msg}"));
        bar.enable_steady_tick(TICK);
        Self { bar, estimate, reads: AtomicBool::new(false) }
    }

    /// The bar itself.
    pub(super) fn bar(&self) -> &ProgressBar {
        &self.bar
    }

    /// Shows how far it is.
    pub(super) fn show(&self, plan: &Plan, clock: &dyn Clock) {
        let wait = plan.scan_from.millis() - clock.now().millis();
        if wait > 0 {
            let seconds = wait / 1000 + 1;
            self.bar.set_message(format!("until every projection writes to the new index too: {seconds} s"));
            return;
        }
        let events = plan.counts.events;
        if !self.reads.swap(true, Ordering::Relaxed) {
            self.begin(events);
        }
        if let Some(estimate) = self.estimate {
            self.bar.set_length(estimate.max(events));
        }
        self.bar.set_position(events);
        self.bar.set_message(format!("{} documents", plan.counts.indexed));
    }

    /// What an earlier run has read says nothing of this one's rate.
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
