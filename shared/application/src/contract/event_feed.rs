//! What every feed of events must do, on the store whose events it feeds.

use annals_domain::identity::EntityKey;
use annals_domain::position::EventId;
use futures::future::join_all;

use super::event_store::append_all;
use super::samples::{key, next_event, stream};
use crate::ports::{CommitPosition, EventFeed, EventStore};

/// Makes a test of each rule for feeds.
#[macro_export]
macro_rules! event_feed_contract {
    ($make:path) => {
        $crate::contract_tests!(
            $make,
            $crate::contract::event_feed,
            [
                an_empty_store_feeds_nothing,
                events_are_fed_in_the_order_of_their_commits,
                a_feed_resumes_behind_any_position,
                a_refused_event_is_not_fed,
                no_event_appears_before_one_that_was_fed,
                the_checkpoint_never_moves_back,
                the_last_commit_is_the_last_event,
            ]
        );
    };
}

async fn fed(feed: &impl EventFeed, after: CommitPosition, limit: usize) -> Vec<(CommitPosition, EventId)> {
    let events = feed.after(after, limit).await.expect("the feed reads");
    events.into_iter().map(|(position, stored)| (position, stored.event.event_id())).collect()
}

/// Without events there is nothing to feed, nothing committed, and the checkpoint is at the start.
pub async fn an_empty_store_feeds_nothing<S: EventStore + EventFeed>(store: &S) {
    assert!(fed(store, CommitPosition::default(), 10).await.is_empty());
    assert_eq!(store.last_commit().await.expect("the feed reads"), None);
    assert_eq!(store.checkpoint().await.expect("the feed reads"), CommitPosition::default());
}

/// Call by call, and inside one call in its order; whole events, as stored.
pub async fn events_are_fed_in_the_order_of_their_commits<S: EventStore + EventFeed>(store: &S) {
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

/// Behind each position come exactly the events after it, up to the limit.
pub async fn a_feed_resumes_behind_any_position<S: EventStore + EventFeed>(store: &S) {
    append_all(store, &stream(&key("a"), 10)).await;
    let all = fed(store, CommitPosition::default(), 100).await;
    assert_eq!(all.len(), 10);
    for (index, (position, _)) in all.iter().enumerate() {
        let end = (index + 4).min(all.len());
        assert_eq!(fed(store, *position, 3).await, all[index + 1..end]);
    }
    assert!(fed(store, CommitPosition::default(), 0).await.is_empty());
}

/// Only what was stored is fed.
pub async fn a_refused_event_is_not_fed<S: EventStore + EventFeed>(store: &S) {
    let key = key("a");
    append_all(store, &stream(&key, 1)).await;
    let refused = store.append(vec![next_event(&key, None, "late")]).await;
    assert!(refused[0].is_err());
    assert_eq!(fed(store, CommitPosition::default(), 10).await.len(), 1);
}

/// While writers append, a reader that resumes behind what it saw misses none.
pub async fn no_event_appears_before_one_that_was_fed<S: EventStore + EventFeed>(store: &S) {
    let keys: Vec<EntityKey> = (0..8).map(|number| key(&format!("k{number}"))).collect();
    let writers = join_all(keys.iter().map(|key| async move {
        for event in stream(key, 20) {
            append_all(store, &[event]).await;
        }
    }));
    let reader = async {
        let (mut seen, mut at) = (Vec::new(), CommitPosition::default());
        while seen.len() < 160 {
            for (position, id) in fed(store, at, 7).await {
                at = position;
                seen.push(id);
            }
        }
        seen
    };
    let (_, seen) = futures::future::join(writers, reader).await;
    let all: Vec<_> = fed(store, CommitPosition::default(), 1000).await.into_iter().map(|(_, id)| id).collect();
    assert_eq!(seen, all);
}

/// The checkpoint keeps the highest position it was given.
pub async fn the_checkpoint_never_moves_back<S: EventStore + EventFeed>(store: &S) {
    for (to, expected) in [(5, 5), (3, 5), (5, 5), (9, 9)] {
        store.advance(CommitPosition(to)).await.expect("the feed writes");
        assert_eq!(store.checkpoint().await.expect("the feed reads"), CommitPosition(expected));
    }
}

/// The last commit names the last event's position and when it was recorded.
pub async fn the_last_commit_is_the_last_event<S: EventStore + EventFeed>(store: &S) {
    let events = stream(&key("a"), 3);
    for stored in &events {
        append_all(store, std::slice::from_ref(stored)).await;
        let last = fed(store, CommitPosition::default(), 10).await.last().map(|(position, _)| *position);
        let expected = last.map(|position| (position, stored.event.recorded_at));
        assert_eq!(store.last_commit().await.expect("the feed reads"), expected);
    }
}
