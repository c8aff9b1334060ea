//! Decorators of ports that count metrics and log one line per record. They return what the inner port returns.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals_application::ports::{
    AppendError, DuplicateSearch, EventPublisher, EventStore, JobOutcome, JobReport, NormalizedEntityEvent, PortError,
    ProjectionJob, ProjectionJobs, ReadOptions, StoredEvent, StoredInput,
};
use annals_domain::identity::EntityKey;
use annals_domain::services::broadcast::BroadcastDecision;
use annals_domain::stream_head::{Admission, StreamHead};
use async_trait::async_trait;

use crate::telemetry::Count;

pub(crate) struct MeteredEventStore<S>(pub(crate) S);

#[async_trait]
impl<S: EventStore> EventStore for MeteredEventStore<S> {
    fn name(&self) -> &str {
        self.0.name()
    }

    async fn append(&self, events: Vec<StoredEvent>) -> Vec<Result<(), AppendError>> {
        let results = self.0.append(events).await;
        let is_conflict = |result: &&Result<(), AppendError>| matches!(result, Err(AppendError::Conflict { .. }));
        Count::Conflict.add(results.iter().filter(is_conflict).count());
        results
    }

    async fn heads(&self, keys: &[EntityKey]) -> Result<Vec<Option<StreamHead>>, PortError> {
        self.0.heads(keys).await
    }

    async fn have_events(&self, keys: &[EntityKey]) -> Result<Vec<bool>, PortError> {
        self.0.have_events(keys).await
    }

    async fn search(&self, searches: &[DuplicateSearch]) -> Result<Vec<Admission>, PortError> {
        self.0.search(searches).await
    }

    async fn read(&self, key: &EntityKey, options: &ReadOptions) -> Result<Vec<StoredEvent>, PortError> {
        self.0.read(key, options).await
    }

    async fn read_inputs(&self, key: &EntityKey, options: &ReadOptions) -> Result<Vec<StoredInput>, PortError> {
        self.0.read_inputs(key, options).await
    }
}

pub(crate) struct MeteredPublisher(pub(crate) Arc<dyn EventPublisher>);

#[async_trait]
impl EventPublisher for MeteredPublisher {
    async fn publish(&self, events: Vec<NormalizedEntityEvent>) -> Vec<Result<(), PortError>> {
        let results = self.0.publish(events).await;
        Count::Published.add(results.iter().filter(|result| result.is_ok()).count());
        results
    }
}

/// Logs projection jobs: one line per record and batch, with the outcome of each projection.
pub(crate) struct LoggedJobs;

#[derive(Default)]
struct ProjectionOutcomes {
    read_model: Option<&'static str>,
    broadcast: Option<&'static str>,
    refetch: Option<&'static str>,
    outcome: Option<&'static str>,
}

#[async_trait]
impl ProjectionJobs for LoggedJobs {
    async fn record(&self, reports: &[JobReport]) {
        let mut records: BTreeMap<&EntityKey, (&ProjectionJob, ProjectionOutcomes)> = BTreeMap::new();
        for JobReport { job, outcome } in reports {
            let (_, outcomes) = records.entry(&job.key).or_insert_with(|| (job, ProjectionOutcomes::default()));
            *outcomes.of(job.projection) = Some(name_of(outcome));
        }
        for (job, outcomes) in records.into_values() {
            tracing::info!(
                entity_key = %job.key,
                version = job.to_version.get(),
                from_version = job.from_version.get(),
                correlation_id = job.correlation_id,
                read_model = outcomes.read_model,
                broadcast = outcomes.broadcast,
                refetch = outcomes.refetch,
                outcome = outcomes.outcome,
                "projected"
            );
        }
    }
}

impl ProjectionOutcomes {
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
        JobOutcome::Broadcast { decision: BroadcastDecision::Publish } => "published",
        JobOutcome::Broadcast { decision: BroadcastDecision::Quiet { .. } } => "quiet",
        JobOutcome::Refetch { asked: true } => "asked",
        JobOutcome::Refetch { asked: false } => "not_needed",
        JobOutcome::Parked { .. } => "parked",
    }
}
