//! When a record has to be read from its CRM.
//!
//! Promises that what backfill itself stored never asks for more. Asks only: when it is done, and
//! by whom, is the refetch task's matter.

use std::collections::BTreeSet;

use crate::aggregate::Aggregate;
use crate::change::{Change, Lifecycle, RefetchReason};
use crate::event::EventType;
use crate::position::Position;

/// One event of the run that is judged.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// Its type.
    pub event_type: EventType,
    /// What it says.
    pub change: &'a Change,
    /// Whether an image of its timestamp was stored before it.
    pub meets_image: bool,
}

/// Why a run of events that led to `after` asks for the record; empty where it does not.
/// `standing`: the newest word on the record's life before the run, and its position.
pub fn reasons(
    standing: Option<(Position, Lifecycle)>,
    after: &Aggregate,
    run: &[Judged<'_>],
) -> BTreeSet<RefetchReason> {
    let mut reasons = BTreeSet::new();
    let own: Vec<_> = run.iter().filter(|judged| !judged.change.is_image()).collect();
    if own.is_empty() {
        return reasons;
    }
    reasons.extend(own.iter().filter_map(|judged| judged.change.asks_refetch));
    if !after.has_base() {
        reasons.insert(RefetchReason::MissingBase);
    }
    if after.unknown_paths().next().is_some() && !reasons.contains(&RefetchReason::NotCarried) {
        reasons.insert(RefetchReason::BrokenText);
    }
    if rises(standing, run) {
        reasons.insert(RefetchReason::AliveAfterDeletion);
    }
    if own.iter().any(|judged| judged.meets_image) {
        reasons.insert(RefetchReason::AtAnImagesInstant);
    }
    reasons
}

/// Whether an update of the run is newer than a deletion that stood when it came.
fn rises(mut standing: Option<(Position, Lifecycle)>, run: &[Judged<'_>]) -> bool {
    for judged in run {
        let at = judged.change.position;
        let is_update = judged.event_type == EventType::Updated && !judged.change.is_image();
        if is_update && standing.is_some_and(|(stood, life)| life == Lifecycle::Deleted && stood < at) {
            return true;
        }
        if let Some(life) = judged.change.lifecycle
            && standing.is_none_or(|(stood, _)| stood < at)
        {
            standing = Some((at, life));
        }
    }
    false
}

/// Whether an image that came in has brought what a task was waiting for.
pub fn is_satisfied(after: &Aggregate, run: &[Judged<'_>]) -> bool {
    let image_is_newest =
        run.iter().any(|judged| after.newest() == Some(judged.change.position) && judged.change.is_image());
    // A change of the image's own timestamp that came behind it may not be in the image.
    let meets_image = run.iter().any(|judged| judged.meets_image);
    image_is_newest && !meets_image && after.has_base() && after.unknown_paths().next().is_none()
}
