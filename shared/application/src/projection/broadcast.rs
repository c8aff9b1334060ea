//! The broadcast projection: publishes changes to other systems, as the definition's rule decides.

use std::sync::Arc;

use annals_domain::services::broadcast::{BroadcastDecision, decide};
use async_trait::async_trait;

use super::failure::ProjectionFailure;
use super::interface::{Projection, ProjectionInput};
use super::transition::StateTransition;
use crate::ports::{EventPublisher, JobOutcome, NormalizedEntityEvent};

/// The name of this projection.
pub(super) const BROADCAST: &str = "broadcast";

/// Publishes one event for each record of a batch; it covers exactly the record's versions in the batch.
///
/// Delivery is at least once: after an outage the same versions may be published again.
pub struct BroadcastProjection {
    publisher: Arc<dyn EventPublisher>,
}

impl BroadcastProjection {
    pub fn new(publisher: Arc<dyn EventPublisher>) -> Self {
        Self { publisher }
    }
}

fn published_event(input: &ProjectionInput<'_>) -> Option<NormalizedEntityEvent> {
    let StateTransition { schema, before, entity, events, .. } = input.transition;
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
        BROADCAST
    }

    async fn run(&self, inputs: &[ProjectionInput<'_>]) -> Vec<Result<JobOutcome, ProjectionFailure>> {
        let mut results = Vec::with_capacity(inputs.len());
        let (mut indices, mut events) = (Vec::new(), Vec::new());
        for input in inputs {
            let transition = input.transition;
            if !transition.after.has_base() {
                results.push(Ok(JobOutcome::AwaitsBase));
                continue;
            }
            let decision = decide(&transition.schema, transition.before.as_deref(), &transition.entity);
            if decision == BroadcastDecision::Publish
                && let Some(event) = published_event(input)
            {
                indices.push(results.len());
                events.push(event);
            }
            results.push(Ok(JobOutcome::Broadcast { decision }));
        }
        if events.is_empty() {
            return results;
        }
        for (index, published) in indices.into_iter().zip(self.publisher.publish(events).await) {
            if let Err(error) = published {
                results[index] = Err(error.into());
            }
        }
        results
    }
}
