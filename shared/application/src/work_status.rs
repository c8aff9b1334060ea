//! How a piece of continuous work goes: its last failure, until it succeeds again. Health reports read it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use annals_domain::timestamp::Timestamp;

use crate::ports::Clock;

/// The last failure of some work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkFailure {
    pub at: Timestamp,
    /// One line that may be shown to anyone.
    pub reason: String,
}

/// Shared by the work and by those who report on it.
pub struct WorkStatus {
    clock: Arc<dyn Clock>,
    state: Mutex<WorkState>,
}

#[derive(Default)]
struct WorkState {
    failure: Option<WorkFailure>,
    last_panic: Option<Timestamp>,
    has_begun: bool,
}

impl WorkStatus {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    pub fn succeeded(&self) {
        let mut state = self.state();
        (state.failure, state.has_begun) = (None, true);
    }

    /// Whether anybody does the work: it has succeeded or failed before.
    pub fn has_begun(&self) -> bool {
        let state = self.state();
        state.has_begun || state.failure.is_some()
    }

    pub fn failed(&self, reason: impl Into<String>) {
        self.state().failure = Some(WorkFailure { at: self.clock.now(), reason: reason.into() });
    }

    /// The work ended by a mistake in the program. Unlike a failure, its success does not undo that.
    pub fn panicked(&self) {
        let now = self.clock.now();
        let mut state = self.state();
        state.last_panic = Some(now);
        state.failure = Some(WorkFailure { at: now, reason: "it ended unexpectedly; see the log".to_owned() });
    }

    /// The last failure, unless the work has succeeded since.
    pub fn failure(&self) -> Option<WorkFailure> {
        self.state().failure.clone()
    }

    pub fn last_panic(&self) -> Option<Timestamp> {
        self.state().last_panic
    }

    fn state(&self) -> MutexGuard<'_, WorkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
