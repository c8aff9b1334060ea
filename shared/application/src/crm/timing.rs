//! The times that reading a CRM relies on.

use annals_domain::timestamp::Timestamp;
use tokio::time::Instant;

/// A change event that was committed so long before a read is in what was read, whatever the clocks of the CRM's servers.
pub(crate) const SETTLED_AFTER_MS: i64 = 10_000;
/// When a record is read again that changed while it was read: by then those changes are settled.
pub(crate) const READ_AGAIN_MS: i64 = SETTLED_AFTER_MS + 1_000;
/// Rows are committed late with older stamps: a window that follows another begins so long before its end.
pub(crate) const OVERLAP_MS: i64 = 5 * 60_000;

/// How long a lease outlives the deadline of its holder.
const LEASE_SLACK_MS: i64 = 5_000;

/// The end of a lease that is taken now for work until a deadline.
pub(crate) fn lease_end(now: Timestamp, deadline: Instant) -> Timestamp {
    let left = deadline.saturating_duration_since(Instant::now()).as_millis();
    now.plus_millis(i64::try_from(left).unwrap_or(i64::MAX)).plus_millis(LEASE_SLACK_MS)
}
