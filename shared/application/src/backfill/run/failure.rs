//! Why a job stopped, and what its state is then.

use std::time::Duration;

use annals_domain::timestamp::Timestamp;

use crate::backoff::Backoff;
use crate::commands::CommandError;
use crate::log_chain;
use crate::ports::{BackfillJob, CrmError, CrmErrorKind, JobPace, JobState, PortError};

const RETRY_WAITS: Backoff = Backoff::doubling(Duration::from_secs(30), Duration::from_secs(30 * 60));
/// When a job looks at the quota again, if the CRM does not say when it is renewed.
const QUOTA_WAIT_MS: i64 = 15 * 60_000;
/// When a job tries refused credentials again: a person may have mended them.
const CREDENTIALS_WAIT_MS: i64 = 5 * 60_000;

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
    let backoff = i64::try_from(RETRY_WAITS.wait(failures).as_millis()).unwrap_or(i64::MAX);
    let waiting = |at: Timestamp| (JobState::Waiting, Some(at));
    let (state, not_before) = match error {
        StepError::Port(_) | StepError::Command(_) => return None,
        StepError::AskFirst(_) => (JobState::Paused, None),
        StepError::Quota { until, .. } => waiting(until.unwrap_or_else(|| now.plus_millis(QUOTA_WAIT_MS))),
        StepError::Incomplete { .. } | StepError::Panicked => waiting(now.plus_millis(backoff)),
        StepError::Crm(error) => match &error.kind {
            CrmErrorKind::QuotaExhausted { until, .. } => {
                waiting(until.unwrap_or_else(|| now.plus_millis(QUOTA_WAIT_MS)))
            }
            CrmErrorKind::Throttled { until: Some(until) } => waiting(*until),
            CrmErrorKind::Unauthorised => waiting(now.plus_millis(CREDENTIALS_WAIT_MS)),
            CrmErrorKind::Unavailable
            | CrmErrorKind::Throttled { until: None }
            | CrmErrorKind::TooLarge
            | CrmErrorKind::CursorExpired
            | CrmErrorKind::Malformed => waiting(now.plus_millis(backoff)),
            CrmErrorKind::ObjectMissing | CrmErrorKind::FieldsMissing(_) | CrmErrorKind::Rejected => {
                (JobState::Paused, None)
            }
        },
    };
    let advice = match state {
        JobState::Paused if !matches!(error, StepError::AskFirst(_)) => "; resume the job once this is mended",
        _ => "",
    };
    let pace = JobPace { records_per_1000_seconds: None, not_before, failures, ..job.pace };
    let reason = format!("{}{advice}", log_chain(error));
    Some(BackfillJob { state, reason, pace, updated_at: Some(now), ..job.clone() })
}
