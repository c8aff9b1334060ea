//! The org's own clock, which may differ from the clock of its reader.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use annals_application::ports::Clock;
use annals_domain::timestamp::Timestamp;

pub struct OrgClock {
    base: Arc<dyn Clock>,
    ahead_ms: AtomicI64,
}

struct Fixed(Timestamp);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        self.0
    }
}

impl OrgClock {
    /// Follows another clock, at first without a difference.
    pub fn following(base: Arc<dyn Clock>) -> Self {
        Self { base, ahead_ms: AtomicI64::new(0) }
    }

    /// Stands still, until it is advanced.
    pub fn fixed(at: Timestamp) -> Self {
        Self::following(Arc::new(Fixed(at)))
    }

    pub fn now(&self) -> Timestamp {
        self.base.now().plus_millis(self.ahead_ms.load(Ordering::SeqCst))
    }

    /// Moves the clock by so many milliseconds, back if negative.
    pub fn advance(&self, millis: i64) {
        self.ahead_ms.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for OrgClock {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }
}
