//! The rules for event feeds. The adapter is the event store and its feed.

use annals_domain::identity::EntityKey;
use annals_domain::position::EventId;
use futures::future::join_all;

use super::event_store::append_all;
use super::samples::{key, next_event, stream};
use crate::ports::{CommitPosition, EventFeed, EventStore, FeedConsumer};

/// Defines a test for each rule.
#[macro_export]
macro_rules! event_feed_contract {
    ($make:path) => {
        $crate::contract_tests!(
            $make,
            $crate::contract::event_feed,
            [
                an_empty_store_has_an_empty_feed,
                events_come_in_commit_order,
                a_feed_resumes_after_any_position,
                a_refused_event_is_not_in_the_feed,
                no_event_appears_before_one_already_read,
                a_checkpoint_never_moves_back,
                each_consumer_has_a_checkpoint_of_its_own,
                the_last_commit_is_the_last_event,
            ]
        );
    };
}

async fn read(feed: &impl EventFeed, after: CommitPosition, limit: usize) -> Vec<(CommitPosition, EventId)> {
    let events = feed.after(after, limit).await.expect("the feed reads");
    events.into_iter().map(|(position, stored)| (position, stored.event.event_id())).collect()
}

/// There is no event and no last commit, and the checkpoint is at the start.
pub async fn an_empty_store_has_an_empty_feed<S: EventStore + EventFeed>(store: &S) {
    assert!(read(store, CommitPosition::default(), 10).await.is_empty());
    assert_eq!(store.last_commit().await.expect("the feed reads"), None);
    for consumer in [FeedConsumer::ReadModel, FeedConsumer::Publisher] {
        assert_eq!(store.checkpoint(consumer).await.expect("the feed reads"), CommitPosition::default());
    }
}

/// The order of the calls, and inside one call the order of its events. Events are as stored.
pub async fn events_come_in_commit_order<S: EventStore + EventFeed>(store: &S) {
    let (a, b) = (stream(&key("a"), 3), stream(&key("b"), 2));
    let expected = [a[0].clone(), b[0].clone(), a[1].clone(), b[1].clone(), a[2].clone()];
    append_all(store, &expected[..2]).await;
    append_all(store, &expected[2..]).await;
    let (positions, events): (Vec<_>, Vec<_>) =
        store.after(CommitPosition::default(), 10).await.expect("the feed reads").into_iter().unzip();
    assert_eq!(events, expected);
    assert!(positions.is_sorted_by(|one, next| one < next), "{positions:?}");
    assert!(positions[0] > CommitPosition::default());
}

/// After each position come exactly the next events, up to the limit.
pub async fn a_feed_resumes_after_any_position<S: EventStore + EventFeed>(store: &S) {
    append_all(store, &stream(&key("a"), 10)).await;
    let all = read(store, CommitPosition::default(), 100).await;
    assert_eq!(all.len(), 10);
    for (index, (position, _)) in all.iter().enumerate() {
        let end = (index + 4).min(all.len());
        assert_eq!(read(store, *position, 3).await, all[index + 1..end]);
    }
    assert!(read(store, CommitPosition::default(), 0).await.is_empty());
}

/// Only stored events are in the feed.
pub async fn a_refused_event_is_not_in_the_feed<S: EventStore + EventFeed>(store: &S) {
    let key = key("a");
    append_all(store, &stream(&key, 1)).await;
    let refused = store.append(vec![next_event(&key, None, "late")]).await;
    assert!(refused[0].is_err());
    assert_eq!(read(store, CommitPosition::default(), 10).await.len(), 1);
}

/// A reader that resumes after the last event it read misses none, while writers append.
pub async fn no_event_appears_before_one_already_read<S: EventStore + EventFeed>(store: &S) {
    let keys: Vec<EntityKey> = (0..8).map(|number| key(&format!("k{number}"))).collect();
    let writers = join_all(keys.iter().map(|key| async move {
        for event in stream(key, 20) {
            append_all(store, &[event]).await;
        }
    }));
    let reader = async {
        let (mut ids, mut at) = (Vec::new(), CommitPosition::default());
        while ids.len() < 160 {
            for (position, id) in read(store, at, 7).await {
                at = position;
                ids.push(id);
            }
        }
        ids
    };
    let (_, ids) = futures::future::join(writers, reader).await;
    let all: Vec<_> = read(store, CommitPosition::default(), 1000).await.into_iter().map(|(_, id)| id).collect();
    assert_eq!(ids, all);
}

/// The checkpoint is the highest position that it was advanced to.
pub async fn a_checkpoint_never_moves_back<S: EventStore + EventFeed>(store: &S) {
    let consumer = FeedConsumer::ReadModel;
    for (to, expected) in [(5, 5), (3, 5), (5, 5), (9, 9)] {
        store.advance(consumer, CommitPosition(to)).await.expect("the feed writes");
        assert_eq!(store.checkpoint(consumer).await.expect("the feed reads"), CommitPosition(expected));
    }
}

/// Moving one leaves the other where it is.
pub async fn each_consumer_has_a_checkpoint_of_its_own<S: EventStore + EventFeed>(store: &S) {
    let (read_model, publisher) = (FeedConsumer::ReadModel, FeedConsumer::Publisher);
    for (consumer, to, expected) in [(read_model, 7, [7, 0]), (publisher, 3, [7, 3]), (read_model, 8, [8, 3])] {
        store.advance(consumer, CommitPosition(to)).await.expect("the feed writes");
        for (consumer, expected) in [read_model, publisher].into_iter().zip(expected) {
            assert_eq!(store.checkpoint(consumer).await.expect("the feed reads"), CommitPosition(expected));
        }
    }
}

/// The last commit is the position of the last event and the time at which it was recorded.
pub async fn the_last_commit_is_the_last_event<S: EventStore + EventFeed>(store: &S) {
    let events = stream(&key("a"), 3);
    for stored in &events {
        append_all(store, std::slice::from_ref(stored)).await;
        let last = read(store, CommitPosition::default(), 10).await.last().map(|(position, _)| *position);
        let expected = last.map(|position| (position, stored.event.recorded_at));
        assert_eq!(store.last_commit().await.expect("the feed reads"), expected);
    }
}
