//! Decides when a record must be read again from its CRM.
//!
//! Events that a refetch or backfill stored never cause another one. When and by whom the record is read is the
//! responsibility of the refetch queue.

use std::collections::BTreeSet;

use crate::aggregate::Aggregate;
use crate::change::{Change, Lifecycle, RefetchReason};
use crate::event::EventType;
use crate::position::{Position, Rank};

/// One of the events that the decision is about.
#[derive(Debug, Clone, Copy)]
pub struct RefetchInput<'a> {
    pub event_type: EventType,
    pub change: &'a Change,
    /// Whether a record image of the same timestamp was stored before it.
    pub meets_image: bool,
}

/// Why consecutive `events` that led to `after` require a refetch; empty if they do not. `lifecycle` is the newest one
/// before the events, with its position.
pub fn reasons(
    lifecycle: Option<(Position, Lifecycle)>,
    after: &Aggregate,
    events: &[RefetchInput<'_>],
) -> BTreeSet<RefetchReason> {
    let mut reasons = BTreeSet::new();
    let own: Vec<_> = events.iter().filter(|event| !event.change.is_image()).collect();
    if own.is_empty() {
        return reasons;
    }
    reasons.extend(own.iter().filter_map(|event| event.change.asks_refetch));
    if !after.has_base() {
        reasons.insert(RefetchReason::MissingBase);
    }
    if !after.unknown_paths().is_empty() && !reasons.contains(&RefetchReason::NotCarried) {
        reasons.insert(RefetchReason::BrokenText);
    }
    if updates_after_deletion(lifecycle, events) {
        reasons.insert(RefetchReason::AliveAfterDeletion);
    }
    if own.iter().any(|event| event.meets_image || may_be_in_image(after, event.change)) {
        reasons.insert(RefetchReason::AtAnImagesInstant);
    }
    reasons
}

/// Whether an image that was read after a change was committed stands before it: the record's last modification is older
/// than the change, so the image may include it, and a later one of the same second too, which was lost.
fn may_be_in_image(after: &Aggregate, change: &Change) -> bool {
    after.whole_at().is_some_and(|image| {
        let is_before = image.rank != Rank::Change && image < change.position;
        is_before && image.commit_number.is_some_and(|read_at| change.position.timestamp.millis() <= read_at)
    })
}

/// Whether one of the events is an update newer than the deletion that was the newest lifecycle when it arrived.
fn updates_after_deletion(mut lifecycle: Option<(Position, Lifecycle)>, events: &[RefetchInput<'_>]) -> bool {
    for event in events {
        let at = event.change.position;
        let is_update = event.event_type == EventType::Updated && !event.change.is_image();
        if is_update && lifecycle.is_some_and(|(since, state)| state == Lifecycle::Deleted && since < at) {
            return true;
        }
        let stated = event.change.lifecycle.map(|state| (at, state));
        lifecycle = lifecycle.into_iter().chain(stated).max_by_key(|(since, _)| *since);
    }
    false
}

/// Whether a record image among the events makes the refetch task unnecessary.
pub fn is_satisfied(after: &Aggregate, events: &[RefetchInput<'_>]) -> bool {
    // A fresh image may lack a change of its own timestamp, so the record is read again.
    let image_is_newest = events
        .iter()
        .any(|event| after.newest() == Some(event.change.position) && event.change.position.rank == Rank::Image);
    // A change with the timestamp of the image that arrived after it may not be in the image.
    let meets_image = events.iter().any(|event| event.meets_image);
    image_is_newest && !meets_image && after.has_base() && after.unknown_paths().is_empty()
}
