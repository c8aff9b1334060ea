//! Duplicates: what the stream head decides, and where the search through stored events stops.

use annals_domain::event::EventType;
use annals_domain::position::Version;
use annals_domain::stream_head::{Admission, DuplicateSearch, StreamHead};
use annals_domain::testing::{ChangeBuilder, at, created, image, updated};

const NEW: Admission = Admission::New { at_image: false };

/// The stream's positions and heads after those changes.
fn stream(changes: impl IntoIterator<Item = ChangeBuilder>) -> Vec<(annals_domain::position::Position, StreamHead)> {
    let mut stored: Vec<(_, StreamHead)> = Vec::new();
    for change in changes {
        let change = change.change();
        let head = stored.last().map(|(_, head)| head);
        let version = head.map_or(Version::FIRST, |head| head.version.next());
        let after = StreamHead::after(head, EventType::Updated, &change, version, at(0));
        stored.push((change.position, after));
    }
    stored
}

#[track_caller]
fn check(stored: &[ChangeBuilder], arrives: ChangeBuilder, expected: Admission, events_met: usize) {
    let stream = stream(stored.iter().cloned());
    let position = arrives.change().position;
    let mut met = 0;
    let admission = StreamHead::admit(stream.last().map(|(_, head)| head), &position).unwrap_or_else(|| {
        let mut search = DuplicateSearch::new(position);
        let answer = stream.iter().rev().find_map(|(stored, head)| {
            met += 1;
            search.visit(stored, head)
        });
        answer.unwrap_or_else(|| search.finish())
    });
    assert_eq!((admission, met), (expected, events_met));
}

#[test]
fn a_later_timestamp_is_new_without_a_search() {
    check(&[], created(1), NEW, 0);
    check(&[created(1)], updated(2), NEW, 0);
}

#[test]
fn at_the_heads_timestamp_the_head_decides() {
    check(&[created(1), updated(2)], updated(2), Admission::Duplicate, 0);
    check(&[created(1), updated(2)], updated(2).numbered(9), NEW, 0);
    check(&[created(1), image(2)], updated(2), Admission::New { at_image: true }, 0);
}

#[test]
fn a_search_stops_at_the_changes_own_timestamp() {
    let stored: Vec<_> = std::iter::once(created(1)).chain((2..40).map(updated)).collect();
    check(&stored, updated(38), Admission::Duplicate, 2);
    check(&stored, updated(38).numbered(1), NEW, 3);
    check(&stored, created(1), Admission::Duplicate, 39);
}

#[test]
fn a_search_finds_a_duplicate_that_arrived_late() {
    let stored = [created(1), updated(9), updated(3), updated(10)];
    check(&stored, updated(3), Admission::Duplicate, 2);
    check(&stored, image(9), NEW, 4);
}

#[test]
fn more_changes_of_one_timestamp_than_a_head_lists_are_searched_for() {
    let stored: Vec<_> = (0..40).map(|sequence| updated(5).numbered(sequence)).collect();
    check(&stored, updated(5).numbered(39), Admission::Duplicate, 1);
    check(&stored, updated(5).numbered(0), Admission::Duplicate, 0);
    check(&stored, updated(5).numbered(77), NEW, 40);
}
