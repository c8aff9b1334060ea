//! Batches of one record that are delivered again, and in any order: each change is stored once, and the number of calls
//! to the store does not grow with the number of changes.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use annals_application::commands::{CommandHandler, CommandMetadata, HandlerSettings, Outcome};
use annals_application::ports::{
    AppendError, DuplicateSearch, EventStore, PortError, ReadOptions, StatePorts, StoredEvent, StoredInput,
};
use annals_application::system::{RandomIds, SystemClock};
use annals_crm::salesforce::Salesforce;
use annals_domain::definition::Catalog;
use annals_domain::identity::{EntityKey, Provider};
use annals_domain::provider_adapter::{ProviderAdapter, ProviderAdapters};
use annals_domain::stream_head::{Admission, StreamHead};
use annals_sqlite::{Database, SqliteEventStore, SqliteStateStore};
use annals_tests::changes::change;
use async_trait::async_trait;
use serde_json::{Value, json};

const CHANGES: usize = 500;

/// A store that counts its calls.
struct CountingStore {
    store: SqliteEventStore,
    calls: AtomicUsize,
}

impl CountingStore {
    fn count(&self) -> &SqliteEventStore {
        self.calls.fetch_add(1, Ordering::SeqCst);
        &self.store
    }
}

#[async_trait]
impl EventStore for CountingStore {
    fn name(&self) -> &str {
        self.store.name()
    }

    async fn append(&self, events: Vec<StoredEvent>) -> Vec<Result<(), AppendError>> {
        self.count().append(events).await
    }

    async fn heads(&self, keys: &[EntityKey]) -> Result<Vec<Option<StreamHead>>, PortError> {
        self.count().heads(keys).await
    }

    async fn search(&self, searches: &[DuplicateSearch]) -> Result<Vec<Admission>, PortError> {
        self.count().search(searches).await
    }

    async fn read(&self, key: &EntityKey, options: &ReadOptions) -> Result<Vec<StoredEvent>, PortError> {
        self.count().read(key, options).await
    }

    async fn read_inputs(&self, key: &EntityKey, options: &ReadOptions) -> Result<Vec<StoredInput>, PortError> {
        self.count().read_inputs(key, options).await
    }
}

struct Installation {
    store: Arc<CountingStore>,
    database: Database,
    _folder: tempfile::TempDir,
}

impl Installation {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("annals.db")).unwrap();
        let store = CountingStore { store: SqliteEventStore::new(database.clone()), calls: AtomicUsize::new(0) };
        Self { store: Arc::new(store), database, _folder: folder }
    }

    /// A process without cached heads.
    fn process(&self) -> CommandHandler {
        let adapters = ProviderAdapters::new([Arc::new(Salesforce::new(None)) as Arc<dyn ProviderAdapter>]);
        CommandHandler::new(
            Arc::clone(&self.store) as Arc<dyn EventStore>,
            StatePorts::of(SqliteStateStore::new(self.database.clone())),
            Arc::new(Catalog::built_in(&adapters).unwrap()),
            adapters,
            Arc::new(SystemClock),
            Arc::new(RandomIds),
            HandlerSettings::default(),
        )
    }

    /// Ingests the changes as one body. Returns how many had each outcome, and the calls to the store.
    async fn ingest(&self, process: &CommandHandler, changes: &[Value]) -> (usize, usize, usize) {
        self.store.calls.store(0, Ordering::SeqCst);
        let body = Value::from(changes.to_vec()).to_string();
        let ingested = process.ingest_body(Provider::Salesforce, &body, CommandMetadata::default()).await.unwrap();
        let count =
            |outcomes: &[Outcome]| ingested.results.iter().filter(|read| outcomes.contains(&read.outcome)).count();
        let stored = count(&[Outcome::Stored, Outcome::AwaitingBase]);
        (stored, count(&[Outcome::Duplicate]), self.store.calls.load(Ordering::SeqCst))
    }
}

/// The changes of one record, oldest first: its creation and updates.
fn oldest_first() -> Vec<Value> {
    (0..CHANGES).map(|round| change(round, 1)).collect()
}

fn newest_first() -> Vec<Value> {
    oldest_first().into_iter().rev().collect()
}

/// In no order, the creation somewhere in the middle.
fn shuffled() -> Vec<Value> {
    let ordered = oldest_first();
    (0..CHANGES).map(|number| ordered[(number * 271 + 77) % CHANGES].clone()).collect()
}

/// After the creation, a change of the year 2099.
fn with_one_of_2099(mut changes: Vec<Value>) -> Vec<Value> {
    let mut future = change(CHANGES, 1);
    future["detail"]["payload"]["ChangeEventHeader"]["commitTimestamp"] = json!(4_070_908_800_000_i64);
    changes.insert(1, future);
    changes
}

/// A process ingests the changes; then it, and one without cached heads, ingest them again.
async fn check(name: &str, changes: Vec<Value>) {
    let installation = Installation::new();
    let first = installation.process();
    let (stored, duplicates, calls) = installation.ingest(&first, &changes).await;
    assert_eq!((stored, duplicates), (changes.len(), 0), "{name}");
    assert!(calls <= 3, "{name}: {calls} calls");
    for (process, what) in [(&first, "again"), (&installation.process(), "again, by another process")] {
        let (stored, duplicates, calls) = installation.ingest(process, &changes).await;
        assert_eq!((stored, duplicates), (0, changes.len()), "{name}, {what}");
        assert!(calls <= 4, "{name}, {what}: {calls} calls");
    }
}

#[tokio::test]
async fn a_repeated_batch_of_one_record_is_all_duplicates_whatever_its_order() {
    check("oldest first", oldest_first()).await;
    check("newest first", newest_first()).await;
    check("shuffled", shuffled()).await;
}

#[tokio::test]
async fn a_change_of_a_later_century_makes_no_difference() {
    check("oldest first", with_one_of_2099(oldest_first())).await;
    check("newest first", with_one_of_2099(newest_first())).await;
    check("shuffled", with_one_of_2099(shuffled())).await;
}

#[tokio::test]
async fn batches_that_overlap_store_what_is_new() {
    let (installation, changes) = (Installation::new(), newest_first());
    let process = installation.process();
    for (from, to) in [(300, 500), (200, 400), (0, 250), (100, 500)] {
        installation.ingest(&process, &changes[from..to]).await;
    }
    let (stored, duplicates, _) = installation.ingest(&installation.process(), &changes).await;
    assert_eq!((stored, duplicates), (0, CHANGES));
}
