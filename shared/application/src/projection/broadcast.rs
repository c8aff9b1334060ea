//! The broadcast projection: tells other systems what changed, where the definition says so.
//!
//! Promises one announcement per record and batch, covering exactly the batch's versions. At least
//! once: after an outage the same versions may be announced again.

use std::sync::Arc;

use annals_domain::services::broadcast::{BroadcastDecision, decide};
use async_trait::async_trait;

use super::{Projection, ProjectionFailure, ProjectionInput, StateTransition};
use crate::ports::{EventPublisher, JobOutcome, NormalizedEntityEvent};

/// Announces changes.
pub struct BroadcastProjection {
    publisher: Arc<dyn EventPublisher>,
}

impl BroadcastProjection {
    /// Over that publisher.
    pub fn new(publisher: Arc<dyn EventPublisher>) -> Self {
        Self { publisher }
    }
}

fn announcement(input: &ProjectionInput<'_>) -> Option<NormalizedEntityEvent> {
    let StateTransition { schema, before, entity, events, .. } = input.progress;
    let newest = &events.last()?.event;
    Some(NormalizedEntityEvent {
        event_id: newest.event_id(),
        event_type: newest.event_type,
        timestamp: newest.timestamp(),
        schema: schema.clone(),
        before: before.clone(),
        entity: Arc::clone(entity),
        from_version: input.job.from_version,
        version: input.job.to_version,
        validation_info: events.iter().flat_map(|read| read.event.warnings.iter().cloned()).collect(),
        correlation_id: newest.metadata.correlation_id.clone(),
    })
}

#[async_trait]
impl Projection for BroadcastProjection {
    fn name(&self) -> &'static str {
        "broadcast"
    }

    async fn run(&self, inputs: &[ProjectionInput<'_>]) -> Vec<Result<JobOutcome, ProjectionFailure>> {
        let mut outcomes = Vec::with_capacity(inputs.len());
        let mut announcements = Vec::new();
        for input in inputs {
            let progress = input.progress;
            if !progress.after.has_base() {
                outcomes.push(Ok(JobOutcome::AwaitsBase));
                continue;
            }
            let decision = decide(&progress.schema, progress.before.as_deref(), &progress.entity);
            if decision == BroadcastDecision::Announced
                && let Some(announcement) = announcement(input)
            {
                announcements.push((outcomes.len(), announcement));
            }
            outcomes.push(Ok(JobOutcome::Broadcast { decision }));
        }
        if announcements.is_empty() {
            return outcomes;
        }
        let (indices, events): (Vec<_>, Vec<_>) = announcements.into_iter().unzip();
        for (index, answer) in indices.into_iter().zip(self.publisher.publish(events).await) {
            if let Err(error) = answer {
                outcomes[index] = Err(error.into());
            }
        }
        outcomes
    }
}
