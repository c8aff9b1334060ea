//! Time and new ids, as ports, so that tests are deterministic.

use annals_domain::timestamp::Timestamp;
use uuid::Uuid;

pub trait Clock: Send + Sync {
    /// May step back: no caller relies on increasing times.
    fn now(&self) -> Timestamp;
}

/// Ids for commands and jobs, and the random numbers for jitter.
pub trait Ids: Send + Sync {
    /// Returns a different id for each call.
    fn fresh(&self) -> Uuid;
}
