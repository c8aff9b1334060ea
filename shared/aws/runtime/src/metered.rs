//! Ports that count, and log one line a record.
//!
//! Promises to change nothing of what the ports they stand before answer.

use std::sync::Arc;

use annals_application::ports::{
    AppendError, EventPublisher, EventStore, JobOutcome, JobReport, NormalizedEntityEvent, PortError, ProjectionJobs,
    ReadOptions, StoredEvent,
};
use annals_domain::head::Head;
use annals_domain::identity::EntityKey;
use async_trait::async_trait;

use crate::telemetry::Count;

/// An event store whose conflicts are counted.
pub(crate) struct MeteredEventStore<S>(pub(crate) S);

#[async_trait]
impl<S: EventStore> EventStore for MeteredEventStore<S> {
    async fn append(&self, events: Vec<StoredEvent>) -> Vec<Result<(), AppendError>> {
        let answers = self.0.append(events).await;
        let is_conflict = |answer: &&Result<(), AppendError>| matches!(answer, Err(AppendError::Conflict { .. }));
        Count::Conflict.add(answers.iter().filter(is_conflict).count());
        answers
    }

    async fn heads(&self, keys: &[EntityKey]) -> Result<Vec<Option<Head>>, PortError> {
        self.0.heads(keys).await
    }

    async fn read(&self, key: &EntityKey, options: &ReadOptions) -> Result<Vec<StoredEvent>, PortError> {
        self.0.read(key, options).await
    }
}

/// A publisher whose announcements are counted.
pub(crate) struct MeteredPublisher(pub(crate) Arc<dyn EventPublisher>);

#[async_trait]
impl EventPublisher for MeteredPublisher {
    async fn publish(&self, events: Vec<NormalizedEntityEvent>) -> Vec<Result<(), PortError>> {
        let answers = self.0.publish(events).await;
        Count::Published.add(answers.iter().filter(|answer| answer.is_ok()).count());
        answers
    }
}

/// Projection jobs as log lines.
pub(crate) struct LoggedJobs;

#[async_trait]
impl ProjectionJobs for LoggedJobs {
    async fn record(&self, reports: &[JobReport]) {
        for JobReport { job, outcome } in reports {
            tracing::info!(
                job_id = %job.job_id,
                aggregate = %job.key,
                version = job.to_version.get(),
                from_version = job.from_version.get(),
                projection = job.projection,
                outcome = name_of(outcome),
                "projected"
            );
        }
    }
}

fn name_of(outcome: &JobOutcome) -> &'static str {
    match outcome {
        JobOutcome::Indexed => "indexed",
        JobOutcome::AwaitsBase => "awaits_base",
        JobOutcome::Broadcast { .. } => "broadcast",
        JobOutcome::Hydration { asked: true } => "hydration_asked",
        JobOutcome::Hydration { asked: false } => "no_hydration",
        JobOutcome::Parked { .. } => "parked",
    }
}
