//! The newest event that arrived late, which a head keeps.

use annals_domain::event::EventType;
use annals_domain::position::Version;
use annals_domain::stream_head::StreamHead;
use annals_domain::testing::{at, updated};
use proptest::prelude::*;

fn after(head: Option<&StreamHead>, seconds: i64) -> StreamHead {
    let version = head.map_or(Version::FIRST, |head| head.version.next());
    StreamHead::after(head, EventType::Updated, &updated(seconds).change(), version, at(0))
}

fn head(seconds: &[i64]) -> StreamHead {
    let head = seconds.iter().fold(None, |head: Option<StreamHead>, seconds| Some(after(head.as_ref(), *seconds)));
    head.expect("a stream with events")
}

/// A head as an earlier release stored it.
fn earlier(head: &StreamHead) -> StreamHead {
    let mut json = serde_json::to_value(head).expect("a head has a JSON form");
    json.as_object_mut().expect("an object").remove("o");
    serde_json::from_value(json).expect("the field is optional")
}

#[track_caller]
fn check(seconds: &[i64], newest_late: u64) {
    assert_eq!(head(seconds).newest_late().get(), newest_late, "{seconds:?}");
}

#[test]
fn an_event_with_an_earlier_timestamp_than_one_before_it_is_late() {
    check(&[1], 0);
    check(&[1, 2, 2, 3], 0);
    check(&[1, 3, 2], 3);
    check(&[5, 1, 2, 6, 7], 3);
    check(&[5, 1, 6, 4, 4, 7], 5);
}

#[test]
fn where_an_earlier_release_did_not_note_it_every_event_may_be_late() {
    let stored = earlier(&head(&[1, 2, 3]));
    assert_eq!(stored.newest_late().get(), 3);
    let next = after(Some(&stored), 4);
    assert_eq!((next.newest_late().get(), after(Some(&next), 5).newest_late().get()), (3, 3));
    assert_eq!(after(Some(&next), 3).newest_late().get(), 5);
}

proptest! {
    #[test]
    fn no_event_after_it_is_below_an_earlier_one(seconds in prop::collection::vec(0_i64..9, 1..12)) {
        let newest_late = usize::try_from(head(&seconds).newest_late().get()).expect("small");
        let is_late = |version: usize| seconds[..version].iter().max().is_some_and(|highest| seconds[version] < *highest);
        prop_assert!((newest_late..seconds.len()).all(|version| !is_late(version)));
        prop_assert!(newest_late == 0 || is_late(newest_late - 1));
    }
}
