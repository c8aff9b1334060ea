//! What every [`SnapshotStore`] must do.

use annals_domain::aggregate::Aggregate;
use annals_domain::change::{CreationTime, FieldWrite, Lifecycle, WriteContent};
use annals_domain::identity::{EntityKey, ExternalId, Provider};
use annals_domain::path::Path;
use annals_domain::position::Version;
use annals_domain::text_diff::TextDiff;
use serde_json::{Value, json};

use super::samples::{change, key, position, timestamp};
use crate::ports::SnapshotStore;

/// Makes a test of each rule for snapshot stores.
#[macro_export]
macro_rules! snapshot_store_contract {
    ($make:path) => {
        $crate::contract_tests!(
            $make,
            $crate::contract::snapshot_store,
            [
                the_newest_snapshot_at_or_below_a_version_is_found,
                a_snapshot_comes_back_exactly,
                a_snapshot_may_be_put_again,
            ]
        );
    };
}

fn snapshot(key: &EntityKey, version: u64) -> Aggregate {
    let mut aggregate = Aggregate::new(key.clone(), Provider::Salesforce, ExternalId::new("001"));
    let seconds = i64::try_from(version).expect("a small version");
    aggregate.apply(Version::new(version), &change(position(seconds, &format!("event {version}"))));
    aggregate
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

/// Values, differences, unknown leaves, exact numbers, lifecycle: the whole state.
pub async fn a_snapshot_comes_back_exactly(store: &impl SnapshotStore) {
    let key = key("a");
    let mut aggregate = snapshot(&key, 1);
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
    store.put(vec![aggregate.clone()]).await.expect("the store writes");
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
