//! What a stream's head tells of a change: that it is new, that it is a duplicate, or that the stored events must be
//! searched; and what a search can rely on.

use annals_domain::event::EventType;
use annals_domain::position::{Position, Version};
use annals_domain::stream_head::{Admission, StreamHead};
use annals_domain::testing::{ChangeBuilder, at, created, image, updated};

const NEW: Option<Admission> = Some(Admission::New { at_image: false });
const DUPLICATE: Option<Admission> = Some(Admission::Duplicate);
const SEARCH: Option<Admission> = None;

const DAY: i64 = 24 * 60 * 60;

/// The positions of those changes and the heads after them, stored at that second.
fn stored_at(now: i64, changes: impl IntoIterator<Item = ChangeBuilder>) -> Vec<(Position, StreamHead)> {
    let mut stored: Vec<(_, StreamHead)> = Vec::new();
    for change in changes {
        let change = change.change();
        let head = stored.last().map(|(_, head)| head);
        let version = head.map_or(Version::FIRST, |head| head.version.next());
        let after = StreamHead::after(head, EventType::Updated, &change, version, at(now));
        stored.push((change.position, after));
    }
    stored
}

#[track_caller]
fn check(stored: &[ChangeBuilder], arrives: ChangeBuilder, expected: Option<Admission>) {
    let stream = stored_at(0, stored.iter().cloned());
    let position = arrives.change().position;
    assert_eq!(StreamHead::admit(stream.last().map(|(_, head)| head), &position), expected);
}

#[test]
fn a_later_timestamp_is_new_without_a_search() {
    check(&[], created(1), NEW);
    check(&[created(1)], updated(2), NEW);
}

#[test]
fn at_the_heads_timestamp_the_head_decides() {
    check(&[created(1), updated(2)], updated(2), DUPLICATE);
    check(&[created(1), updated(2)], updated(2).numbered(9), NEW);
    check(&[created(1), image(2)], updated(2), Some(Admission::New { at_image: true }));
    check(&[created(1), image(1), updated(2)], updated(2).numbered(9), NEW);
}

#[test]
fn an_earlier_timestamp_is_searched_for() {
    check(&[created(1), updated(5)], updated(4), SEARCH);
    check(&[created(1), updated(5)], created(1), SEARCH);
}

#[test]
fn a_head_lists_32_changes_of_one_timestamp_and_more_are_searched_for() {
    let burst = |changes: i64| (0..changes).map(|number| updated(5).numbered(number)).collect::<Vec<_>>();
    check(&burst(32), updated(5).numbered(31), DUPLICATE);
    check(&burst(32), updated(5).numbered(77), NEW);
    check(&burst(33), updated(5).numbered(31), DUPLICATE);
    check(&burst(33), updated(5).numbered(32), SEARCH);
    check(&burst(33), updated(5).numbered(77), SEARCH);
}

#[test]
fn a_change_more_than_a_day_ahead_does_not_make_later_changes_late() {
    let far = DAY + 1;
    check(&[created(1), updated(far), updated(3)], updated(4), NEW);
    check(&[created(1), updated(far), updated(3)], updated(3), DUPLICATE);
    check(&[updated(far)], created(1), NEW);
    // A day is not too far.
    check(&[created(1), updated(DAY), updated(3)], updated(4), SEARCH);
}

#[test]
fn what_may_repeat_a_change_ahead_of_the_clock_is_searched_for() {
    let stored = [created(1), updated(2 * DAY), updated(9 * DAY), updated(3)];
    for (arrives, expected) in
        [(2 * DAY - 1, NEW), (2 * DAY, SEARCH), (5 * DAY, SEARCH), (9 * DAY, SEARCH), (9 * DAY + 1, NEW)]
    {
        check(&stored, updated(arrives), expected);
    }
}

#[test]
fn a_head_that_reaches_a_timestamp_ahead_cannot_tell_a_repeated_change() {
    let ahead = stored_at(0, [created(1), updated(2 * DAY)]).remove(1).1;
    let reaching = updated(2 * DAY).numbered(7).change();
    let head = StreamHead::after(Some(&ahead), EventType::Updated, &reaching, ahead.version.next(), at(2 * DAY));
    let admit = |change: ChangeBuilder| StreamHead::admit(Some(&head), &change.change().position);
    assert_eq!(admit(updated(2 * DAY).numbered(7)), DUPLICATE);
    assert_eq!(admit(updated(2 * DAY)), SEARCH);
    assert_eq!(admit(updated(2 * DAY + 1)), NEW, "what was ahead is before the head now");
}

#[test]
fn what_the_head_has_reached_is_no_longer_ahead() {
    let ahead = stored_at(0, [created(1), updated(2 * DAY)]).remove(1).1;
    let store = |head: &StreamHead, change: ChangeBuilder| {
        let version = head.version.next();
        StreamHead::after(Some(head), EventType::Updated, &change.change(), version, at(2 * DAY))
    };
    let reached = store(&ahead, updated(2 * DAY).numbered(7));
    let head = store(&reached, updated(9 * DAY));
    let admit = |second: i64| StreamHead::admit(Some(&head), &updated(second).change().position);
    assert_eq!((admit(5 * DAY), admit(9 * DAY)), (NEW, SEARCH));
}

/// For each event: the last head whose highest timestamp is not after its own lists it, or the event is unlisted.
#[test]
fn an_event_is_listed_by_the_last_head_not_after_it_or_it_is_unlisted() {
    let burst = (0..40).map(|number| updated(7).numbered(number));
    let others = [created(5), updated(3), updated(5).numbered(2), image(6), updated(4), updated(4 * DAY), updated(6)];
    let stream = stored_at(0, others.into_iter().chain(burst).chain([updated(2), updated(8)]));
    let highest: Vec<_> = stream.iter().map(|(_, head)| head.highest()).collect();
    assert!(highest.is_sorted(), "a search by halving relies on it");
    let mut unlisted = Vec::new();
    for (index, (position, own_head)) in stream.iter().enumerate() {
        let last = stream.iter().rev().find(|(_, head)| head.highest() <= position.timestamp);
        let is_listed = last.is_some_and(|(_, head)| head.lists(position));
        assert_eq!(is_listed, own_head.lists(position), "event {index}");
        if !is_listed {
            unlisted.push(index);
        }
        assert_eq!(own_head.has_unlisted, !unlisted.is_empty(), "event {index}");
    }
    let late = [1, 4, 5];
    let beyond_32 = 39..47;
    assert_eq!(unlisted, late.into_iter().chain(beyond_32).chain([47]).collect::<Vec<_>>());
}
