//! Stopping a read that runs on another thread.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::InterruptHandle;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum StopRequest {
    /// The read ends, and is made again: something else needs its snapshot to be released.
    BeginAgain,
    /// The read ends.
    Stop,
}

/// Requests to stop one read. A request ends the statement that runs, or the next one that takes long.
#[derive(Default)]
pub(super) struct StopSignal(Mutex<SignalState>);

#[derive(Default)]
struct SignalState {
    requested: Option<StopRequest>,
    /// Set while the read uses its connection: later the same connection serves another read.
    running: Option<InterruptHandle>,
}

impl StopSignal {
    pub(super) fn request(&self, request: StopRequest) {
        let mut state = self.state();
        state.requested = state.requested.max(Some(request));
        if let Some(running) = &state.running {
            running.interrupt();
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.state().requested.is_some()
    }

    /// The read uses its connection from now on.
    pub(super) fn started(&self, handle: InterruptHandle) {
        self.state().running = Some(handle);
    }

    /// The read does not use its connection any more.
    pub(super) fn ended(&self) {
        self.state().running = None;
    }

    /// The request; one to begin again is fulfilled by that.
    pub(super) fn take(&self) -> Option<StopRequest> {
        let mut state = self.state();
        match state.requested {
            Some(StopRequest::BeginAgain) => state.requested.take(),
            requested => requested,
        }
    }

    fn state(&self) -> MutexGuard<'_, SignalState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
