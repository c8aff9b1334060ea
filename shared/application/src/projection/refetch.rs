//! The refetch projection: requests records that their events alone do not make whole.
//!
//! It only keeps the queue of refetch tasks up to date. Reading the records from their CRM is the job
//! of backfill.

use std::sync::Arc;

use annals_domain::change::RefetchReason;
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use annals_domain::services::refetch::{is_satisfied, reasons};
use async_trait::async_trait;

use super::failure::ProjectionFailure;
use super::interface::{Projection, ProjectionInput};
use crate::ports::{Clock, JobOutcome, PortError, RefetchQueue, RefetchTask};

/// The time before a new task is due, in milliseconds: a creation that only comes late needs no
/// refetch then.
const REFETCH_DELAY_MS: i64 = 30_000;

/// Adds and removes refetch tasks, at most one a record.
///
/// When the queue fails, only the records whose tasks would have changed fail.
pub struct RefetchProjection {
    queue: Arc<dyn RefetchQueue>,
    clock: Arc<dyn Clock>,
}

struct QueueChanges {
    tasks: Vec<Option<RefetchTask>>,
    /// Records whose image came in, with the newest version that it includes.
    finished: Vec<(EntityKey, Version)>,
    /// Records that waited for their base, and have it now: the creation was only late.
    based: Vec<EntityKey>,
}

impl RefetchProjection {
    pub fn new(queue: Arc<dyn RefetchQueue>, clock: Arc<dyn Clock>) -> Self {
        Self { queue, clock }
    }

    fn changes(&self, inputs: &[ProjectionInput<'_>]) -> QueueChanges {
        let satisfied =
            |input: &&ProjectionInput<'_>| is_satisfied(&input.transition.after, &input.transition.refetch_inputs());
        let based = |input: &&ProjectionInput<'_>| {
            let awaited_base = input.job.from_version > Version::FIRST && input.transition.before.is_none();
            awaited_base && input.transition.after.has_base()
        };
        let up_to = |input: &ProjectionInput<'_>| (input.job.key.clone(), input.job.to_version);
        QueueChanges {
            tasks: inputs.iter().map(|input| self.task(input)).collect(),
            finished: inputs.iter().filter(satisfied).map(up_to).collect(),
            based: inputs.iter().filter(based).map(|input| input.job.key.clone()).collect(),
        }
    }

    fn task(&self, input: &ProjectionInput<'_>) -> Option<RefetchTask> {
        let transition = input.transition;
        let reasons = reasons(transition.lifecycle_before, &transition.after, &transition.refetch_inputs());
        (!reasons.is_empty()).then(|| RefetchTask {
            key: input.job.key.clone(),
            provider: transition.entity.provider,
            external_id: transition.entity.external_id.clone(),
            reasons,
            due_at: self.clock.now().plus_millis(REFETCH_DELAY_MS),
            attempts: 0,
            version: input.job.to_version,
            asked_by: transition.events.last().map(|read| read.event.event_id()),
        })
    }

    async fn write(
        &self,
        tasks: Vec<RefetchTask>,
        finished: &[(EntityKey, Version)],
        based: &[EntityKey],
    ) -> Result<(), PortError> {
        if !tasks.is_empty() {
            self.queue.enqueue(tasks).await?;
        }
        if !finished.is_empty() {
            self.queue.finish(finished).await?;
        }
        if !based.is_empty() {
            self.queue.remove_reason(based, RefetchReason::MissingBase).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Projection for RefetchProjection {
    fn name(&self) -> &'static str {
        "refetch"
    }

    async fn run(&self, inputs: &[ProjectionInput<'_>]) -> Vec<Result<JobOutcome, ProjectionFailure>> {
        let QueueChanges { tasks, finished, based } = self.changes(inputs);
        let asked: Vec<bool> = tasks.iter().map(Option::is_some).collect();
        let written = self.write(tasks.into_iter().flatten().collect(), &finished, &based).await;
        let is_finished = |key: &EntityKey| finished.iter().any(|(finished, _)| finished == key);
        let result = |(asked, input): (bool, &ProjectionInput<'_>)| match &written {
            Err(error) if asked || is_finished(&input.job.key) || based.contains(&input.job.key) => {
                Err(ProjectionFailure::of_shared_call(error))
            }
            _ => Ok(JobOutcome::Refetch { asked }),
        };
        asked.into_iter().zip(inputs).map(result).collect()
    }
}
