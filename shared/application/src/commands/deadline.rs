//! The deadline of a call: how long it waits for a store that does not respond.
//!
//! A call that is too late fails with an error that names the store, early enough for the caller to
//! respond. Work that had begun may go on; repeating the call finds its result.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Command;
use crate::ports::{PortError, PortErrorKind};

/// The deadline of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    asked: Option<Instant>,
    otherwise: Duration,
}

impl Deadline {
    /// The earliest deadline of the commands; without any, work may take this long.
    pub(super) fn of(commands: &[Command], otherwise: Duration) -> Self {
        let asked = commands.iter().filter_map(|command| command.metadata.deadline).min();
        Self { asked, otherwise }
    }

    /// The deadline of work that starts now.
    pub(super) fn starting_now(self) -> Instant {
        self.asked.unwrap_or_else(|| Instant::now() + self.otherwise)
    }
}

/// The result of work on a store, or an error of this kind once the deadline has passed.
pub(super) async fn in_time<T, E: From<PortError>>(
    deadline: Instant,
    kind: PortErrorKind,
    store: &str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    timeout_at(deadline, work).await.unwrap_or_else(|_| Err(late(kind, store).into()))
}

/// The error of a store that did not respond in time.
pub(super) fn late(kind: PortErrorKind, store: &str) -> PortError {
    PortError::new(kind, store, "no response before the deadline of the call")
}
