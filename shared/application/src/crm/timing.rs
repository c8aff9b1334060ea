//! The times that reading a CRM relies on.

use std::time::Duration;

use annals_domain::timestamp::Timestamp;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::ports::CrmErrorKind;

/// A change event that was committed so long before a read is in what was read, whatever the clocks of the CRM's servers.
pub(crate) const SETTLED_AFTER_MS: i64 = 10_000;
/// When a record is read again that changed while it was read: by then those changes are settled.
pub(crate) const READ_AGAIN_MS: i64 = SETTLED_AFTER_MS + 1_000;
/// Rows are committed late with older stamps: a window that follows another begins so long before its end.
pub(crate) const OVERLAP_MS: i64 = 5 * 60_000;

const RETRY_WAITS: Backoff = Backoff::doubling(Duration::from_secs(30), Duration::from_secs(30 * 60));
/// When the quota is looked at again, if the CRM does not say when it is renewed.
const QUOTA_WAIT_MS: i64 = 15 * 60_000;
/// When refused credentials are tried again: a person may have mended them.
const CREDENTIALS_WAIT_MS: i64 = 5 * 60_000;

/// How long a lease outlives the deadline of its holder.
const LEASE_SLACK_MS: i64 = 5_000;

/// The end of a lease that is taken now for work until a deadline.
pub(super) fn lease_end(now: Timestamp, deadline: Instant) -> Timestamp {
    let left = deadline.saturating_duration_since(Instant::now()).as_millis();
    now.plus_millis(i64::try_from(left).unwrap_or(i64::MAX)).plus_millis(LEASE_SLACK_MS)
}

/// When what failed so often in a row is tried again, if the CRM says nothing about it.
pub(crate) fn retry_at(failures: u32, now: Timestamp) -> Timestamp {
    now.plus_millis(i64::try_from(RETRY_WAITS.wait(failures).as_millis()).unwrap_or(i64::MAX))
}

/// When calls are made again after a quota, or the share of it that may be used, was used up.
pub(crate) fn quota_retry_at(renewed_at: Option<Timestamp>, now: Timestamp) -> Timestamp {
    renewed_at.unwrap_or_else(|| now.plus_millis(QUOTA_WAIT_MS))
}

/// When calls are made again after one failed so, for the `failures`th time in a row; `None` if a person must act first.
pub(crate) fn crm_retry_at(kind: &CrmErrorKind, failures: u32, now: Timestamp) -> Option<Timestamp> {
    match kind {
        CrmErrorKind::QuotaExhausted { until, .. } => Some(quota_retry_at(*until, now)),
        CrmErrorKind::Throttled { until: Some(until) } => Some(*until),
        CrmErrorKind::Unauthorised => Some(now.plus_millis(CREDENTIALS_WAIT_MS)),
        CrmErrorKind::Unavailable
        | CrmErrorKind::Throttled { until: None }
        | CrmErrorKind::TooLarge
        | CrmErrorKind::CursorExpired
        | CrmErrorKind::Malformed => Some(retry_at(failures, now)),
        CrmErrorKind::ObjectMissing | CrmErrorKind::FieldsMissing(_) | CrmErrorKind::Rejected => None,
    }
}
