//! What is due in this minute.
//!
//! Promises that one kind of work which fails does not keep the others from being done, and that
//! what failed is the invocation's failure, so that its alarm rings.

use std::sync::Arc;

use annals_application::log_chain;
use annals_application::ports::{PortError, StateStore};
use annals_application::projection::Projector;
use annals_aws::rebuild::{RebuildError, RebuildOutcome, RebuildPlan, Rebuilder};
use annals_lambda::telemetry::Count;
use annals_lambda::{Invocation, InvocationFailed};
use serde::Serialize;
use tokio::time::{Duration, Instant};

/// How many tasks are counted; beyond, it is "at least".
const COUNTED: usize = 1_000;
/// How long parked records may take of an invocation; the rest is the rebuild's.
const REDRIVING: Duration = Duration::from_secs(60);

/// Does what is due.
pub(crate) struct DueWork {
    projector: Projector,
    rebuilder: Rebuilder,
    state: Arc<dyn StateStore>,
}

/// What was done.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Done {
    /// Parked records that were projected.
    redriven: usize,
    /// Parked records that failed again.
    still_parked: usize,
    /// How the rebuild stands, where there is one.
    rebuild: Option<String>,
    /// Refetch tasks and jobs that wait for a CRM to be connected.
    waiting_for_crm: usize,
}

impl DueWork {
    /// By those.
    pub(crate) fn new(projector: Projector, rebuilder: Rebuilder, state: Arc<dyn StateStore>) -> Self {
        Self { projector, rebuilder, state }
    }

    /// Does all that is due.
    pub(crate) async fn work(&self, invocation: Invocation) -> Result<Done, InvocationFailed> {
        let mut done = Done::default();
        let redriven = self.redrive(invocation.deadline, &mut done).await;
        let counted = self.count(&mut done).await;
        // Last, since it takes all the time that is left.
        let rebuilt = self.rebuild(invocation.deadline, &mut done).await;
        let failures = [redriven.err(), counted.err(), rebuilt.err()];
        let failures: Vec<String> = failures.into_iter().flatten().collect();
        if failures.is_empty() { Ok(done) } else { Err(InvocationFailed(failures.join("; "))) }
    }

    async fn redrive(&self, deadline: Instant, done: &mut Done) -> Result<(), String> {
        let told = |error: PortError| format!("redriving: {}", log_chain(&error));
        let until = deadline.min(Instant::now() + REDRIVING);
        let run = self.projector.redrive_parked(until).await.map_err(told)?;
        (done.redriven, done.still_parked) = (run.redriven, run.still_parked);
        Count::Projected.add(run.redriven);
        run.outage.map_or(Ok(()), |error| Err(told(error)))
    }

    async fn rebuild(&self, deadline: Instant, done: &mut Done) -> Result<(), String> {
        let on_progress = |plan: &RebuildPlan| {
            let counts = plan.counts;
            tracing::info!(streams = counts.streams, events = counts.events, indexed = counts.indexed, "rebuilding");
        };
        let outcome = self.rebuilder.resume(tokio::time::sleep_until(deadline), &on_progress).await;
        done.rebuild = match outcome {
            Ok(RebuildOutcome::NoneStarted) => None,
            Ok(RebuildOutcome::Interrupted(plan)) => Some(format!("{} streams so far", plan.counts.streams)),
            Ok(RebuildOutcome::Finished(report)) => {
                if !report.left_out.is_empty() {
                    tracing::warn!(types = ?report.left_out, "nothing had noted these: rebuild each of them");
                }
                Some(format!("done: {} documents", report.counts.indexed))
            }
            Err(RebuildError::AlreadyRunning | RebuildError::LeaseLost) => {
                Some("another process works on it".to_owned())
            }
            Err(error) => return Err(format!("rebuilding: {}", log_chain(&error))),
        };
        Ok(())
    }

    async fn count(&self, done: &mut Done) -> Result<(), String> {
        let told = |error: PortError| format!("counting what waits: {}", log_chain(&error));
        let tasks = self.state.count_refetch(COUNTED).await.map_err(told)?;
        let jobs = self.state.count_waiting_jobs().await.map_err(told)?;
        done.waiting_for_crm = tasks + jobs;
        if done.waiting_for_crm > 0 {
            tracing::warn!(tasks, jobs, "no CRM is connected: records wait to be read from it");
        }
        Ok(())
    }
}
