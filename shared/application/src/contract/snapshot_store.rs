//! What every [`SnapshotStore`] must do.

use annals_domain::aggregate::Aggregate;
use annals_domain::change::{CreationTime, FieldWrite, Lifecycle, WriteContent};
use annals_domain::identity::{EntityKey, ExternalId, Provider};
use annals_domain::path::Path;
use annals_domain::position::Version;
use annals_domain::text_diff::TextDiff;
use serde_json::{Value, json};

use super::samples::{change, key, position, timestamp};
use crate::ports::{PortError, Snapshot, SnapshotStore};

/// Makes a test of each rule for snapshot stores.
#[macro_export]
macro_rules! snapshot_store_contract {
    ($make:path) => {
        $crate::contract_tests!(
            $make,
            $crate::contract::snapshot_store,
            [
                the_newest_snapshot_at_or_below_a_version_is_found,
                snapshots_are_found_by_both_clocks,
                a_snapshot_comes_back_exactly,
                a_snapshot_may_be_put_again,
            ]
        );
    };
}

/// With one event, of that many seconds, recorded a thousand seconds later.
pub(super) fn snapshot(key: &EntityKey, version: u64) -> Snapshot {
    let seconds = i64::try_from(version).expect("a small version");
    snapshot_at(key, version, seconds, seconds + 1_000)
}

fn snapshot_at(key: &EntityKey, version: u64, seconds: i64, recorded: i64) -> Snapshot {
    let mut state = Aggregate::new(key.clone(), Provider::Salesforce, ExternalId::new("001"));
    state.apply(Version::new(version), &change(position(seconds, &format!("event {version}"))));
    Snapshot { state, recorded_at: timestamp(recorded) }
}

async fn snapshot_version(store: &impl SnapshotStore, key: &EntityKey, at_most: u64) -> Option<u64> {
    let found = store.newest(key, Version::new(at_most)).await.expect("the store reads");
    found.map(|aggregate| aggregate.version().get())
}

/// The newest that is not above the version asked for, of that record alone.
pub async fn the_newest_snapshot_at_or_below_a_version_is_found(store: &impl SnapshotStore) {
    let (a, b) = (key("a"), key("b"));
    let snapshots = [50, 150, 100].map(|version| snapshot(&a, version));
    store.put(snapshots.to_vec()).await.expect("the store writes");
    store.put(vec![snapshot(&b, 120)]).await.expect("the store writes");
    let table = [(49, None), (50, Some(50)), (99, Some(50)), (149, Some(100)), (u64::MAX >> 1, Some(150))];
    for (at_most, expected) in table {
        assert_eq!(snapshot_version(store, &a, at_most).await, expected, "at most {at_most}");
    }
    assert_eq!(snapshot_version(store, &key("c"), 999).await, None);
}

/// By the newest timestamp of their events and by when the last of them was stored, both inclusive. Neither clock need
/// move between two snapshots: the newest version counts then.
pub async fn snapshots_are_found_by_both_clocks(store: &impl SnapshotStore) {
    let (a, b) = (key("a"), key("b"));
    let at = [(50, 10, 100), (100, 20, 100), (150, 20, 300), (200, 30, 300)];
    let snapshots = at.map(|(version, seconds, recorded)| snapshot_at(&a, version, seconds, recorded));
    store.put(snapshots.to_vec()).await.expect("the store writes");
    store.put(vec![snapshot_at(&b, 70, -5_000_000_000, 0)]).await.expect("the store writes");
    let version = |found: Result<Option<Aggregate>, PortError>| {
        found.expect("the store reads").map(|state| state.version().get())
    };
    for (seconds, expected) in
        [(9, None), (10, Some(50)), (19, Some(50)), (20, Some(150)), (29, Some(150)), (30, Some(200))]
    {
        assert_eq!(version(store.newest_as_of(&a, timestamp(seconds)).await), expected, "as of {seconds}");
    }
    for (seconds, expected) in [(99, None), (100, Some(100)), (299, Some(100)), (300, Some(200)), (999, Some(200))] {
        assert_eq!(version(store.newest_known_at(&a, timestamp(seconds)).await), expected, "known at {seconds}");
    }
    assert_eq!(version(store.newest_as_of(&b, timestamp(-5_000_000_000)).await), Some(70));
    assert_eq!(version(store.newest_as_of(&b, timestamp(-5_000_000_001)).await), None);
    assert_eq!(version(store.newest_known_at(&key("c"), timestamp(999)).await), None);
}

/// Values, differences, unknown leaves, exact numbers, lifecycle: the whole state.
pub async fn a_snapshot_comes_back_exactly(store: &impl SnapshotStore) {
    let key = key("a");
    let Snapshot { state: mut aggregate, recorded_at } = snapshot(&key, 1);
    let exact: Value = serde_json::from_str("[1778192987716501506, 1.10, 1e400, null]").expect("plain JSON");
    let diff = format!("--- \n+++ {}\n@@ -1,1 +1,1 @@\n-old\n+new", "0a".repeat(32));
    let diff = TextDiff::recognise(&diff).expect("it has a diff's header");
    let contents = [
        ("Name", WriteContent::Value(json!("Crème\r\n\u{0}\"🦀\""))),
        ("Numbers__c", WriteContent::Value(exact)),
        ("BillingAddress.Country", WriteContent::Unknown),
        ("Description", WriteContent::Diff(diff)),
    ];
    let mut rich = change(position(2, "rich"));
    rich.lifecycle = Some(Lifecycle::Deleted);
    rich.creation = Some(CreationTime::Stated(timestamp(-5)));
    rich.writes = contents.map(|(path, content)| FieldWrite { path: Path::new(path), content }).into();
    aggregate.apply(Version::new(2), &rich);
    store.put(vec![Snapshot { state: aggregate.clone(), recorded_at }]).await.expect("the store writes");
    let found = store.newest(&key, Version::new(2)).await.expect("the store reads");
    assert_eq!(found, Some(aggregate));
}

/// The same snapshot again changes nothing; none at all is fine.
pub async fn a_snapshot_may_be_put_again(store: &impl SnapshotStore) {
    let key = key("a");
    for _ in 0..2 {
        store.put(vec![snapshot(&key, 50)]).await.expect("the store writes");
    }
    store.put(Vec::new()).await.expect("the store writes");
    assert_eq!(snapshot_version(store, &key, 50).await, Some(50));
}
