//! Runs due jobs, one after the other, until shortly before a deadline.
//!
//! An object is read under its lease, by one process and for one job at a time, and the job's checkpoint is stored after
//! each page: whoever takes the lease next goes on there. Somebody who pauses or cancels the job is heeded after the page.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use annals_domain::definition::Catalog;
use annals_domain::provider_adapter::ProviderAdapters;
use annals_domain::timestamp::Timestamp;
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::context::{RunnerContext, RunnerPorts};
use super::failure::{StepError, stopped};
use super::step::{JobReader, StepOutcome};
use crate::commands::CommandError;
use crate::crm::{CrmConnections, HeldLease, ImageStore, StepPace, caught};
use crate::ports::{BackfillJob, DeletionConsent, JobCounts, JobPace, JobState, PortError};

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct BackfillReport {
    /// Records that were read.
    pub read: u64,
    /// Jobs that ended.
    pub finished: usize,
    /// Jobs that go on in the next run.
    pub unfinished: usize,
    /// Why other jobs stopped.
    pub stopped: Vec<String>,
}

/// The checkpoints of an object's jobs that have begun.
type Checkpoints = BTreeMap<Uuid, Checkpoint>;

/// Runs backfill jobs.
#[derive(Clone)]
pub struct BackfillRunner {
    context: RunnerContext,
}

/// A job that this process runs, with the lease of its object.
struct HeldJob {
    lease: HeldLease,
    /// The checkpoints of the object's other jobs, which have not ended either.
    others: Checkpoints,
    /// As it is stored.
    job: BackfillJob,
    /// The counts of the checkpoint.
    counts: JobCounts,
    /// The records that had been read before this run.
    read_before: u64,
    started_at: Timestamp,
}

enum RunEnd {
    Finished,
    /// The deadline is near.
    Interrupted,
    /// Somebody else changed the job or took its lease.
    Superseded,
}

impl HeldJob {
    /// Stores the checkpoint. `false`: another process has the lease.
    async fn keep(&self, reader: &JobReader<'_>) -> Result<bool, PortError> {
        let mut checkpoints = self.others.clone();
        checkpoints.insert(self.job.id, reader.checkpoint().clone());
        self.lease.keep(&checkpoints).await
    }
}

impl BackfillRunner {
    pub fn new(
        ports: RunnerPorts,
        connections: CrmConnections,
        images: Arc<ImageStore>,
        catalog: Arc<Catalog>,
        adapters: ProviderAdapters,
    ) -> Self {
        Self { context: RunnerContext { ports, connections, images, catalog, adapters } }
    }

    /// Runs the due jobs, the oldest first. An error is one of this installation's stores.
    pub async fn run(&self, deadline: Instant) -> Result<BackfillReport, PortError> {
        let mut report = BackfillReport::default();
        if self.context.connections.is_empty() {
            return Ok(report);
        }
        let mut jobs = self.context.ports.jobs.all().await?;
        jobs.reverse();
        let open: BTreeSet<Uuid> = jobs.iter().filter(|job| !job.state.has_ended()).map(|job| job.id).collect();
        for job in jobs {
            if !StepPace::until(deadline).has_time() {
                break;
            }
            if self.is_due(&job) {
                self.run_job(job, &open, deadline, &mut report).await?;
            }
        }
        Ok(report)
    }

    fn is_due(&self, job: &BackfillJob) -> bool {
        let now = self.context.ports.clock.now();
        let may_start = match job.state {
            JobState::Queued | JobState::Running => true,
            JobState::Waiting => job.pace.not_before.is_none_or(|at| at <= now),
            JobState::Paused | JobState::Done | JobState::Failed | JobState::Cancelled => false,
        };
        may_start && self.context.connections.get(job.provider).is_some()
    }

    async fn run_job(
        &self,
        job: BackfillJob,
        open: &BTreeSet<Uuid>,
        deadline: Instant,
        report: &mut BackfillReport,
    ) -> Result<(), PortError> {
        let work = format!("backfill {} {}", job.provider, job.entity_name);
        let (leases, now) = (&self.context.ports.leases, self.context.ports.clock.now());
        let token = self.context.ports.ids.fresh();
        let acquired = HeldLease::acquire::<Checkpoints>(leases, work, token, now, deadline).await?;
        let Some((lease, stored)) = acquired else { return Ok(()) };
        let mut others = stored.unwrap_or_default();
        others.retain(|id, _| open.contains(id));
        let checkpoint = others.remove(&job.id);
        let read_before = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.counts.processed);
        let mut held = HeldJob { lease, others, counts: job.counts, job, read_before, started_at: now };
        match caught(Box::pin(self.run_held(&mut held, checkpoint, deadline, report)), StepError::Panicked).await {
            Ok(RunEnd::Finished) => {
                report.finished += 1;
                self.finish(&held).await
            }
            Ok(RunEnd::Interrupted) => {
                report.unfinished += 1;
                held.lease.release().await
            }
            Ok(RunEnd::Superseded) => held.lease.release().await,
            Err(error) => {
                held.lease.release().await?;
                self.stop(&held, error, report).await
            }
        }
    }

    /// Frees the lease of a job that is done. The checkpoints of others stay.
    async fn finish(&self, held: &HeldJob) -> Result<(), PortError> {
        if held.others.is_empty() {
            return held.lease.finish().await;
        }
        held.lease.keep(&held.others).await?;
        held.lease.release().await
    }

    async fn run_held(
        &self,
        held: &mut HeldJob,
        checkpoint: Option<Checkpoint>,
        deadline: Instant,
        report: &mut BackfillReport,
    ) -> Result<RunEnd, StepError> {
        let now = self.context.ports.clock.now();
        let running = BackfillJob {
            state: JobState::Running,
            reason: "reading records".to_owned(),
            started_at: held.job.started_at.or(Some(now)),
            updated_at: Some(now),
            pace: JobPace { not_before: None, ..held.job.pace },
            ..held.job.clone()
        };
        if !self.update(held, running).await? {
            return Ok(RunEnd::Superseded);
        }
        let mut reader = JobReader::open(&self.context, &held.job, checkpoint, deadline).await?;
        let mut pace = StepPace::until(deadline);
        while pace.has_time() {
            let read_so_far = reader.checkpoint().counts.processed;
            let outcome = pace.step(reader.step(held.job.pace.deletions)).await;
            report.read += reader.checkpoint().counts.processed.saturating_sub(read_so_far);
            held.counts = reader.checkpoint().counts;
            let outcome = match outcome {
                Ok(outcome) => outcome,
                Err(error) => {
                    // A smaller page, a window that starts again and a question are part of the checkpoint.
                    held.keep(&reader).await?;
                    return Err(error);
                }
            };
            if !held.keep(&reader).await? {
                return Ok(RunEnd::Superseded);
            }
            let job = self.progressed(held, &reader, outcome);
            let is_done = job.state == JobState::Done;
            if !self.update(held, job).await? {
                return Ok(RunEnd::Superseded);
            }
            if is_done {
                return Ok(RunEnd::Finished);
            }
        }
        Ok(RunEnd::Interrupted)
    }

    fn progressed(&self, held: &HeldJob, reader: &JobReader<'_>, outcome: StepOutcome) -> BackfillJob {
        let (now, checkpoint) = (self.context.ports.clock.now(), reader.checkpoint());
        let elapsed = u64::try_from(now.millis() - held.started_at.millis()).unwrap_or(0);
        let read = checkpoint.counts.processed.saturating_sub(held.read_before);
        let rate = (elapsed > 0).then(|| read.saturating_mul(1_000_000) / elapsed);
        let pace = JobPace {
            records_per_1000_seconds: rate,
            api_usage_per_mille: reader.usage_per_mille().or(held.job.pace.api_usage_per_mille),
            failures: 0,
            ..held.job.pace
        };
        let (state, reason) = match outcome {
            StepOutcome::Continue(reason) => (JobState::Running, reason),
            StepOutcome::Done(reason) => (JobState::Done, reason),
        };
        BackfillJob { state, reason, counts: checkpoint.counts, updated_at: Some(now), pace, ..held.job.clone() }
    }

    /// Stores the progress of a job. `false`: somebody has changed it, and it is left to them.
    async fn update(&self, held: &mut HeldJob, job: BackfillJob) -> Result<bool, PortError> {
        let updated = self.context.ports.jobs.update(&job, &held.job).await?;
        if updated {
            held.job = job;
        }
        Ok(updated)
    }

    /// Stores why a job stopped. A failure of this installation's own stores is passed on; the job goes on in the next run.
    async fn stop(&self, held: &HeldJob, error: StepError, report: &mut BackfillReport) -> Result<(), PortError> {
        let job = &held.job;
        let Some(mut stopped) = stopped(job, &error, self.context.ports.clock.now()) else {
            return match error {
                StepError::Port(error) | StepError::Command(CommandError::Port(error)) => Err(error),
                error => {
                    tracing::warn!(provider = %job.provider, entity_name = %job.entity_name, reason = %error, "backfill stopped");
                    report.stopped.push(format!("{}: {error}", job.entity_name));
                    Ok(())
                }
            };
        };
        stopped.counts = held.counts;
        if let StepError::AskFirst(_) = error {
            stopped.pace.deletions = DeletionConsent::Asked;
        }
        tracing::warn!(provider = %job.provider, entity_name = %job.entity_name, reason = stopped.reason, "backfill stopped");
        report.stopped.push(format!("{}: {}", job.entity_name, stopped.reason));
        // If somebody has changed the job meanwhile, what they wrote stays.
        self.context.ports.jobs.update(&stopped, job).await.map(drop)
    }
}
