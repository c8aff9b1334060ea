//! The deadline of a call: one for all its phases, whatever store it waits for.
//!
//! A call that is too late fails with an error that names the store, early enough for the caller to respond. Work that
//! had begun may go on; repeating the call finds its result.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Command;
use crate::ports::{PortError, PortErrorKind};

/// The earliest deadline of the commands; if none has one, `time_limit` from now.
pub(super) fn deadline_of(commands: &[Command], time_limit: Duration) -> Instant {
    let requested = commands.iter().filter_map(|command| command.metadata.deadline).min();
    requested.unwrap_or_else(|| Instant::now() + time_limit)
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
