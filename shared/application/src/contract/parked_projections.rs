//! What every [`ParkedProjections`] must do.

use annals_domain::identity::EntityKey;
use annals_domain::position::Version;

use super::samples::{key, timestamp};
use crate::ports::{ParkedProjection, ParkedProjections};

/// Makes a test of each rule for lists of parked projections.
#[macro_export]
macro_rules! parked_projections_contract {
    ($make:path) => {
        $crate::contract_tests!(
            $make,
            $crate::contract::parked_projections,
            [
                the_parked_versions_of_a_record_become_one_range,
                parked_records_are_counted_up_to_a_limit,
                a_record_parked_again_moves_to_the_end,
                unparked_versions_are_removed,
            ]
        );
    };
}

fn parked(name: &str, versions: (u64, u64), at: i64) -> ParkedProjection {
    ParkedProjection {
        key: key(name),
        from_version: Version::new(versions.0),
        to_version: Version::new(versions.1),
        reason: format!("parked at {at}"),
        parked_at: timestamp(at),
    }
}

/// The time of the first parking stays.
pub async fn the_parked_versions_of_a_record_become_one_range(store: &impl ParkedProjections) {
    for versions in [parked("a", (5, 7), 10), parked("a", (9, 9), 20), parked("a", (3, 4), 30)] {
        store.park(versions).await.expect("the store writes");
    }
    let found = store.oldest(9).await.expect("the store reads");
    let [one] = &found[..] else { panic!("{found:?} is not one record") };
    assert_eq!((one.from_version.get(), one.to_version.get(), one.parked_at), (3, 9, timestamp(10)));
    assert_eq!(one.reason, "parked at 30", "the newest reason stays");
}

/// Records are counted once each, up to the limit.
pub async fn parked_records_are_counted_up_to_a_limit(store: &impl ParkedProjections) {
    for (name, at) in ["a", "b", "c", "d", "e"].into_iter().zip(1..) {
        store.park(parked(name, (1, 2), at)).await.expect("the store writes");
        store.park(parked(name, (3, 4), at)).await.expect("the store writes");
    }
    for (at_most, expected) in [(0, 0), (1, 1), (4, 4), (5, 5), (9, 5)] {
        assert_eq!(store.count(at_most).await.expect("the store reads"), expected, "at most {at_most}");
    }
    store.unpark(&key("a"), Version::new(9)).await.expect("the store writes");
    assert_eq!(store.count(9).await.expect("the store reads"), 4);
}

/// The record that was parked longest ago comes first. Parking it again moves it, even if nothing else
/// changes.
pub async fn a_record_parked_again_moves_to_the_end(store: &impl ParkedProjections) {
    for (name, at) in [("c", 10), ("a", 20), ("b", 30)] {
        store.park(parked(name, (1, 2), at)).await.expect("the store writes");
    }
    let names = async |limit| -> Vec<EntityKey> {
        let found = store.oldest(limit).await.expect("the store reads");
        found.into_iter().map(|parked| parked.key).collect()
    };
    assert_eq!(names(2).await, ["c", "a"].map(key));
    store
        .park(ParkedProjection { reason: "parked at 10".to_owned(), ..parked("c", (1, 2), 40) })
        .await
        .expect("it writes");
    assert_eq!(names(9).await, ["a", "b", "c"].map(key));
    store.park(parked("a", (3, 4), 50)).await.expect("the store writes");
    assert_eq!(names(9).await, ["b", "c", "a"].map(key));
    let since: Vec<_> = store.oldest(9).await.expect("the store reads").iter().map(|parked| parked.parked_at).collect();
    assert_eq!(since, [30, 10, 20].map(timestamp), "the time of the first parking does not change");
}

/// The record is removed with its last version, and does not move before. Unparking a record that is
/// not parked is no error.
pub async fn unparked_versions_are_removed(store: &impl ParkedProjections) {
    let [a, b] = [("a", 10), ("b", 20)].map(|(name, at)| parked(name, (3, 9), at));
    for record in [&a, &b] {
        store.park(record.clone()).await.expect("the store writes");
    }
    let unpark = async |name, up_to| store.unpark(&key(name), Version::new(up_to)).await.expect("the store writes");
    for (up_to, from) in [(2, 3), (5, 6), (4, 6), (8, 9)] {
        unpark("a", up_to).await;
        let left = ParkedProjection { from_version: Version::new(from), ..a.clone() };
        assert_eq!(store.oldest(9).await.expect("the store reads"), [left, b.clone()], "up to {up_to}");
    }
    for name in ["a", "nobody"] {
        unpark(name, 9).await;
    }
    assert_eq!(store.oldest(9).await.expect("the store reads"), [b]);
}
