//! The rules for leases: one holder at a time, and what it kept goes to the next.

use annals_domain::timestamp::Timestamp;
use uuid::Uuid;

use crate::contract::samples::timestamp;
use crate::ports::StateStore;

const WORK: &str = "rebuild client #1";
const FIRST: Uuid = Uuid::from_u128(1);
const SECOND: Uuid = Uuid::from_u128(2);

/// Takes the work at a second, until another: the checkpoint it came with, where it was free.
async fn take(store: &impl StateStore, token: Uuid, seconds: (i64, i64)) -> Option<Option<String>> {
    let (now, until): (Timestamp, Timestamp) = (timestamp(seconds.0), timestamp(seconds.1));
    let lease = store.take_lease(WORK, token, now, until).await.expect("the store writes")?;
    assert_eq!((lease.work.as_str(), lease.token), (WORK, token));
    Some(lease.checkpoint)
}

async fn keep(store: &impl StateStore, token: Uuid, until: i64, checkpoint: Option<&str>) -> bool {
    store.keep_lease(WORK, token, timestamp(until), checkpoint).await.expect("the store writes")
}

async fn checkpoint(store: &impl StateStore) -> Option<String> {
    store.checkpoint(WORK).await.expect("the store reads")
}

/// While one holds it no other gets it, but the holder may take it again; other work is free.
pub async fn a_lease_has_one_holder(store: &impl StateStore) {
    assert_eq!(take(store, FIRST, (0, 10)).await, Some(None));
    assert_eq!(take(store, SECOND, (9, 19)).await, None, "the first holds it until 10");
    assert_eq!(take(store, FIRST, (5, 20)).await, Some(None));
    assert_eq!(take(store, SECOND, (19, 30)).await, None, "the first holds it until 20 now");
    let other = store.take_lease("other work", SECOND, timestamp(1), timestamp(9)).await.expect("the store writes");
    assert!(other.is_some());
    assert_eq!(take(store, FIRST, (500, 510)).await, Some(None), "it is still the first's after its end");
}

/// Of takers at the same moment one wins.
pub async fn of_many_takers_one_wins(store: &impl StateStore) {
    let takers = (1..=8).map(|number| take(store, Uuid::from_u128(number), (0, 10)));
    let won = futures::future::join_all(takers).await.into_iter().flatten().count();
    assert_eq!(won, 1);
}

/// From its end on another may take it, with the last checkpoint; prolonging moves the end.
pub async fn a_lease_that_ran_out_goes_on_with_its_checkpoint(store: &impl StateStore) {
    assert_eq!(take(store, FIRST, (0, 10)).await, Some(None));
    assert!(keep(store, FIRST, 20, Some("page 7")).await);
    assert!(keep(store, FIRST, 30, None).await, "it may be prolonged alone");
    assert_eq!(take(store, SECOND, (29, 40)).await, None);
    assert_eq!(take(store, SECOND, (30, 40)).await, Some(Some("page 7".to_owned())));
}

/// Who has lost a lease can neither keep, nor release, nor finish it.
pub async fn a_lost_lease_is_refused(store: &impl StateStore) {
    assert!(!keep(store, FIRST, 10, Some("never taken")).await);
    assert_eq!(checkpoint(store).await, None);
    take(store, FIRST, (0, 10)).await.expect("it is free");
    assert!(keep(store, FIRST, 10, Some("page 1")).await);
    take(store, SECOND, (10, 20)).await.expect("it ran out");
    assert!(!keep(store, FIRST, 99, Some("page 2")).await);
    assert!(!store.release_lease(WORK, FIRST).await.expect("the store writes"));
    assert!(!store.finish_lease(WORK, FIRST).await.expect("the store writes"));
    assert_eq!(checkpoint(store).await.as_deref(), Some("page 1"));
    assert_eq!(take(store, FIRST, (19, 30)).await, None, "the second still holds it until 20");
    assert!(keep(store, SECOND, 30, Some("page 3")).await);
}

/// Released work is free at once and stands where it was; its former holder has no right to it.
pub async fn a_released_lease_is_free_at_once(store: &impl StateStore) {
    take(store, FIRST, (0, 10)).await.expect("it is free");
    assert!(keep(store, FIRST, 10, Some("page 1")).await);
    assert!(store.release_lease(WORK, FIRST).await.expect("the store writes"));
    assert!(!store.release_lease(WORK, FIRST).await.expect("the store writes"));
    assert!(!keep(store, FIRST, 20, Some("page 2")).await);
    assert_eq!(checkpoint(store).await.as_deref(), Some("page 1"));
    assert_eq!(take(store, SECOND, (1, 11)).await, Some(Some("page 1".to_owned())));
}

/// Finished work leaves nothing: the same name starts afresh.
pub async fn a_finished_lease_is_gone(store: &impl StateStore) {
    take(store, FIRST, (0, 10)).await.expect("it is free");
    assert!(keep(store, FIRST, 10, Some("page 1")).await);
    assert!(store.finish_lease(WORK, FIRST).await.expect("the store writes"));
    assert!(!store.finish_lease(WORK, FIRST).await.expect("the store writes"));
    assert!(!keep(store, FIRST, 20, Some("page 2")).await);
    assert_eq!(checkpoint(store).await, None);
    assert_eq!(take(store, SECOND, (1, 11)).await, Some(None));
}
