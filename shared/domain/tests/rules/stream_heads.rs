//! What a head knows of the stream up to it: the base, the newest lifecycle, and the events at the highest timestamp.

use annals_domain::event::EventType;
use annals_domain::position::Version;
use annals_domain::stream_head::{BaseKind, StreamHead};
use annals_domain::testing::{
    ChangeBuilder, at, created, deleted, gap, image, restored_in_part, restored_whole, updated,
};

const DAY: i64 = 24 * 60 * 60;

/// The head of a stream with those changes, stored at second 0.
fn head(changes: impl IntoIterator<Item = ChangeBuilder>) -> StreamHead {
    let next = |head: Option<StreamHead>, change: ChangeBuilder| {
        let incoming = change.incoming();
        let version = head.as_ref().map_or(Version::FIRST, |head| head.version.next());
        Some(StreamHead::after(head.as_ref(), incoming.event_type, &incoming.change, version, at(0)))
    };
    changes.into_iter().fold(None, next).expect("a stream with events")
}

#[test]
fn the_base_is_the_first_event_that_states_the_whole_record() {
    for (changes, base) in [
        (vec![updated(1)], None),
        (vec![restored_in_part(1), gap(2), deleted(3)], None),
        (vec![created(1)], Some(BaseKind::Created)),
        (vec![restored_whole(1)], Some(BaseKind::Restored)),
        (vec![image(1)], Some(BaseKind::Image)),
        (vec![updated(2), created(1), image(3)], Some(BaseKind::Created)),
        (vec![image(3), created(1), restored_whole(4)], Some(BaseKind::Image)),
    ] {
        assert_eq!(head(changes.clone()).base, base, "{changes:?}");
    }
}

#[test]
fn a_deletion_is_before_what_is_later_than_it_until_a_newer_lifecycle_arrives() {
    for (changes, at_second, expected) in [
        (vec![created(1)], 9, false),
        (vec![created(1), deleted(5)], 4, false),
        (vec![created(1), deleted(5)], 5, false),
        (vec![created(1), deleted(5)], 6, true),
        (vec![created(1), deleted(5), updated(3)], 6, true),
        (vec![created(1), deleted(5), restored_whole(5)], 6, false),
        (vec![created(1), deleted(5), restored_whole(7)], 9, false),
    ] {
        assert_eq!(head(changes.clone()).is_deleted_before(at(at_second)), expected, "{changes:?} at {at_second}");
    }
}

#[test]
fn an_event_is_the_only_newest_if_no_other_has_its_timestamp_or_a_higher_one() {
    let is_only_newest =
        |changes: Vec<ChangeBuilder>, change: ChangeBuilder| head(changes).is_only_newest(&change.change().position);
    let burst = || (0..33).map(|number| updated(5).numbered(number)).collect::<Vec<_>>();
    assert!(is_only_newest(vec![created(1), updated(5)], updated(5)));
    assert!(is_only_newest(vec![updated(5), created(1)], updated(5)));
    assert!(!is_only_newest(vec![created(1), updated(5)], created(1)));
    assert!(!is_only_newest(vec![created(1), updated(5)], updated(5).numbered(2)));
    assert!(!is_only_newest(vec![updated(5), updated(5).numbered(2)], updated(5)));
    assert!(!is_only_newest(burst(), updated(5).numbered(0)));
}

#[test]
fn it_is_not_known_that_an_event_is_the_only_newest_where_one_was_ahead_of_the_clock() {
    let ahead = head([created(1), updated(2 * DAY)]);
    let reaching = updated(2 * DAY).numbered(7).change();
    let head = StreamHead::after(Some(&ahead), EventType::Updated, &reaching, ahead.version.next(), at(2 * DAY));
    assert!(!head.is_only_newest(&reaching.position));
}

#[test]
fn all_changes_are_before_what_is_later_than_the_highest_of_them() {
    for (changes, second, expected) in [
        (vec![created(1), updated(5)], 5, false),
        (vec![created(1), updated(5)], 6, true),
        (vec![updated(5), created(1)], 4, false),
        (vec![created(1), updated(2 * DAY)], 2 * DAY, false),
        (vec![created(1), updated(2 * DAY)], 2 * DAY + 1, true),
        (vec![created(1), updated(3 * DAY), updated(2 * DAY)], 2 * DAY + 1, false),
    ] {
        assert_eq!(head(changes.clone()).is_before(at(second)), expected, "{changes:?} at {second}");
    }
}

#[test]
fn an_image_is_known_at_the_highest_timestamp_only() {
    for (changes, second, expected) in [
        (vec![created(1), image(5)], 5, true),
        (vec![image(5), updated(5)], 5, true),
        (vec![created(1), updated(5)], 5, false),
        (vec![image(5), updated(6)], 6, false),
        (vec![image(5), updated(6)], 5, false),
        (vec![updated(6), image(5)], 6, false),
        (vec![created(1), image(5)], 6, false),
    ] {
        assert_eq!(head(changes.clone()).has_image_at(at(second)), expected, "{changes:?} at {second}");
    }
}

#[test]
fn a_stream_is_recorded_in_rising_order_though_the_clock_goes_back() {
    let head = head([created(1)]);
    assert_eq!(head.recorded_at, at(0));
    assert_eq!(StreamHead::next_recorded_at(None, at(-5)), at(-5));
    assert_eq!(StreamHead::next_recorded_at(Some(&head), at(-5)), at(0));
    assert_eq!(StreamHead::next_recorded_at(Some(&head), at(5)), at(5));
}

#[test]
fn a_head_is_stored_with_short_names_and_without_what_is_as_usual() {
    let json = |changes: Vec<ChangeBuilder>| serde_json::to_value(head(changes)).expect("a head has a JSON form");
    let ids = |changes: &[ChangeBuilder]| -> Vec<String> {
        changes.iter().map(|change| change.clone().change().position.event_id.to_string()).collect()
    };
    let millis = |second: i64| at(second).millis();
    assert_eq!(
        json(vec![created(1)]),
        serde_json::json!({
            "v": 1, "a": millis(0), "b": "c", "l": {"t": millis(1), "s": "active"}, "h": millis(1),
            "i": ids(&[created(1)]), "o": 0,
        })
    );
    assert_eq!(
        json(vec![image(2), deleted(1), updated(DAY + 1)]),
        serde_json::json!({
            "v": 3, "a": millis(0), "b": "i", "l": {"t": millis(DAY + 1), "s": "active"}, "h": millis(2),
            "i": ids(&[image(2)]), "g": true, "x": true, "f": {"f": millis(DAY + 1), "t": millis(DAY + 1)}, "o": 2,
        })
    );
}
