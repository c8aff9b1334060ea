//! The loaded state of a record is the fold of its whole stream, regardless of the stored snapshots.

use std::num::NonZeroU64;
use std::sync::Arc;

use annals_application::ports::{EventStore, ReadOptions, Snapshot, SnapshotStore};
use annals_application::projection::{StateLoader, StreamFolder, StreamRebuildReport, StreamRebuilder};
use annals_domain::aggregate::Aggregate;
use annals_domain::position::Version;
use annals_sqlite::{Database, SqliteEventStore, SqliteStateStore};
use annals_tests::changes::change;
use annals_tests::crm::{Account, Delivery};
use annals_tests::process::TestProcess;
use annals_tests::random::Random;
use serde_json::Value;

const EVENTS: usize = 130;
const LARGE_EVENTS: usize = 7;

fn random_changes() -> Vec<Delivery> {
    let mut random = Random::new(5);
    let mut account = Account::new("001000000000001AAA");
    let mut deliveries = vec![account.create(&mut random)];
    deliveries.extend((1..EVENTS).map(|_| account.update(&mut random)));
    deliveries
}

/// Changes of 900 kB each.
fn large_changes() -> Vec<Delivery> {
    let large = |round: usize| {
        let mut event = change(round, 0);
        let payload = &mut event["detail"]["payload"];
        payload["Description"] = round.to_string().repeat(900_000).into();
        if round > 0 {
            let changed = payload["ChangeEventHeader"]["changedFields"].as_array_mut();
            changed.expect("an update names its fields").push(Value::from("Description"));
        }
        Delivery::Event(event.to_string().into())
    };
    (0..LARGE_EVENTS).map(large).collect()
}

/// The state of the record before any change and after each of them.
async fn states(test: &TestProcess, store: &SqliteEventStore, deliveries: Vec<Delivery>) -> Vec<Aggregate> {
    let count = deliveries.len();
    let read = &test.deliver(deliveries).await[0][0];
    let key = annals_tests::process::key_of(read);
    let events = store.read(&key, &ReadOptions::from(Version::FIRST, count)).await.expect("the store reads");
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
async fn an_input_without_its_record_is_folded_only_after_others() {
    let test = TestProcess::new().await;
    let store = SqliteEventStore::new(Database::open(&test.settings.db).unwrap());
    let states = states(&test, &store, random_changes()).await;
    let key = states[0].key().clone();
    let mut inputs = store.read_inputs(&key, &ReadOptions::from(Version::FIRST, 2)).await.unwrap();
    inputs[1].record = None;
    let mut folder = StreamFolder::new(&test.process.adapters, None);
    let error = folder.fold_input(&key, &inputs[1]).expect_err("nothing names its record");
    assert!(
        error.to_string().ends_with("the id of its record is not known: the events before it were not read"),
        "{error}"
    );
    assert!(folder.state().is_none());
    for input in &inputs {
        folder.fold_input(&key, input).expect("the first event names the record");
    }
    assert_eq!(folder.state(), Some(&states[2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_does_not_depend_on_the_stored_snapshots() {
    let test = TestProcess::new().await;
    let store = SqliteEventStore::new(Database::open(&test.settings.db).unwrap());
    let states = states(&test, &store, random_changes()).await;
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
    let states = states(&test, &store, random_changes()).await;
    let none = SqliteStateStore::new(Database::open(&test.folder().join("none.db")).unwrap());
    let (adapters, snapshot_interval) = (&test.process.adapters, NonZeroU64::new(50).unwrap());
    let loader = StateLoader { store: &store, snapshots: &none, adapters, snapshot_interval };
    for version in [EVENTS + 1, 2 * EVENTS] {
        let loaded = loader.load(states[0].key(), Version::new(version as u64)).await;
        assert!(format!("{loaded:?}").contains("is not in the store"), "{version}: {loaded:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_folded_to_its_end_where_reads_end_early_because_events_are_large() {
    let test = TestProcess::new().await;
    let store = SqliteEventStore::new(Database::open(&test.settings.db).unwrap());
    let states = states(&test, &store, large_changes()).await;
    let (key, adapters) = (states[0].key(), &test.process.adapters);
    let none = SqliteStateStore::new(Database::open(&test.folder().join("none.db")).unwrap());
    for interval in [1, 4, 50] {
        let snapshot_interval = NonZeroU64::new(interval).unwrap();
        let loader = StateLoader { store: &store, snapshots: &none, adapters, snapshot_interval };
        for state in &states[1..] {
            let loaded = loader.load(key, state.version()).await.unwrap();
            assert!(loaded == *state, "version {}, snapshots each {interval}", state.version());
        }
    }
    let rebuilder = StreamRebuilder::new(Arc::new(store.clone()), Arc::clone(&test.process.catalog), adapters.clone());
    let mut report = StreamRebuildReport::default();
    let document = rebuilder.document(key, &mut report).await.unwrap().expect("it has a base");
    assert_eq!((report.events, document.entity.version), (7, Version::new(7)));
}
