//! Waiting for another process to let go of a rebuild.
//!
//! Promises to go on once it lets go, is done, or was killed and its lease has run out; until then it is told
//! each second that it waits. Waits as long as the other works: only Ctrl-C ends that.

use std::time::Duration;

use annals_aws::rebuild::RebuildError;
use indicatif::ProgressBar;

use crate::interrupt::Interrupt;
use crate::output::notice;

/// How often it is tried.
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

/// Tries until no other process works on the rebuild.
pub(super) async fn patiently<T>(
    interrupt: &mut Interrupt,
    bar: &ProgressBar,
    mut attempt: impl AsyncFnMut(&mut Interrupt) -> Result<T, Stopped>,
) -> Result<T, Stopped> {
    let mut is_said = false;
    loop {
        match attempt(interrupt).await {
            Err(Stopped::Failed(RebuildError::AlreadyRunning | RebuildError::LeaseLost)) => {}
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
