//! The refetch projection: asks for records that the events alone do not make whole.
//!
//! Promises one task a record, and that a state store which fails keeps back only records that had to
//! do with it. Reading the CRM is not its matter: tasks wait until backfill, where one is connected,
//! drains them.

use std::sync::Arc;

use annals_domain::change::RefetchReason;
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use annals_domain::services::refetch::{is_satisfied, reasons};
use async_trait::async_trait;

use super::read_model::repeated;
use super::{Projection, ProjectionFailure, ProjectionInput};
use crate::ports::{Clock, JobOutcome, PortError, RefetchQueue, RefetchTask};

/// How long a task waits before it is due, so that a creation that is only late needs no call.
pub const REFETCH_DELAY_MS: i64 = 30_000;

/// Asks for refetch.
pub struct RefetchProjection {
    queue: Arc<dyn RefetchQueue>,
    clock: Arc<dyn Clock>,
}

impl RefetchProjection {
    /// With tasks put into `queue`.
    pub fn new(queue: Arc<dyn RefetchQueue>, clock: Arc<dyn Clock>) -> Self {
        Self { queue, clock }
    }

    fn task(&self, input: &ProjectionInput<'_>) -> Option<RefetchTask> {
        let progress = input.progress;
        let reasons = reasons(progress.standing, &progress.after, &progress.judged());
        (!reasons.is_empty()).then(|| RefetchTask {
            key: input.job.key.clone(),
            provider: progress.entity.provider,
            external_id: progress.entity.external_id.clone(),
            reasons,
            due_at: self.clock.now().plus_millis(REFETCH_DELAY_MS),
            attempts: 0,
        })
    }

    async fn keep(
        &self,
        tasks: Vec<RefetchTask>,
        finished: &[EntityKey],
        based: &[EntityKey],
    ) -> Result<(), PortError> {
        if !tasks.is_empty() {
            self.queue.enqueue(tasks).await?;
        }
        if !finished.is_empty() {
            self.queue.remove(finished).await?;
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
        let tasks: Vec<Option<RefetchTask>> = inputs.iter().map(|input| self.task(input)).collect();
        let asked: Vec<bool> = tasks.iter().map(Option::is_some).collect();
        let is_done = |input: &&ProjectionInput<'_>| is_satisfied(&input.progress.after, &input.progress.judged());
        let finished: Vec<EntityKey> = inputs.iter().filter(is_done).map(|input| input.job.key.clone()).collect();
        // A creation that was only late needs no call.
        let got_base = |input: &&ProjectionInput<'_>| {
            let waited = input.job.from_version > Version::FIRST && input.progress.before.is_none();
            waited && input.progress.after.has_base()
        };
        let based: Vec<EntityKey> = inputs.iter().filter(got_base).map(|input| input.job.key.clone()).collect();
        let kept = self.keep(tasks.into_iter().flatten().collect(), &finished, &based).await;
        let answer = |(asked, input): (bool, &ProjectionInput<'_>)| match &kept {
            Err(error) if asked || finished.contains(&input.job.key) || based.contains(&input.job.key) => {
                Err(repeated(error).into())
            }
            _ => Ok(JobOutcome::Refetch { asked }),
        };
        asked.into_iter().zip(inputs).map(answer).collect()
    }
}
