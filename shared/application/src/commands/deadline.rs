//! The deadline of a call: how long it waits for a store that does not answer.
//!
//! Promises an error that names the store, in time for whoever called to answer in turn. Work that
//! was begun may go on: what it comes to is found by the same call, made again.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Command;
use crate::ports::{PortError, PortErrorKind};

/// Until when a call may go on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    asked: Option<Instant>,
    otherwise: Duration,
}

impl Deadline {
    /// The earliest that a command asks for; where none does, as long as is allowed otherwise.
    pub(super) fn of(commands: &[Command], otherwise: Duration) -> Self {
        let asked = commands.iter().filter_map(|command| command.metadata.deadline).min();
        Self { asked, otherwise }
    }

    /// That of work which starts now.
    pub(super) fn starting_now(self) -> Instant {
        self.asked.unwrap_or_else(|| Instant::now() + self.otherwise)
    }
}

/// What work comes to that the store of that name does, until the deadline; later, a failure of that kind.
pub(super) async fn in_time<T, E: From<PortError>>(
    deadline: Instant,
    kind: PortErrorKind,
    store: &str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    timeout_at(deadline, work).await.unwrap_or_else(|_| Err(late(kind, store).into()))
}

/// What is said of a store that did not answer in time.
pub(super) fn late(kind: PortErrorKind, store: &str) -> PortError {
    PortError::new(kind, store, "no answer by the deadline of the call")
}
