//! A clock that moves only when a test moves it.

use std::sync::atomic::{AtomicI64, Ordering};

use annals_domain::timestamp::Timestamp;

use crate::ports::Clock;

/// Milliseconds since 1970.
#[derive(Debug)]
pub struct SimulatedClock(AtomicI64);

impl SimulatedClock {
    pub fn at(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.millis()))
    }

    pub fn advance(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst)).expect("a time of this century")
    }
}
