//! The gate that reads of users pass: it is closed for a moment when the write-ahead log must be emptied, which no
//! running read allows.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use annals_application::ports::PortErrorKind;

use super::Failure;
use super::stop_signal::{StopRequest, StopSignal};
use super::turns::Turns;

#[derive(Default)]
pub(super) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
    turns: Arc<Turns>,
}

#[derive(Default)]
struct GateState {
    is_closed: bool,
    next: u64,
    running: HashMap<u64, Arc<StopSignal>>,
}

/// A read that has passed the gate and runs.
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    number: u64,
}

/// The gate while it is closed. Dropping it opens the gate.
pub(super) struct ClosedGate<'a>(&'a Gate);

impl Gate {
    /// The turns of those that have passed.
    pub(super) fn turns(&self) -> &Arc<Turns> {
        &self.turns
    }

    /// Waits while the gate is closed, and until the deadline at most.
    pub(super) fn enter(&self, stop: &Arc<StopSignal>, deadline: Instant) -> Result<Pass<'_>, Failure> {
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = self.changed.wait_timeout_while(self.state(), left, |state| state.is_closed);
        let (mut state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() && state.is_closed {
            let message = "the read did not begin by its deadline".to_owned();
            return Err(Failure::Stated(PortErrorKind::Unavailable, message));
        }
        state.next += 1;
        let number = state.next;
        state.running.insert(number, Arc::clone(stop));
        Ok(Pass { gate: self, number })
    }

    /// Closes the gate: what has passed it runs on.
    pub(super) fn close(&self) -> ClosedGate<'_> {
        self.state().is_closed = true;
        ClosedGate(self)
    }

    fn state(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.gate.state().running.remove(&self.number);
        self.gate.changed.notify_all();
    }
}

impl ClosedGate<'_> {
    /// Waits until no read runs. Returns whether that is so.
    pub(super) fn wait_until_idle(&self, at_most: Duration) -> bool {
        let is_busy = |state: &mut GateState| !state.running.is_empty();
        let waited = self.0.changed.wait_timeout_while(self.0.state(), at_most, is_busy);
        waited.unwrap_or_else(PoisonError::into_inner).0.running.is_empty()
    }

    /// Makes all running reads begin again once the gate is open.
    pub(super) fn restart_reads(&self) {
        let running: Vec<_> = self.0.state().running.values().map(Arc::clone).collect();
        running.iter().for_each(|read| read.request(StopRequest::BeginAgain));
    }
}

impl Drop for ClosedGate<'_> {
    fn drop(&mut self) {
        self.0.state().is_closed = false;
        self.0.changed.notify_all();
    }
}
