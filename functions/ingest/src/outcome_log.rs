//! The outcome of each change: a log line and a metric.

use annals_application::commands::{EventRead, Outcome, OutcomeObserver};
use annals_lambda::telemetry::Count;

pub(crate) struct OutcomeLogger;

impl OutcomeObserver for OutcomeLogger {
    fn observed(&self, read: &EventRead) {
        count(read.outcome);
        let entity_key = match (&read.entity_name, read.aggregate_id) {
            (Some(name), Some(id)) => format!("{name}#{id}"),
            _ => String::new(),
        };
        tracing::info!(
            entity_key,
            version = read.version.map(|version| version.get()),
            event_id = read.event_id.map(tracing::field::display),
            correlation_id = read.correlation_id,
            outcome = read.outcome.as_str(),
            quarantine_id = read.quarantine_id.as_deref(),
            job_id = read.job_id.map(tracing::field::display),
            "ingested"
        );
    }
}

fn count(outcome: Outcome) {
    match outcome {
        Outcome::Stored | Outcome::AwaitingBase => Count::Stored.add(1),
        Outcome::Duplicate => Count::Duplicate.add(1),
        Outcome::Quarantined => Count::Quarantined.add(1),
        Outcome::BackfillRequested | Outcome::Ignored => {}
    }
}
