//! The work that is due each minute.
//!
//! If one kind of work fails, the others are done all the same, and then the invocation fails, so that its alarm is
//! raised.

use std::sync::Arc;

use annals_application::commands::Quarantine;
use annals_application::log_chain;
use annals_application::ports::{JobStore, PortError, RefetchQueue};
use annals_application::projection::{Projector, Redriver};
use annals_aws::rebuild::{RebuildError, RebuildOutcome, RebuildPlan, Rebuilder};
use annals_lambda::telemetry::Count;
use annals_lambda::{Invocation, InvocationFailed};
use serde::Serialize;
use tokio::time::{Duration, Instant};

use crate::crm_work::{CrmWork, CrmWorkReport};
use crate::schedule::Schedule;

/// How many refetch tasks are counted at most.
const MAX_COUNTED_TASKS: usize = 1_000;
/// How long an invocation redrives parked projections; the rebuild gets the rest of its time.
const REDRIVE_TIME: Duration = Duration::from_secs(60);

/// How long after the deadline a rebuild may take to store its checkpoint.
const CHECKPOINT_TIME: Duration = Duration::from_secs(1);

pub(crate) struct DueWork {
    projector: Projector,
    rebuilder: Rebuilder,
    refetch: Arc<dyn RefetchQueue>,
    jobs: Arc<dyn JobStore>,
    /// `None` if no CRM is connected.
    crm: Option<CrmWork>,
    quarantine: Quarantine,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct DueWorkReport {
    /// How many parked records were projected.
    redriven: usize,
    /// How many parked records failed again.
    still_parked: usize,
    rebuild: Option<String>,
    /// What was read from the connected CRMs.
    crm: Option<CrmWorkReport>,
    /// How many refetch tasks and jobs wait for a CRM to be connected.
    waiting_for_crm: usize,
}

/// Gives up work that takes longer than until the deadline, before Lambda stops the function: each kind stops by itself
/// earlier, unless a call gets no answer. What is given up goes on in the next minute.
async fn in_time(kind: &str, deadline: Instant, work: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let late = |_| Err(format!("{kind}: no answer by the deadline"));
    tokio::time::timeout_at(deadline, work).await.unwrap_or_else(late)
}

impl DueWork {
    pub(crate) fn new(
        projector: Projector,
        rebuilder: Rebuilder,
        refetch: Arc<dyn RefetchQueue>,
        jobs: Arc<dyn JobStore>,
        crm: Option<CrmWork>,
        quarantine: Quarantine,
    ) -> Self {
        Self { projector, rebuilder, refetch, jobs, crm, quarantine }
    }

    pub(crate) async fn run(&self, invocation: Invocation) -> Result<DueWorkReport, InvocationFailed> {
        let mut report = DueWorkReport::default();
        let deadline = invocation.deadline;
        let redriven = in_time("redriving", deadline, self.redrive(deadline, &mut report)).await;
        let read = in_time("reading the CRM", deadline, Box::pin(self.read_crm(deadline, &mut report))).await;
        let counted = in_time("counting waiting tasks", deadline, self.count(&mut report)).await;
        let cleaned = in_time("removing orphaned chunks", deadline, self.remove_orphans()).await;
        // Last, because it uses all the time that is left.
        let rebuilt = self.rebuild(deadline, &mut report);
        let rebuilt = in_time("rebuilding", deadline + CHECKPOINT_TIME, rebuilt).await;
        let failures = [redriven.err(), read.err(), counted.err(), cleaned.err(), rebuilt.err()];
        let failures: Vec<String> = failures.into_iter().flatten().collect();
        if failures.is_empty() { Ok(report) } else { Err(InvocationFailed(failures.join("; "))) }
    }

    async fn redrive(&self, deadline: Instant, report: &mut DueWorkReport) -> Result<(), String> {
        let failure = |error: PortError| format!("redriving: {}", log_chain(&error));
        let until = deadline.min(Instant::now() + REDRIVE_TIME);
        let run = Redriver::new(&self.projector).redrive_all(until).await.map_err(failure)?;
        (report.redriven, report.still_parked) = (run.redriven, run.still_parked);
        Count::Projected.add(run.redriven);
        run.outage.map_or(Ok(()), |error| Err(failure(error)))
    }

    /// Requests what a schedule says. Returns the number of objects; 0 if no CRM is connected.
    pub(crate) async fn request(&self, schedule: Schedule) -> Result<usize, InvocationFailed> {
        match &self.crm {
            Some(crm) => crm.request(schedule).await.map_err(InvocationFailed),
            None => Ok(0),
        }
    }

    /// Reads the CRMs, with at most three quarters of the time: the rest is the rebuild's.
    async fn read_crm(&self, deadline: Instant, report: &mut DueWorkReport) -> Result<(), String> {
        let Some(crm) = &self.crm else { return Ok(()) };
        let left = deadline.saturating_duration_since(Instant::now());
        report.crm = Some(crm.run(Instant::now() + left * 3 / 4).await?);
        Ok(())
    }

    /// Removes what interrupted writers have left in the quarantine.
    async fn remove_orphans(&self) -> Result<(), String> {
        let removed = self.quarantine.remove_orphans().await;
        let removed = removed.map_err(|error| format!("removing orphaned chunks: {}", log_chain(&error)))?;
        if removed > 0 {
            tracing::info!(removed, "removed bodies without a quarantine entry");
        }
        Ok(())
    }

    async fn rebuild(&self, deadline: Instant, report: &mut DueWorkReport) -> Result<(), String> {
        let on_progress = |plan: &RebuildPlan| {
            let counts = plan.counts;
            tracing::info!(streams = counts.streams, events = counts.events, indexed = counts.indexed, "rebuilding");
        };
        let outcome = self.rebuilder.resume(tokio::time::sleep_until(deadline), &on_progress).await;
        report.rebuild = match outcome {
            Ok(RebuildOutcome::NoneStarted) => None,
            Ok(RebuildOutcome::Interrupted(plan)) => Some(format!("{} streams so far", plan.counts.streams)),
            Ok(RebuildOutcome::Finished(finished)) => {
                if !finished.left_out.is_empty() {
                    tracing::warn!(types = ?finished.left_out, "types not registered before: rebuild each of them");
                }
                Some(format!("done: {} documents", finished.counts.indexed))
            }
            Err(RebuildError::AlreadyRunning | RebuildError::LeaseLost) => {
                Some("another process works on it".to_owned())
            }
            Err(error) => return Err(format!("rebuilding: {}", log_chain(&error))),
        };
        Ok(())
    }

    async fn count(&self, report: &mut DueWorkReport) -> Result<(), String> {
        if self.crm.is_some() {
            return Ok(());
        }
        let failure = |error: PortError| format!("counting waiting tasks: {}", log_chain(&error));
        let tasks = self.refetch.count(MAX_COUNTED_TASKS).await.map_err(failure)?;
        let jobs = self.jobs.count_waiting().await.map_err(failure)?;
        report.waiting_for_crm = tasks + jobs;
        if report.waiting_for_crm > 0 {
            tracing::warn!(tasks, jobs, "no CRM is connected: records wait to be read from it");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_without_an_answer_is_given_up_and_reported() {
        let deadline = Instant::now() + Duration::from_millis(20);
        let given_up = in_time("reading the CRM", deadline, std::future::pending()).await;
        assert_eq!(given_up, Err("reading the CRM: no answer by the deadline".to_owned()));
        // Work that has nothing to wait for is done all the same.
        assert_eq!(in_time("rebuilding", deadline, async { Ok(()) }).await, Ok(()));
    }
}
