//! What follows for a task from what was read and stored.

use std::collections::BTreeSet;
use std::time::Duration;

use annals_domain::path::Path;
use annals_domain::timestamp::Timestamp;

use crate::backoff::Backoff;
use crate::crm::{ImageEffect, ImageResult, READ_AGAIN_MS};
use crate::ports::RefetchTask;

/// The reads of one record before what it lacks counts as unreadable.
pub const MAX_ATTEMPTS: u32 = 5;

const RETRY_WAITS: Backoff = Backoff::tripling(Duration::from_secs(60), Duration::from_secs(6 * 3_600));

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TaskOutcome {
    Finished,
    /// Finished, though these paths are still unknown.
    Unreadable(BTreeSet<Path>),
    Postponed(RefetchTask),
}

/// `hidden`: paths that the CRM does not show. `noted`: those of them that are noted already.
pub(super) fn outcome(
    task: &RefetchTask,
    result: &ImageResult,
    hidden: &BTreeSet<Path>,
    noted: &BTreeSet<Path>,
    now: Timestamp,
) -> TaskOutcome {
    if result.read_again {
        return TaskOutcome::Postponed(RefetchTask { due_at: now.plus_millis(READ_AGAIN_MS), ..task.clone() });
    }
    let is_stored = !matches!(result.effect, ImageEffect::Refused | ImageEffect::Damaged);
    let unreadable: BTreeSet<Path> = result.unknown.intersection(hidden).cloned().collect();
    if is_stored && unreadable.is_empty() {
        return TaskOutcome::Finished;
    }
    if is_stored && unreadable.is_subset(noted) {
        return TaskOutcome::Unreadable(unreadable);
    }
    match failed(task, now) {
        Some(postponed) => TaskOutcome::Postponed(postponed),
        None => TaskOutcome::Unreadable(unreadable),
    }
}

/// The task after a failed read, or `None` if that was the last attempt.
pub(super) fn failed(task: &RefetchTask, now: Timestamp) -> Option<RefetchTask> {
    let postponed = postponed(task, now);
    (postponed.attempts < MAX_ATTEMPTS).then_some(postponed)
}

/// The task after a failed read, however often it has failed.
pub(super) fn postponed(task: &RefetchTask, now: Timestamp) -> RefetchTask {
    let attempts = task.attempts.saturating_add(1);
    let wait = i64::try_from(RETRY_WAITS.wait(attempts).as_millis()).unwrap_or(i64::MAX);
    RefetchTask { attempts, due_at: now.plus_millis(wait), ..task.clone() }
}
