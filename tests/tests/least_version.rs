//! An entity of at least a version is there as soon as its event is stored, whether it is projected or not.

use std::sync::Arc;

use annals_application::ports::SeparateSections;
use annals_application::queries::{EntityQueries, QueryError, QueryPorts};
use annals_domain::position::Version;
use annals_sqlite::{Database, SqliteEventStore, SqliteReadModel, SqliteStateStore};
use annals_tests::crm::Account;
use annals_tests::process::TestProcess;
use annals_tests::random::Random;

#[tokio::test(flavor = "multi_thread")]
async fn a_least_version_is_answered_from_the_events_while_the_index_lags() {
    let test = TestProcess::new().await;
    let (mut random, id) = (Random::new(7), "001000000000001AAA");
    let mut account = Account::new(id);
    let deliveries = [account.create(&mut random), account.update(&mut random), account.update(&mut random)];
    test.deliver(deliveries).await;
    let indexed = test.process.queries.get("clients", id).await.expect("it is projected");

    // The same events, and an index that has none of them yet.
    let database = Database::open(&test.settings.db).expect("the file opens");
    let empty = Database::open(&test.folder().join("empty.db")).expect("a new file opens");
    let state = SqliteStateStore::new(database.clone());
    let (store, snapshots) = (Arc::new(SqliteEventStore::new(database)), Arc::new(state.clone()));
    let ports = QueryPorts {
        sections: Arc::new(SeparateSections { store: store.clone(), snapshots: snapshots.clone() }),
        store,
        snapshots,
        objects: Arc::new(state),
        read_model: Arc::new(SqliteReadModel::open(empty, &test.process.catalog).await.expect("its tables are made")),
    };
    let lagging = EntityQueries::new(ports, Arc::clone(&test.process.catalog), test.process.adapters.clone());
    assert!(matches!(lagging.get("clients", id).await, Err(QueryError::NotFound { .. })));
    for queries in [&lagging, &test.process.queries] {
        for version in 1..=3 {
            let found = queries.get_at_least("clients", id, Version::new(version)).await.expect("it is stored");
            assert_eq!((found.version.get(), found.json.get()), (3, indexed.json.get()), "at least {version}");
        }
        match queries.get_at_least("clients", id, Version::new(4)).await {
            Err(QueryError::NotAtMoment { reason, .. }) => assert_eq!(reason, "it has no version 4, its newest is 3"),
            other => panic!("{other:?}"),
        }
    }
    let unknown = lagging.get_at_least("clients", "001000000000009AAA", Version::FIRST).await;
    assert!(matches!(unknown, Err(QueryError::NotFound { .. })), "{unknown:?}");
}
