//! The loaded state of a record is the fold of its whole stream, regardless of the stored snapshots.

use std::num::NonZeroU64;
use std::sync::Arc;

use annals_application::ports::{EventStore, ReadOptions, Snapshot, SnapshotStore};
use annals_application::projection::StateLoader;
use annals_domain::aggregate::Aggregate;
use annals_domain::position::Version;
use annals_sqlite::{Database, SqliteEventStore, SqliteStateStore};
use annals_tests::crm::Account;
use annals_tests::process::TestProcess;
use annals_tests::random::Random;

const EVENTS: usize = 130;

/// The state of the record before any event and after each event.
async fn states(test: &TestProcess, store: &SqliteEventStore) -> Vec<Aggregate> {
    let mut random = Random::new(5);
    let mut account = Account::new("001000000000001AAA");
    let mut deliveries = vec![account.create(&mut random)];
    deliveries.extend((1..EVENTS).map(|_| account.update(&mut random)));
    let read = &test.deliver(deliveries).await[0][0];
    let key = annals_tests::process::key_of(read);
    let events = store.read(&key, &ReadOptions::from(Version::FIRST, EVENTS)).await.expect("the store reads");
    let metadata = &events[0].event.metadata;
    let mut states = vec![Aggregate::new(key, metadata.provider, metadata.external_id.clone())];
    for stored in &events {
        let change = test.process.adapters.read_event(&stored.event.input()).expect("a stored event is readable");
        let mut state = states[states.len() - 1].clone();
        state.apply(stored.event.version, &change);
        states.push(state);
    }
    states
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_does_not_depend_on_the_stored_snapshots() {
    let test = TestProcess::new().await;
    let store = SqliteEventStore::new(Database::open(&test.settings.db).unwrap());
    let states = states(&test, &store).await;
    let key = states[0].key().clone();
    for (number, snapshots) in [&[][..], &[50, 100], &[51, 103, 129], &[7], &[120]].into_iter().enumerate() {
        let database = Database::open(&test.folder().join(format!("snapshots-{number}.db"))).unwrap();
        let kept: Arc<dyn SnapshotStore> = Arc::new(SqliteStateStore::new(database));
        let snapshot = |version: &usize| {
            let state = states[*version].clone();
            Snapshot { recorded_at: state.newest().unwrap().timestamp, state }
        };
        kept.put(snapshots.iter().map(snapshot).collect()).await.unwrap();
        for interval in [1, 50, 1_000] {
            let snapshot_interval = NonZeroU64::new(interval).unwrap();
            let adapters = &test.process.adapters;
            let loader = StateLoader { store: &store, snapshots: &*kept, adapters, snapshot_interval };
            for version in [1, 2, 49, 50, 51, 100, 101, 129, EVENTS] {
                let loaded = loader.load(&key, Version::new(version as u64)).await.unwrap();
                assert!(loaded == states[version], "version {version}, snapshots {snapshots:?} each {interval}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn loading_a_version_that_is_not_in_the_store_fails() {
    let test = TestProcess::new().await;
    let store = SqliteEventStore::new(Database::open(&test.settings.db).unwrap());
    let states = states(&test, &store).await;
    let none = SqliteStateStore::new(Database::open(&test.folder().join("none.db")).unwrap());
    let (adapters, snapshot_interval) = (&test.process.adapters, NonZeroU64::new(50).unwrap());
    let loader = StateLoader { store: &store, snapshots: &none, adapters, snapshot_interval };
    for version in [EVENTS + 1, 2 * EVENTS] {
        let loaded = loader.load(states[0].key(), Version::new(version as u64)).await;
        assert!(format!("{loaded:?}").contains("is not in the store"), "{version}: {loaded:?}");
    }
}
