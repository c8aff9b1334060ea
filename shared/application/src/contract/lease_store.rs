//! What every [`LeaseStore`] must do.

use annals_domain::timestamp::Timestamp;
use uuid::Uuid;

use super::samples::timestamp;
use crate::ports::LeaseStore;

/// Makes a test of each rule for lease stores.
#[macro_export]
macro_rules! lease_store_contract {
    ($make:path) => {
        $crate::contract_tests!(
            $make,
            $crate::contract::lease_store,
            [
                a_lease_has_one_holder,
                of_concurrent_callers_one_acquires_the_lease,
                an_expired_lease_passes_on_its_checkpoint,
                a_lost_lease_is_refused,
                a_released_lease_is_free_at_once,
                a_finished_lease_is_gone,
            ]
        );
    };
}

const WORK: &str = "rebuild client #1";
const FIRST: Uuid = Uuid::from_u128(1);
const SECOND: Uuid = Uuid::from_u128(2);

/// Acquires the lease at one second until another; its checkpoint, if it was free.
async fn acquire(store: &impl LeaseStore, token: Uuid, seconds: (i64, i64)) -> Option<Option<String>> {
    let (now, until): (Timestamp, Timestamp) = (timestamp(seconds.0), timestamp(seconds.1));
    let lease = store.acquire(WORK, token, now, until).await.expect("the store writes")?;
    assert_eq!((lease.work.as_str(), lease.token), (WORK, token));
    Some(lease.checkpoint)
}

async fn renew(store: &impl LeaseStore, token: Uuid, until: i64, checkpoint: Option<&str>) -> bool {
    store.renew(WORK, token, timestamp(until), checkpoint).await.expect("the store writes")
}

async fn checkpoint(store: &impl LeaseStore) -> Option<String> {
    store.checkpoint(WORK).await.expect("the store reads")
}

/// The holder may acquire it again; other work is free.
pub async fn a_lease_has_one_holder(store: &impl LeaseStore) {
    assert_eq!(acquire(store, FIRST, (0, 10)).await, Some(None));
    assert_eq!(acquire(store, SECOND, (9, 19)).await, None, "the first holds it until 10");
    assert_eq!(acquire(store, FIRST, (5, 20)).await, Some(None));
    assert_eq!(acquire(store, SECOND, (19, 30)).await, None, "the first holds it until 20 now");
    let other = store.acquire("other work", SECOND, timestamp(1), timestamp(9)).await.expect("the store writes");
    assert!(other.is_some());
    assert_eq!(acquire(store, FIRST, (500, 510)).await, Some(None), "nobody else acquired it after its end");
}

pub async fn of_concurrent_callers_one_acquires_the_lease(store: &impl LeaseStore) {
    let callers = (1..=8).map(|number| acquire(store, Uuid::from_u128(number), (0, 10)));
    let acquired = futures::future::join_all(callers).await.into_iter().flatten().count();
    assert_eq!(acquired, 1);
}

/// From its end on another may acquire it, with the last checkpoint. Renewing moves the end.
pub async fn an_expired_lease_passes_on_its_checkpoint(store: &impl LeaseStore) {
    assert_eq!(acquire(store, FIRST, (0, 10)).await, Some(None));
    assert!(renew(store, FIRST, 20, Some("page 7")).await);
    assert!(renew(store, FIRST, 30, None).await, "it may be renewed without a checkpoint");
    assert_eq!(acquire(store, SECOND, (29, 40)).await, None);
    assert_eq!(acquire(store, SECOND, (30, 40)).await, Some(Some("page 7".to_owned())));
}

/// A former holder can neither renew, nor release, nor finish it.
pub async fn a_lost_lease_is_refused(store: &impl LeaseStore) {
    assert!(!renew(store, FIRST, 10, Some("never held")).await);
    assert_eq!(checkpoint(store).await, None);
    acquire(store, FIRST, (0, 10)).await.expect("it is free");
    assert!(renew(store, FIRST, 10, Some("page 1")).await);
    acquire(store, SECOND, (10, 20)).await.expect("it has expired");
    assert!(!renew(store, FIRST, 99, Some("page 2")).await);
    assert!(!store.release(WORK, FIRST).await.expect("the store writes"));
    assert!(!store.finish(WORK, FIRST).await.expect("the store writes"));
    assert_eq!(checkpoint(store).await.as_deref(), Some("page 1"));
    assert_eq!(acquire(store, FIRST, (19, 30)).await, None, "the second still holds it until 20");
    assert!(renew(store, SECOND, 30, Some("page 3")).await);
}

/// Its checkpoint stays, and its former holder has no right to it.
pub async fn a_released_lease_is_free_at_once(store: &impl LeaseStore) {
    acquire(store, FIRST, (0, 10)).await.expect("it is free");
    assert!(renew(store, FIRST, 10, Some("page 1")).await);
    assert!(store.release(WORK, FIRST).await.expect("the store writes"));
    assert!(!store.release(WORK, FIRST).await.expect("the store writes"));
    assert!(!renew(store, FIRST, 20, Some("page 2")).await);
    assert_eq!(checkpoint(store).await.as_deref(), Some("page 1"));
    assert_eq!(acquire(store, SECOND, (1, 11)).await, Some(Some("page 1".to_owned())));
}

/// Its checkpoint too: the same name starts anew.
pub async fn a_finished_lease_is_gone(store: &impl LeaseStore) {
    acquire(store, FIRST, (0, 10)).await.expect("it is free");
    assert!(renew(store, FIRST, 10, Some("page 1")).await);
    assert!(store.finish(WORK, FIRST).await.expect("the store writes"));
    assert!(!store.finish(WORK, FIRST).await.expect("the store writes"));
    assert!(!renew(store, FIRST, 20, Some("page 2")).await);
    assert_eq!(checkpoint(store).await, None);
    assert_eq!(acquire(store, SECOND, (1, 11)).await, Some(None));
}
