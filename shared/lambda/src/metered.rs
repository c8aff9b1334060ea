//! Ports that count, and log one line a record.
//!
//! Promises to change nothing of what the ports they stand before answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals_application::ports::{
    AppendError, EventPublisher, EventStore, JobOutcome, JobReport, NormalizedEntityEvent, PortError, ProjectionJob,
    ProjectionJobs, ReadOptions, StoredEvent,
};
use annals_domain::head::StreamHead;
use annals_domain::identity::EntityKey;
use annals_domain::services::broadcast::BroadcastDecision;
use async_trait::async_trait;

use crate::telemetry::Count;

/// An event store whose conflicts are counted.
pub(crate) struct MeteredEventStore<S>(pub(crate) S);

#[async_trait]
impl<S: EventStore> EventStore for MeteredEventStore<S> {
    fn name(&self) -> &str {
        self.0.name()
    }

    async fn append(&self, events: Vec<StoredEvent>) -> Vec<Result<(), AppendError>> {
        let answers = self.0.append(events).await;
        let is_conflict = |answer: &&Result<(), AppendError>| matches!(answer, Err(AppendError::Conflict { .. }));
        Count::Conflict.add(answers.iter().filter(is_conflict).count());
        answers
    }

    async fn heads(&self, keys: &[EntityKey]) -> Result<Vec<Option<StreamHead>>, PortError> {
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

/// Projection jobs as log lines: one a record and batch, with what became of each projection.
pub(crate) struct LoggedJobs;

/// What became of one record.
#[derive(Default)]
struct Told {
    read_model: Option<&'static str>,
    broadcast: Option<&'static str>,
    refetch: Option<&'static str>,
    /// Of all projections at once.
    outcome: Option<&'static str>,
}

#[async_trait]
impl ProjectionJobs for LoggedJobs {
    async fn record(&self, reports: &[JobReport]) {
        let mut records: BTreeMap<&EntityKey, (&ProjectionJob, Told)> = BTreeMap::new();
        for JobReport { job, outcome } in reports {
            let (_, told) = records.entry(&job.key).or_insert_with(|| (job, Told::default()));
            *told.of(job.projection) = Some(name_of(outcome));
        }
        for (job, told) in records.into_values() {
            tracing::info!(
                aggregate = %job.key,
                version = job.to_version.get(),
                from_version = job.from_version.get(),
                correlation_id = job.correlation_id,
                read_model = told.read_model,
                broadcast = told.broadcast,
                refetch = told.refetch,
                outcome = told.outcome,
                "projected"
            );
        }
    }
}

impl Told {
    fn of(&mut self, projection: &str) -> &mut Option<&'static str> {
        match projection {
            "read_model" => &mut self.read_model,
            "broadcast" => &mut self.broadcast,
            "refetch" => &mut self.refetch,
            _ => &mut self.outcome,
        }
    }
}

fn name_of(outcome: &JobOutcome) -> &'static str {
    match outcome {
        JobOutcome::Indexed => "indexed",
        JobOutcome::AwaitsBase => "awaits_base",
        JobOutcome::Broadcast { decision: BroadcastDecision::Announced } => "announced",
        JobOutcome::Broadcast { decision: BroadcastDecision::Quiet { .. } } => "quiet",
        JobOutcome::Refetch { asked: true } => "asked",
        JobOutcome::Refetch { asked: false } => "not_needed",
        JobOutcome::Parked { .. } => "parked",
    }
}
