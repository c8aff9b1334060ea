//! Streams of more than one page: a page of DynamoDB has at most 1 MB.

use annals_application::contract::samples::{key, next_event, stream, timestamp};
use annals_application::ports::{Direction, EventStore, ReadOptions, StoredEvent};
use annals_domain::position::Version;

use crate::tables::{noise, store, with_data};

/// 40 events of 100 KB that do not compress well: about 3 MB, at least four pages.
fn large_stream() -> Vec<StoredEvent> {
    let events = stream(&key("large"), 40);
    events.iter().zip(1..).map(|(stored, seed)| with_data(stored, &noise(100_000, seed))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_read_continues_after_a_page() {
    let (store, _table) = store().await;
    let events = large_stream();
    for result in store.append(events.clone()).await {
        result.expect("the version is free");
    }
    let all = ReadOptions::from(Version::FIRST, 1000);
    let down = ReadOptions::back_from(None, 1000);
    let times = ReadOptions { from_time: Some(timestamp(5)), to_time: Some(timestamp(38)), ..all.clone() };
    let table: [(ReadOptions, Vec<u64>); 7] = [
        (all.clone(), (1..=40).collect()),
        (down.clone(), (1..=40).rev().collect()),
        (ReadOptions { limit: 33, ..all.clone() }, (1..=33).collect()),
        (ReadOptions { limit: 33, ..down }, (8..=40).rev().collect()),
        (ReadOptions { from_version: Version::new(3), to_version: Some(Version::new(39)), ..all }, (3..=39).collect()),
        (times.clone(), (5..=38).collect()),
        (ReadOptions { direction: Direction::Descending, limit: 20, ..times }, (19..=38).rev().collect()),
    ];
    for (options, versions) in table {
        let read = store.read(&key("large"), &options).await.expect("the store reads");
        let expected: Vec<_> = versions.iter().map(|version| &events[*version as usize - 1]).collect();
        assert!(read.iter().eq(expected), "{options:?}");
    }
    let heads = store.heads(&[key("large")]).await.expect("the store reads");
    assert_eq!(heads, [Some(events[39].head.clone())]);
}

/// Each attribute takes time to read, and whoever starts after the first event has the record from a snapshot.
#[tokio::test(flavor = "multi_thread")]
async fn inputs_have_their_record_only_if_the_read_starts_at_the_first_event() {
    let (store, _table) = store().await;
    store.append(stream(&key("a"), 3)).await;
    for (from, has_record) in [(1, true), (2, false), (3, false)] {
        let options = ReadOptions::from(Version::new(from), 9);
        let inputs = store.read_inputs(&key("a"), &options).await.expect("the store reads");
        assert!(!inputs.is_empty() && inputs.iter().all(|input| input.record.is_some() == has_record), "{inputs:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_that_ends_before_it_begins_is_empty() {
    let (store, _table) = store().await;
    let events = stream(&key("a"), 3);
    store.append(events).await;
    let all = ReadOptions::from(Version::FIRST, 9);
    let wrong_way_round = [
        ReadOptions { from_version: Version::new(3), to_version: Some(Version::new(2)), ..all.clone() },
        ReadOptions { from_time: Some(timestamp(3)), to_time: Some(timestamp(2)), ..all },
    ];
    for options in wrong_way_round {
        assert!(store.read(&key("a"), &options).await.expect("not an error").is_empty(), "{options:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_before_an_appended_event_is_not_checked() {
    let (store, _table) = store().await;
    let first = next_event(&key("hole"), None, "first");
    let second = next_event(&key("hole"), Some(&first.head), "second");
    store.append(vec![second.clone()]).await.remove(0).expect("its version is free");
    let read = store.read(&key("hole"), &ReadOptions::from(Version::FIRST, 9)).await.expect("the store reads");
    assert_eq!(read, [second]);
}
