//! The rules for event stores.

use std::sync::Arc;

use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use annals_domain::stream_head::StreamHead;
use futures::future::join_all;

pub use super::event_search::{
    a_search_finds_a_change_among_very_many_of_one_timestamp,
    a_search_finds_each_stored_change_in_whatever_order_they_arrived, a_search_of_several_streams_answers_each,
    a_search_tells_whether_an_image_of_the_timestamp_is_stored,
};
pub use super::samples::append_all;
use super::samples::{intricate_event, key, key_of, next_event, stream, timestamp};
use crate::ports::{AppendError, Direction, EventStore, ReadOptions, StoredInput};

/// Defines a test for each rule.
#[macro_export]
macro_rules! event_store_contract {
    ($make:path) => {
        $crate::contract_tests!(
            $make,
            $crate::contract::event_store,
            [
                a_conflict_reports_the_stored_event,
                a_repeated_append_conflicts_with_its_own_event,
                a_failed_event_stops_only_its_own_stream,
                streams_of_one_call_may_be_interleaved,
                an_empty_append_has_no_results,
                events_are_read_in_both_directions,
                events_are_read_by_version_range_and_limit,
                events_are_read_by_time_range,
                a_read_ends_after_the_event_that_reaches_its_bytes,
                equal_ids_of_different_objects_are_different_streams,
                an_event_is_read_exactly_as_it_was_stored,
                inputs_are_those_of_the_events,
                a_read_of_inputs_ends_after_the_one_that_reaches_its_bytes,
                heads_are_returned_in_the_order_of_the_keys,
                a_stream_has_events_once_its_first_is_stored,
                a_long_stream_is_read_completely,
                a_search_finds_each_stored_change_in_whatever_order_they_arrived,
                a_search_finds_a_change_among_very_many_of_one_timestamp,
                a_search_tells_whether_an_image_of_the_timestamp_is_stored,
                a_search_of_several_streams_answers_each,
                concurrent_writers_lose_no_event,
            ]
        );
    };
}

/// The versions that a read returns.
async fn versions(store: &impl EventStore, key: &EntityKey, options: &ReadOptions) -> Vec<u64> {
    let events = store.read(key, options).await.expect("the store reads");
    events.iter().map(|stored| stored.event.version.get()).collect()
}

/// A conflict has the id and head of the stored event, whether newer events follow it or not.
pub async fn a_conflict_reports_the_stored_event(store: &impl EventStore) {
    let key = key("a");
    let events = stream(&key, 3);
    append_all(store, &events).await;
    for taken in &events {
        let previous = taken.event.version.get().checked_sub(2).map(|index| {
            let index = usize::try_from(index).expect("a small version");
            &events[index].head
        });
        let late = next_event(&key, previous, "late");
        let results = store.append(vec![late]).await;
        let [Err(AppendError::Conflict { event_id, head })] = &results[..] else {
            panic!("expected a conflict: {results:?}")
        };
        assert_eq!((*event_id, &**head), (taken.event.event_id(), &taken.head));
    }
    let stored = store.read(&key, &ReadOptions::from(Version::FIRST, 9)).await.expect("the store reads");
    assert_eq!(stored, events, "a refused event must not be stored");
}

/// A writer whose response was lost repeats the append, and recognises its own event.
pub async fn a_repeated_append_conflicts_with_its_own_event(store: &impl EventStore) {
    let events = stream(&key("a"), 1);
    append_all(store, &events).await;
    let results = store.append(events.clone()).await;
    let [Err(AppendError::Conflict { event_id, .. })] = &results[..] else {
        panic!("expected a conflict: {results:?}")
    };
    assert_eq!(*event_id, events[0].event.event_id());
}

/// Later events of the same stream are not tried; other streams of the call are stored.
pub async fn a_failed_event_stops_only_its_own_stream(store: &impl EventStore) {
    let (failing, other) = (key("failing"), key("other"));
    let stored = stream(&failing, 2);
    append_all(store, &stored).await;
    let second = next_event(&failing, Some(&stored[0].head), "other second");
    let third = next_event(&failing, Some(&second.head), "other third");
    let fourth = next_event(&failing, Some(&third.head), "other fourth");
    let mut call = vec![second, third, fourth];
    call.extend(stream(&other, 2));
    let results = store.append(call).await;
    let shown: Vec<_> = results
        .iter()
        .map(|result| match result {
            Ok(()) => "stored",
            Err(AppendError::Conflict { .. }) => "conflict",
            Err(AppendError::NotTried) => "not tried",
            Err(AppendError::NotApplied(_)) => "not applied",
            Err(AppendError::OutcomeUnknown(_)) => "unknown",
        })
        .collect();
    assert_eq!(shown, ["conflict", "not tried", "not tried", "stored", "stored"]);
    assert_eq!(versions(store, &failing, &ReadOptions::from(Version::FIRST, 9)).await, [1, 2]);
    assert_eq!(versions(store, &other, &ReadOptions::from(Version::FIRST, 9)).await, [1, 2]);
}

/// The streams of a call may alternate; the events of each stream are in version order.
pub async fn streams_of_one_call_may_be_interleaved(store: &impl EventStore) {
    let keys: Vec<_> = (0..30).map(|number| key(&format!("k{number}"))).collect();
    let streams: Vec<_> = keys.iter().map(|key| stream(key, 4)).collect();
    let call: Vec<_> = (0..4).flat_map(|version| streams.iter().map(move |s| s[version].clone())).collect();
    append_all(store, &call).await;
    for (key, events) in keys.iter().zip(&streams) {
        let stored = store.read(key, &ReadOptions::from(Version::FIRST, 9)).await.expect("the store reads");
        assert_eq!(&stored, events);
    }
}

/// An empty call has an empty result, and so does a read of an unknown stream.
pub async fn an_empty_append_has_no_results(store: &impl EventStore) {
    assert!(store.append(Vec::new()).await.is_empty());
    assert!(store.heads(&[]).await.expect("the store reads").is_empty());
    assert!(versions(store, &key("nobody"), &ReadOptions::from(Version::FIRST, 9)).await.is_empty());
}

/// Ascending from the lowest version, or descending from the highest.
pub async fn events_are_read_in_both_directions(store: &impl EventStore) {
    let key = key("a");
    append_all(store, &stream(&key, 5)).await;
    let up = ReadOptions::from(Version::FIRST, 9);
    assert_eq!(versions(store, &key, &up).await, [1, 2, 3, 4, 5]);
    assert_eq!(versions(store, &key, &ReadOptions::back_from(None, 9)).await, [5, 4, 3, 2, 1]);
    let down = ReadOptions { direction: Direction::Descending, ..up };
    assert_eq!(versions(store, &key, &down).await, [5, 4, 3, 2, 1]);
}

/// Version ranges include both ends. The limit counts from the end at which the read begins.
pub async fn events_are_read_by_version_range_and_limit(store: &impl EventStore) {
    let key = key("a");
    append_all(store, &stream(&key, 6)).await;
    let range =
        |from, to| ReadOptions { to_version: Some(Version::new(to)), ..ReadOptions::from(Version::new(from), 9) };
    let back = |from, limit| ReadOptions::back_from(Some(Version::new(from)), limit);
    let table: [(ReadOptions, &[u64]); 9] = [
        (range(2, 4), &[2, 3, 4]),
        (range(3, 3), &[3]),
        (range(4, 3), &[]),
        (range(0, 99), &[1, 2, 3, 4, 5, 6]),
        (ReadOptions::from(Version::new(7), 9), &[]),
        (ReadOptions::from(Version::new(2), 2), &[2, 3]),
        (ReadOptions::from(Version::FIRST, 0), &[]),
        (back(4, 2), &[4, 3]),
        (back(99, 1), &[6]),
    ];
    for (options, expected) in table {
        assert_eq!(versions(store, &key, &options).await, expected, "{options:?}");
    }
}

/// Time ranges refer to the CRM's commit timestamps and include both ends.
pub async fn events_are_read_by_time_range(store: &impl EventStore) {
    let key = key("a");
    append_all(store, &stream(&key, 5)).await;
    let range = |from: Option<i64>, to: Option<i64>| ReadOptions {
        from_time: from.map(timestamp),
        to_time: to.map(timestamp),
        ..ReadOptions::from(Version::FIRST, 9)
    };
    let table: [(ReadOptions, &[u64]); 6] = [
        (range(Some(2), Some(4)), &[2, 3, 4]),
        (range(Some(4), None), &[4, 5]),
        (range(None, Some(1)), &[1]),
        (range(Some(6), None), &[]),
        // The limit counts the returned events, not the events that were examined.
        (ReadOptions { limit: 1, ..range(Some(3), None) }, &[3]),
        (ReadOptions { direction: Direction::Descending, limit: 2, ..range(None, Some(3)) }, &[3, 2]),
    ];
    for (options, expected) in table {
        assert_eq!(versions(store, &key, &options).await, expected, "{options:?}");
    }
}

/// The bytes are those of the events' data as they were stored. The first event is returned whatever its size.
pub async fn a_read_ends_after_the_event_that_reaches_its_bytes(store: &impl EventStore) {
    let key = key("a");
    let events = stream(&key, 5);
    append_all(store, &events).await;
    let size = |count: usize| events[..count].iter().map(|stored| stored.event.data.len()).sum::<usize>();
    let up = |max_bytes| ReadOptions { max_bytes, ..ReadOptions::from(Version::FIRST, 9) };
    let table: [(ReadOptions, &[u64]); 7] = [
        (up(0), &[1]),
        (up(size(1)), &[1]),
        (up(size(1) + 1), &[1, 2]),
        (up(size(3)), &[1, 2, 3]),
        (up(size(5) + 1), &[1, 2, 3, 4, 5]),
        (ReadOptions { limit: 2, ..up(size(3)) }, &[1, 2]),
        (ReadOptions { direction: Direction::Descending, ..up(1) }, &[5]),
    ];
    for (options, expected) in table {
        assert_eq!(versions(store, &key, &options).await, expected, "{options:?}");
    }
}

/// The object is part of the key.
pub async fn equal_ids_of_different_objects_are_different_streams(store: &impl EventStore) {
    let account = key("a");
    let contact = EntityKey { entity_name: key_of("Contact", "a").entity_name, ..account.clone() };
    append_all(store, &stream(&account, 2)).await;
    append_all(store, &stream(&contact, 1)).await;
    assert_eq!(versions(store, &account, &ReadOptions::from(Version::FIRST, 9)).await, [1, 2]);
    assert_eq!(versions(store, &contact, &ReadOptions::from(Version::FIRST, 9)).await, [1]);
}

/// Every byte of the data, commit numbers above 2^53, all metadata, the warnings and the head.
pub async fn an_event_is_read_exactly_as_it_was_stored(store: &impl EventStore) {
    let (rich, plain) = (intricate_event(&key("rich")), stream(&key("plain"), 1).remove(0));
    for event in [rich, plain] {
        append_all(store, std::slice::from_ref(&event)).await;
        let key = event.event.key();
        let stored = store.read(&key, &ReadOptions::from(Version::FIRST, 1)).await.expect("the store reads");
        assert_eq!(stored, std::slice::from_ref(&event));
        assert_eq!(store.heads(&[key]).await.expect("the store reads"), [Some(event.head)]);
    }
}

/// One head for each key; `None` for a key without a stream. A key may occur twice.
pub async fn heads_are_returned_in_the_order_of_the_keys(store: &impl EventStore) {
    let keys: Vec<_> = (0..150).map(|number| key(&format!("k{number}"))).collect();
    let streams: Vec<_> = keys.iter().step_by(2).map(|key| stream(key, 2)).collect();
    append_all(store, &streams.concat()).await;
    let asked: Vec<_> = keys.iter().chain([&keys[0], &keys[1]]).cloned().collect();
    let heads = store.heads(&asked).await.expect("the store reads");
    let head = |index: usize| index.is_multiple_of(2).then(|| streams[index / 2][1].head.clone());
    let expected: Vec<Option<StreamHead>> = (0..150).chain([0, 1]).map(head).collect();
    assert_eq!(heads, expected);
}

pub async fn a_stream_has_events_once_its_first_is_stored(store: &impl EventStore) {
    let keys: Vec<_> = (0..250).map(|number| key(&format!("k{number}"))).collect();
    let streams: Vec<_> = keys.iter().step_by(3).map(|key| stream(key, 2)).collect();
    append_all(store, &streams.concat()).await;
    let expected: Vec<bool> = (0..250_usize).map(|index| index.is_multiple_of(3)).collect();
    assert_eq!(store.have_events(&keys).await.expect("the store reads"), expected);
    assert_eq!(store.have_events(&[]).await.expect("the store reads"), [true; 0]);
}

/// Whatever an event has, its input is read without the rest; a range beyond the end has fewer.
pub async fn inputs_are_those_of_the_events(store: &impl EventStore) {
    let event = intricate_event(&key("a"));
    let key = event.event.key();
    append_all(store, std::slice::from_ref(&event)).await;
    append_all(store, &[next_event(&key, Some(&event.head), "next")]).await;
    let events = store.read(&key, &ReadOptions::from(Version::FIRST, usize::MAX)).await.expect("the store reads");
    let expected: Vec<_> = events.iter().map(|stored| StoredInput::from(&*stored.event)).collect();
    let newest = event.event.version.next();
    for (from, to) in
        [(Version::FIRST, newest), (Version::FIRST, newest.next()), (newest, newest), (newest.next(), newest)]
    {
        let options = ReadOptions { to_version: Some(to), ..ReadOptions::from(from, usize::MAX) };
        let inputs = store.read_inputs(&key, &options).await.expect("the store reads");
        // The record may be missing in a read that starts after the first event.
        let lacks_record = from > Version::FIRST && inputs.iter().all(|input| input.record.is_none());
        let mut in_range: Vec<_> = expected.clone();
        in_range.retain(|input| from <= input.version && input.version <= to);
        in_range.iter_mut().filter(|_| lacks_record).for_each(|input| input.record = None);
        assert_eq!(inputs, in_range, "{from} to {to}");
    }
}

/// As for whole events.
pub async fn a_read_of_inputs_ends_after_the_one_that_reaches_its_bytes(store: &impl EventStore) {
    let key = key("a");
    let events = stream(&key, 5);
    append_all(store, &events).await;
    let size = |count: usize| events[..count].iter().map(|stored| stored.event.data.len()).sum::<usize>();
    let newest = events[4].event.version;
    for (max_bytes, expected) in
        [(0, 1), (1, 1), (size(1), 1), (size(1) + 1, 2), (size(3), 3), (size(5), 5), (size(5) + 1, 5)]
    {
        let range = ReadOptions { to_version: Some(newest), ..ReadOptions::from(Version::FIRST, usize::MAX) };
        let inputs = store.read_inputs(&key, &ReadOptions { max_bytes, ..range }).await.expect("the store reads");
        let in_bytes = events[..expected].iter().map(|stored| StoredInput::from(&*stored.event));
        assert!(inputs.iter().cloned().eq(in_bytes), "{max_bytes}: {inputs:?}");
    }
}

/// 10,000 events of more than 1 MB are read at once and page by page, and the stream can be continued.
pub async fn a_long_stream_is_read_completely(store: &impl EventStore) {
    let key = key("long");
    let mut events = stream(&key, 10_000);
    for stored in &mut events {
        let mut event = (*stored.event).clone();
        event.data = format!(r#"{{"n":{},"text":"{}"}}"#, event.version, "x".repeat(200)).into();
        stored.event = Arc::new(event);
    }
    for batch in events.chunks(500) {
        append_all(store, batch).await;
    }
    let whole = store.read(&key, &ReadOptions::from(Version::FIRST, 20_000)).await.expect("the store reads");
    assert!(whole == events, "{} events differ from the stored ones", whole.len());
    let mut paged = 0;
    while let Some(first) = events.get(paged) {
        let page = store.read(&key, &ReadOptions::from(first.event.version, 700)).await.expect("the store reads");
        assert!(page[..] == events[paged..(paged + 700).min(events.len())], "the page after {paged} events differs");
        paged += page.len();
    }
    let next = next_event(&key, events.last().map(|last| &last.head), "one more");
    append_all(store, &[next]).await;
}

/// 16 writers append 25 events each to one stream: the versions are 1 to 400, each event once.
pub async fn concurrent_writers_lose_no_event(store: &impl EventStore) {
    let key = key("hot");
    join_all((0..16).map(|writer| write_through_conflicts(store, &key, writer))).await;
    let events = store.read(&key, &ReadOptions::from(Version::FIRST, 1000)).await.expect("the store reads");
    let versions: Vec<u64> = events.iter().map(|stored| stored.event.version.get()).collect();
    assert_eq!(versions, (1..=400).collect::<Vec<_>>());
    let mut ids: Vec<_> = events.iter().map(|stored| stored.event.event_id()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 400);
}

/// Appends with the simplest retry loop: a conflict brings the head for the next attempt.
async fn write_through_conflicts(store: &impl EventStore, key: &EntityKey, writer: usize) {
    let mut head: Option<StreamHead> = None;
    for number in 0..25 {
        loop {
            let event = next_event(key, head.as_ref(), &format!("writer {writer} event {number}"));
            let stored = event.head.clone();
            match store.append(vec![event]).await.remove(0) {
                Ok(()) => {
                    head = Some(stored);
                    break;
                }
                Err(AppendError::Conflict { head: taken, .. }) => head = Some(*taken),
                Err(other) => panic!("writer {writer}: {other:?}"),
            }
        }
    }
}
