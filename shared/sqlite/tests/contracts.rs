//! The contract suite of every port, on SQLite.

use std::sync::Arc;

use annals_application::contract::samples;
use annals_sqlite::{Database, SqliteEventStore, SqliteReadModel, SqliteStateStore};
use tempfile::TempDir;

fn database() -> (Database, TempDir) {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let database = Database::open(&folder.path().join("annals.db")).expect("a new file opens");
    (database, folder)
}

mod event_store {
    use super::*;

    async fn make() -> (SqliteEventStore, TempDir) {
        let (database, folder) = database();
        (SqliteEventStore::new(database), folder)
    }

    annals_application::event_store_contract!(make);
}

mod event_feed {
    use super::*;

    async fn make() -> (SqliteEventStore, TempDir) {
        let (database, folder) = database();
        (SqliteEventStore::new(database), folder)
    }

    annals_application::event_feed_contract!(make);
}

mod state {
    use super::*;

    async fn make() -> (SqliteStateStore, TempDir) {
        let (database, folder) = database();
        (SqliteStateStore::new(database), folder)
    }

    annals_application::state_contract!(make);
}

mod stream_sections {
    use annals_application::contract::stream_sections::SectionStores;
    use annals_application::ports::SeparateSections;

    use super::*;

    async fn make() -> (SectionStores, TempDir) {
        let (database, folder) = database();
        let store = Arc::new(SqliteEventStore::new(database.clone()));
        let snapshots = Arc::new(SqliteStateStore::new(database));
        let sections = SeparateSections { store: store.clone(), snapshots: snapshots.clone() };
        (SectionStores { sections: Arc::new(sections), store, snapshots }, folder)
    }

    annals_application::stream_sections_contract!(make);
}

mod read_model {
    use super::*;

    async fn make() -> (SqliteReadModel, TempDir) {
        let (database, folder) = database();
        let read_model = SqliteReadModel::open(database, &samples::catalog()).await.expect("its tables are made");
        (read_model, folder)
    }

    annals_application::read_model_contract!(make);
    annals_application::live_entities_contract!(make);
}
