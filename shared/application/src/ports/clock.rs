//! Time and fresh ids, passed in so that every run can be repeated exactly.

use annals_domain::timestamp::Timestamp;
use uuid::Uuid;

/// The present.
pub trait Clock: Send + Sync {
    /// Now. May step back: nothing relies on its order.
    fn now(&self) -> Timestamp;
}

/// Fresh ids for what has no identity of its own: commands, jobs, and the jitter of retries.
pub trait Ids: Send + Sync {
    /// An id that no other call gives.
    fn fresh(&self) -> Uuid;
}
