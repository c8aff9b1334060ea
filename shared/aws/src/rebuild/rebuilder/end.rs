//! The end: the aliases move, or everything stays as it was.
//!
//! Promises that readers miss no record which they found before, unless that was wished for, and that each
//! step may be made again by whoever goes on.

use uuid::Uuid;

use super::{RebuildError, RebuildOutcome, Rebuilder, WORK};
use crate::rebuild::plan::{RebuildPlan, RebuildTarget};
use crate::rebuild::report::{RebuildReport, TargetReport};

impl Rebuilder {
    /// Gives up the rebuild that was begun, of whatever release: what it filled goes, what serves stays. Whether
    /// there was one.
    pub async fn abandon(&self) -> Result<bool, RebuildError> {
        let lease = self.take_lease().await?.ok_or(RebuildError::AlreadyRunning)?;
        let Some(text) = &lease.checkpoint else {
            self.ports.leases.release(WORK, lease.token).await?;
            return Ok(false);
        };
        self.give_up(lease.token, &RebuildPlan::targets_of(text)?).await?;
        Ok(true)
    }

    /// Moves the aliases and removes what they left, unless readers would miss something.
    pub(super) async fn end(
        &self,
        token: Uuid,
        plan: &mut RebuildPlan,
        until: impl Future<Output = ()> + Send,
    ) -> Result<RebuildOutcome, RebuildError> {
        let targets = match plan.swapped.clone() {
            Some(targets) => targets,
            None => self.swap(token, plan).await?,
        };
        tokio::select! {
            () = until => return Ok(RebuildOutcome::Interrupted(Box::new(plan.clone()))),
            () = tokio::time::sleep(self.settings.old_index_retention) => {}
        }
        for from in plan.targets.iter().filter_map(|target| target.from.as_deref()) {
            self.ports.indices.delete(from).await?;
        }
        self.finish(token).await?;
        Ok(RebuildOutcome::Finished(self.report(plan, targets)))
    }

    fn report(&self, plan: &RebuildPlan, targets: Vec<TargetReport>) -> RebuildReport {
        RebuildReport::of(plan, targets, &self.ports.catalog, self.ports.clock.now())
    }

    /// A state table may be younger than the events: what nothing had noted is, so that it is known from now on.
    async fn note_met(&self, plan: &mut RebuildPlan) -> Result<(), RebuildError> {
        for noted in self.ports.objects.registered().await? {
            plan.met.remove(&noted);
        }
        let new: Vec<_> = plan.met.iter().cloned().collect();
        Ok(self.ports.objects.register(&new).await?)
    }

    async fn swap(&self, token: Uuid, plan: &mut RebuildPlan) -> Result<Vec<TargetReport>, RebuildError> {
        self.note_met(plan).await?;
        if plan.counts.missed > 0 && !plan.leaves_out_failed {
            self.give_up(token, &plan.targets).await?;
            return Err(RebuildError::RecordsFailed(Box::new(self.report(plan, Vec::new()))));
        }
        // A type's first document may have come meanwhile, or another index in the place of a broken one: what
        // is in it was written to the new one too, or is among the events that were read.
        for target in &mut plan.targets {
            let serves = self.ports.indices.current(&target.schema(&self.ports.catalog)).await?;
            if serves.as_ref() != Some(&target.to) {
                target.from = serves;
            }
        }
        self.keep(token, plan).await?;
        let mut reports = Vec::new();
        for target in &plan.targets {
            reports.push(TargetReport::counted(target, &self.ports.indices).await?);
        }
        for target in &plan.targets {
            let schema = target.schema(&self.ports.catalog);
            self.ports.indices.swap(&schema, target.from.as_deref(), &target.to).await?;
        }
        // What was counted goes with it: whoever goes on from here may find the old indices gone.
        plan.swapped = Some(reports.clone());
        self.keep(token, plan).await?;
        Ok(reports)
    }

    /// What was filled goes first, under the lease: whoever begins behind it finds its numbers free. Projection
    /// passes over an index that is gone.
    async fn give_up(&self, token: Uuid, targets: &[RebuildTarget]) -> Result<(), RebuildError> {
        for target in targets {
            let serves = self.ports.indices.current(&target.schema(&self.ports.catalog)).await?;
            if serves.as_ref() != Some(&target.to) {
                self.ports.indices.delete(&target.to).await?;
            }
        }
        self.finish(token).await
    }

    /// Where the answer to a first attempt was lost, the second finds the work gone: another process would
    /// have left its checkpoint.
    async fn finish(&self, token: Uuid) -> Result<(), RebuildError> {
        let is_ours = self.ports.leases.finish(WORK, token).await?;
        if is_ours || self.ports.leases.checkpoint(WORK).await?.is_none() {
            Ok(())
        } else {
            Err(RebuildError::LeaseLost)
        }
    }
}
