//! Waiting for another process to let go of a rebuild.
//!
//! Promises to wait no longer than a process that was killed stands in the way; one that is at work
//! goes on without this one.

use std::time::Duration;

use annals_aws_rebuild::RebuildError;
use indicatif::ProgressBar;
use tokio::time::Instant as Moment;

use crate::interrupt::Interrupt;
use crate::output::notice;

/// A killed process's lease stands for half a minute.
const LONGEST: Duration = Duration::from_secs(45);
/// How often it is tried meanwhile.
const EVERY: Duration = Duration::from_secs(1);

/// Why something was not done.
pub(super) enum Stopped {
    /// Someone asked to stop.
    Interrupted,
    /// It failed.
    Failed(RebuildError),
}

impl From<RebuildError> for Stopped {
    fn from(error: RebuildError) -> Self {
        Self::Failed(error)
    }
}

/// Tries until no other process works on the rebuild, or for as long as one that was killed may
/// stand in the way.
pub(super) async fn patiently<T>(
    interrupt: &mut Interrupt,
    bar: &ProgressBar,
    mut attempt: impl AsyncFnMut(&mut Interrupt) -> Result<T, Stopped>,
) -> Result<T, Stopped> {
    let until = Moment::now() + LONGEST;
    let mut is_said = false;
    loop {
        match attempt(interrupt).await {
            Err(Stopped::Failed(RebuildError::Held)) if Moment::now() < until => {}
            answer => return answer,
        }
        if !std::mem::replace(&mut is_said, true) {
            let text = "another process works on a rebuild, or was stopped at it a moment ago: waiting for it";
            bar.suspend(|| notice(text));
        }
        tokio::select! {
            () = interrupt.asked() => return Err(Stopped::Interrupted),
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
