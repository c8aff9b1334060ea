//! A local process with its own database file, for one test.

use std::path::{Path, PathBuf};

use annals_application::commands::{Action, Command, CommandHandler, CommandMetadata, EventRead};
use annals_application::ports::{EventStore, ReadOptions, SnapshotStore};
use annals_domain::aggregate::Aggregate;
use annals_domain::identity::{EntityKey, Provider};
use annals_domain::position::Version;
use annals_domain::provider_adapter::ProviderAdapters;
use annals_sqlite::process::{LocalProcess, ProcessSettings, ProcessTuning, PublishTo};
use annals_sqlite::{Database, SqliteEventStore, SqliteStateStore};
use tempfile::TempDir;

use crate::crm::Delivery;

/// A process and its temporary folder.
pub struct TestProcess {
    /// The process.
    pub process: LocalProcess,
    /// Its settings.
    pub settings: ProcessSettings,
    folder: TempDir,
}

impl TestProcess {
    /// Opens an empty file with the default definitions.
    pub async fn new() -> Self {
        Self::tuned(ProcessTuning::default()).await
    }

    /// Opens an empty file with this tuning.
    pub async fn tuned(tuning: ProcessTuning) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let settings = ProcessSettings {
            db: folder.path().join("annals.db"),
            entities: None,
            salesforce_org: None,
            publish: PublishTo::File(folder.path().join("changes.jsonl")),
        };
        let process = LocalProcess::open_tuned(&settings, tuning).await.expect("an empty file opens");
        Self { process, settings, folder }
    }

    /// The folder of its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file of its published events.
    pub fn published_events(&self) -> PathBuf {
        self.folder.path().join("changes.jsonl")
    }

    /// Opens the same file again, as after a restart or in a second process.
    pub async fn reopen(&self, tuning: ProcessTuning) -> LocalProcess {
        LocalProcess::open_tuned(&self.settings, tuning).await.expect("the file opens")
    }

    /// Ingests deliveries in one call. Returns a list of results for each.
    pub async fn deliver(&self, deliveries: impl IntoIterator<Item = Delivery>) -> Vec<Vec<EventRead>> {
        ingest_deliveries(&self.process.handler, deliveries).await
    }

    /// Loads a record's state from its newest snapshot and the events after it.
    pub async fn load(&self, key: &EntityKey) -> Aggregate {
        let database = Database::open(&self.settings.db).expect("the file opens");
        let (store, state) = (SqliteEventStore::new(database.clone()), SqliteStateStore::new(database));
        load(&store, &state, &self.process.adapters, key).await
    }
}

/// Gives deliveries to the command handler in one call.
pub async fn ingest_deliveries(
    handler: &CommandHandler,
    deliveries: impl IntoIterator<Item = Delivery>,
) -> Vec<Vec<EventRead>> {
    handler.handle(commands_of(handler, deliveries)).await.expect("the store answers")
}

/// The command of each delivery.
pub fn commands_of(handler: &CommandHandler, deliveries: impl IntoIterator<Item = Delivery>) -> Vec<Command> {
    let command = |delivery| {
        let action = match delivery {
            Delivery::Event(raw_event) => Action::ProcessCrmEvent { provider: Provider::Salesforce, raw_event },
            Delivery::Image(found) => Action::UpdateEntity(found),
        };
        Command { id: handler.fresh_id(), action, metadata: CommandMetadata::default() }
    };
    deliveries.into_iter().map(command).collect()
}

/// The stream of the change.
///
/// # Panics
/// If the record is not known.
pub fn key_of(read: &EventRead) -> EntityKey {
    let entity_name = read.entity_name.clone().expect("a change has an object");
    EntityKey { entity_name, aggregate_id: read.aggregate_id.expect("a change has a record") }
}

/// Loads a record's state from its newest snapshot and the events after it.
pub async fn load(
    store: &dyn EventStore,
    snapshots: &dyn SnapshotStore,
    adapters: &ProviderAdapters,
    key: &EntityKey,
) -> Aggregate {
    let snapshot = snapshots.newest(key, Version::new(u64::MAX >> 1)).await.expect("the store responds");
    let from = snapshot.as_ref().map_or(Version::new(0), Aggregate::version);
    let tail = store.read(key, &ReadOptions::from(from.next(), usize::MAX)).await.expect("the store responds");
    let mut aggregate = snapshot.unwrap_or_else(|| {
        let first = &tail.first().expect("a stream with events").event;
        Aggregate::new(key.clone(), first.metadata.provider, first.metadata.external_id.clone())
    });
    for stored in tail {
        let change = adapters.read_event(&stored.event.input()).expect("a stored event is readable");
        aggregate.apply(stored.event.version, &change);
    }
    aggregate
}
