//! The rules for searching an event store for changes.

use std::sync::Arc;

use annals_domain::event::{DomainEvent, EventType};
use annals_domain::identity::EntityKey;
use annals_domain::position::{EventId, Position, Rank, Version};
use annals_domain::stream_head::{Admission, StreamHead};

use super::samples::{append_all, change, key, metadata, position, timestamp};
use crate::ports::{DuplicateSearch, EventStore, StoredEvent};

const NEW: Admission = Admission::New { at_image: false };
const BESIDE_IMAGE: Admission = Admission::New { at_image: true };

/// The second that the samples of this suite are stored in.
const NOW: i64 = 100_000;
const DAY: i64 = 24 * 60 * 60;

/// A change of that second, named by its number.
fn at(seconds: i64, number: usize) -> Position {
    position(seconds, &format!("{seconds}/{number}"))
}

fn image_at(seconds: i64, rank: Rank) -> Position {
    let event_id = EventId::of(&["image", &seconds.to_string()]);
    Position { rank, event_id, ..at(seconds, 0) }
}

/// The stream of changes at these positions, in that order of arrival.
fn stream_of(key: &EntityKey, positions: &[Position]) -> Vec<StoredEvent> {
    let mut head: Option<StreamHead> = None;
    let mut next = |at: &Position| {
        let version = head.as_ref().map_or(Version::FIRST, |head| head.version.next());
        let event_type = if head.is_none() { EventType::Created } else { EventType::Updated };
        let position = Position { kind: event_type.kind(at.rank), ..*at };
        let event = DomainEvent {
            aggregate_id: key.aggregate_id,
            entity_name: key.entity_name.clone(),
            event_type,
            version,
            position,
            recorded_at: timestamp(NOW),
            data: "{}".into(),
            metadata: metadata(),
            warnings: Vec::new(),
        };
        let after = StreamHead::after(head.as_ref(), event_type, &change(position), version, event.recorded_at);
        head = Some(after.clone());
        StoredEvent { event: Arc::new(event), head: after }
    };
    positions.iter().map(&mut next).collect()
}

/// Stores a stream of changes that arrive in this order, and returns its last head.
async fn store_all(store: &impl EventStore, key: &EntityKey, positions: &[Position]) -> StreamHead {
    let events = stream_of(key, positions);
    for batch in events.chunks(500) {
        append_all(store, batch).await;
    }
    events.last().expect("there is an event").head.clone()
}

async fn search(store: &impl EventStore, key: &EntityKey, head: &StreamHead, sought: &[Position]) -> Vec<Admission> {
    let search = |position: &Position| DuplicateSearch { key: key.clone(), position: *position, head: head.clone() };
    let searches: Vec<_> = sought.iter().map(search).collect();
    store.search(&searches).await.expect("the store reads")
}

/// Searched for together and one by one.
async fn check(store: &impl EventStore, key: &EntityKey, head: &StreamHead, sought: &[Position], expected: Admission) {
    let together = search(store, key, head, sought).await;
    assert!(together.iter().all(|found| *found == expected), "expected {expected:?}: {together:?}");
    for position in sought.iter().step_by(1 + sought.len() / 8) {
        assert_eq!(search(store, key, head, std::slice::from_ref(position)).await, [expected], "{position:?}");
    }
}

/// Oldest first, newest first, and in no order; with a change of a century later among them, or without.
pub async fn a_search_finds_each_stored_change_in_whatever_order_they_arrived(store: &impl EventStore) {
    let seconds: Vec<i64> = (1..=300).collect();
    let newest_first: Vec<i64> = seconds.iter().rev().copied().collect();
    let shuffled: Vec<i64> = (1..=300).map(|number| number * 101 % 307 + 1).collect();
    for (name, order) in [("oldest first", seconds), ("newest first", newest_first), ("shuffled", shuffled)] {
        for far_ahead in [None, Some(NOW + 100 * 365 * DAY)] {
            let mut positions: Vec<Position> = order.iter().map(|second| at(*second, 1)).collect();
            positions.extend(far_ahead.map(|second| at(second, 1)));
            positions.rotate_right(1);
            let key = key(&format!("{name} {far_ahead:?}"));
            let head = store_all(store, &key, &positions).await;
            check(store, &key, &head, &positions, Admission::Duplicate).await;
            let others: Vec<Position> = positions.iter().map(|position| at(position_seconds(position), 2)).collect();
            check(store, &key, &head, &others, NEW).await;
            check(store, &key, &head, &[at(-5, 1)], NEW).await;
        }
    }
}

fn position_seconds(position: &Position) -> i64 {
    (position.timestamp.millis() - timestamp(0).millis()) / 1000
}

/// More than a head lists, and more than a page of an index has.
pub async fn a_search_finds_a_change_among_very_many_of_one_timestamp(store: &impl EventStore) {
    let key = key("burst");
    let burst = |second, numbers: std::ops::Range<usize>| numbers.map(move |number| at(second, number));
    let positions: Vec<Position> =
        [at(1, 0)].into_iter().chain(burst(5, 0..100)).chain([at(9, 0)]).chain(burst(5, 100..200)).collect();
    let head = store_all(store, &key, &positions).await;
    check(store, &key, &head, &positions, Admission::Duplicate).await;
    check(store, &key, &head, &burst(5, 200..220).collect::<Vec<_>>(), NEW).await;
}

/// Whether the image arrived in order, late, or among very many changes.
pub async fn a_search_tells_whether_an_image_of_the_timestamp_is_stored(store: &impl EventStore) {
    let key = key("images");
    let mut positions = vec![at(1, 0), image_at(2, Rank::Image), at(3, 0), at(8, 0)];
    positions.extend([image_at(4, Rank::FreshImage), image_at(5, Rank::Image)]);
    positions.extend((0..60).map(|number| at(5, number)));
    positions.extend((0..60).map(|number| at(6, number)));
    positions.extend([at(9, 0)]);
    let head = store_all(store, &key, &positions).await;
    let cases = [(1, NEW), (2, BESIDE_IMAGE), (3, NEW), (4, BESIDE_IMAGE), (5, BESIDE_IMAGE), (6, NEW), (7, NEW)];
    for (second, expected) in cases {
        check(store, &key, &head, &[at(second, 1_000)], expected).await;
    }
    let many: Vec<Position> = (2_000..2_050).map(|number| at(5, number)).collect();
    check(store, &key, &head, &many, BESIDE_IMAGE).await;
    let images = [image_at(2, Rank::Image), image_at(4, Rank::FreshImage), image_at(5, Rank::Image)];
    check(store, &key, &head, &images, Admission::Duplicate).await;
}

/// Searches of one call may be of different streams.
pub async fn a_search_of_several_streams_answers_each(store: &impl EventStore) {
    let keys: Vec<EntityKey> = (0..20).map(|number| key(&format!("k{number}"))).collect();
    let mut searches = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        let head = store_all(store, key, &[at(1, number), at(9, number), at(5, number)]).await;
        for position in [at(5, number), at(5, number + 1), at(1, number)] {
            searches.push(DuplicateSearch { key: key.clone(), position, head: head.clone() });
        }
    }
    searches.sort_by_key(|search| search.position.event_id);
    let expected = |search: &DuplicateSearch| {
        let number = keys.iter().position(|key| *key == search.key).expect("one of the keys");
        let stored = [at(5, number), at(1, number)].iter().any(|at| at.event_id == search.position.event_id);
        if stored { Admission::Duplicate } else { NEW }
    };
    let expected: Vec<Admission> = searches.iter().map(expected).collect();
    assert_eq!(store.search(&searches).await.expect("the store reads"), expected);
    assert!(store.search(&[]).await.expect("the store reads").is_empty());
}
