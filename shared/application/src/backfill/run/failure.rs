//! Why a job stopped, and what its state is then.

use annals_domain::timestamp::Timestamp;

use crate::commands::CommandError;
use crate::crm::{crm_retry_at, quota_retry_at, retry_at};
use crate::log_chain;
use crate::ports::{BackfillJob, CrmError, JobPace, JobState, PortError};

#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error(transparent)]
    Crm(#[from] CrmError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Port(#[from] PortError),
    /// The share of the quota is used.
    #[error("{reason}")]
    Quota { reason: String, until: Option<Timestamp> },
    #[error("the CRM counts {counted} records in the window, and {read} were read")]
    Incomplete { counted: u64, read: u64 },
    /// A mistake in the program. Other jobs go on.
    #[error("reading ended unexpectedly; see the log")]
    Panicked,
    /// A person must decide.
    #[error("{0}")]
    AskFirst(String),
}

/// The job after it stopped with an error; `None` if this installation's own stores failed.
pub(super) fn stopped(job: &BackfillJob, error: &StepError, now: Timestamp) -> Option<BackfillJob> {
    let failures = job.pace.failures.saturating_add(1);
    let not_before = match error {
        StepError::Port(_) | StepError::Command(_) => return None,
        StepError::AskFirst(_) => None,
        StepError::Quota { until, .. } => Some(quota_retry_at(*until, now)),
        StepError::Incomplete { .. } | StepError::Panicked => Some(retry_at(failures, now)),
        StepError::Crm(error) => crm_retry_at(&error.kind, failures, now),
    };
    let state = if not_before.is_some() { JobState::Waiting } else { JobState::Paused };
    let advice = match state {
        JobState::Paused if !matches!(error, StepError::AskFirst(_)) => "; resume the job once this is mended",
        _ => "",
    };
    let pace = JobPace { records_per_1000_seconds: None, not_before, failures, ..job.pace };
    let reason = format!("{}{advice}", log_chain(error));
    Some(BackfillJob { state, reason, pace, updated_at: Some(now), ..job.clone() })
}
