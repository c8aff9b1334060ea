//! Faults of the event store: no event is lost or duplicated, and no append loops without end.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use annals_application::commands::{
    CommandError, CommandHandler, CommandMetadata, EventRead, HandlerSettings, Outcome,
};
use annals_application::ports::{
    AppendError, DuplicateSearch, EventStore, PortError, PortErrorKind, ReadOptions, StatePorts, StoredEvent,
    StoredInput,
};
use annals_application::system::{RandomIds, SystemClock};
use annals_crm::salesforce::Salesforce;
use annals_domain::definition::Catalog;
use annals_domain::identity::{EntityKey, Provider};
use annals_domain::position::Version;
use annals_domain::provider_adapter::{ProviderAdapter, ProviderAdapters};
use annals_domain::stream_head::{Admission, StreamHead};
use annals_sqlite::{Database, SqliteEventStore, SqliteStateStore};
use annals_tests::crm::{Account, Delivery};
use annals_tests::process::key_of;
use annals_tests::random::Random;
use async_trait::async_trait;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

/// The fault of one append.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Nothing is written, and the error says so.
    Throttled,
    /// The event is written, but the response is lost.
    AnswerLost,
    /// The event is not written, but the writer cannot know.
    LostBefore,
    /// The table does not exist.
    Missing,
}

/// A store that fails as scripted and then works. It counts its calls.
struct Faulty {
    store: SqliteEventStore,
    script: Mutex<VecDeque<Fault>>,
    appends: AtomicUsize,
    reads_of_heads: AtomicUsize,
}

#[async_trait]
impl EventStore for Faulty {
    fn name(&self) -> &str {
        self.store.name()
    }

    async fn append(&self, events: Vec<StoredEvent>) -> Vec<Result<(), AppendError>> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        let fault = self.script.lock().unwrap().pop_front();
        let error = |kind| PortError::new(kind, "events", "scripted");
        let count = events.len();
        let all = |answer: &dyn Fn() -> AppendError| (0..count).map(|_| Err(answer())).collect();
        match fault {
            None => self.store.append(events).await,
            Some(Fault::Throttled) => all(&|| AppendError::NotApplied(error(PortErrorKind::Unavailable))),
            Some(Fault::Missing) => all(&|| AppendError::NotApplied(error(PortErrorKind::Misconfigured))),
            Some(Fault::LostBefore) => all(&|| AppendError::OutcomeUnknown(error(PortErrorKind::OutcomeUnknown))),
            Some(Fault::AnswerLost) => {
                self.store.append(events).await;
                all(&|| AppendError::OutcomeUnknown(error(PortErrorKind::OutcomeUnknown)))
            }
        }
    }

    async fn heads(&self, keys: &[EntityKey]) -> Result<Vec<Option<StreamHead>>, PortError> {
        self.reads_of_heads.fetch_add(1, Ordering::SeqCst);
        self.store.heads(keys).await
    }

    async fn search(&self, searches: &[DuplicateSearch]) -> Result<Vec<Admission>, PortError> {
        self.store.search(searches).await
    }

    async fn read(&self, key: &EntityKey, options: &ReadOptions) -> Result<Vec<StoredEvent>, PortError> {
        self.store.read(key, options).await
    }

    async fn read_inputs(&self, key: &EntityKey, options: &ReadOptions) -> Result<Vec<StoredInput>, PortError> {
        self.store.read_inputs(key, options).await
    }
}

struct Bench {
    handler: CommandHandler,
    store: SqliteEventStore,
    faulty: Arc<Faulty>,
    database: Database,
    _folder: tempfile::TempDir,
}

/// `deadline` is long if the call should succeed and short if it should fail.
fn bench(deadline: Duration) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("annals.db")).unwrap();
    let store = SqliteEventStore::new(database.clone());
    let faulty = Arc::new(Faulty {
        store: store.clone(),
        script: Mutex::new(VecDeque::new()),
        appends: AtomicUsize::new(0),
        reads_of_heads: AtomicUsize::new(0),
    });
    let handler = handler(Arc::clone(&faulty) as Arc<dyn EventStore>, &database, deadline);
    Bench { handler, store, faulty, database, _folder: folder }
}

/// The handler of a separate process.
fn handler(store: Arc<dyn EventStore>, database: &Database, deadline: Duration) -> CommandHandler {
    let adapters = ProviderAdapters::new([Arc::new(Salesforce::new(None)) as Arc<dyn ProviderAdapter>]);
    CommandHandler::new(
        store,
        StatePorts::of(SqliteStateStore::new(database.clone())),
        Arc::new(Catalog::built_in(&adapters).unwrap()),
        adapters,
        Arc::new(SystemClock),
        Arc::new(RandomIds),
        HandlerSettings { deadline, ..HandlerSettings::default() },
    )
}

async fn take(handler: &CommandHandler, inputs: &[String]) -> Result<Vec<EventRead>, CommandError> {
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let commands = handler.commands_of(Provider::Salesforce, &inputs, &CommandMetadata::default());
    Ok(handler.handle(commands).await?.into_iter().flatten().collect())
}

impl Bench {
    fn failing(&self, faults: impl IntoIterator<Item = Fault>) {
        *self.faulty.script.lock().unwrap() = faults.into_iter().collect();
    }

    async fn take(&self, inputs: &[String]) -> Result<Vec<EventRead>, CommandError> {
        take(&self.handler, inputs).await
    }

    /// The numbers of appends and of head reads since the last call.
    fn calls(&self) -> (usize, usize) {
        (self.faulty.appends.swap(0, Ordering::SeqCst), self.faulty.reads_of_heads.swap(0, Ordering::SeqCst))
    }

    /// The versions in the stream of this result's record.
    async fn versions(&self, read: &EventRead) -> Vec<u64> {
        let stored = self.store.read(&key_of(read), &ReadOptions::from(Version::FIRST, usize::MAX)).await.unwrap();
        stored.iter().map(|stored| stored.event.version.get()).collect()
    }
}

fn inputs(count: usize) -> Vec<String> {
    let (mut random, mut account) = (Random::new(5), Account::new("001000000000001AAA"));
    let mut deliveries = vec![account.create(&mut random)];
    deliveries.extend((1..count).map(|_| account.update(&mut random)));
    let text = |delivery| match delivery {
        Delivery::Event(text) => String::from(&*text),
        Delivery::Image(_) => unreachable!("only events are made"),
    };
    deliveries.into_iter().map(text).collect()
}

fn outcomes(reads: &[EventRead]) -> Vec<Outcome> {
    reads.iter().map(|read| read.outcome).collect()
}

async fn check(faults: &[Fault]) {
    let bench = bench(LONG);
    bench.failing(faults.iter().copied());
    let reads = bench.take(&inputs(6)).await.expect("the append succeeds");
    assert_eq!(outcomes(&reads), [Outcome::Stored; 6], "{faults:?}");
    assert_eq!(bench.versions(&reads[0]).await, [1, 2, 3, 4, 5, 6], "{faults:?}");
    let again = bench.take(&inputs(6)).await.expect("the append succeeds");
    assert_eq!(outcomes(&again), [Outcome::Duplicate; 6], "{faults:?}");
}

#[tokio::test]
async fn each_change_is_stored_once_under_every_append_fault() {
    check(&[]).await;
    check(&[Fault::Throttled, Fault::Throttled, Fault::Throttled]).await;
    check(&[Fault::AnswerLost]).await;
    check(&[Fault::LostBefore, Fault::LostBefore]).await;
    check(&[Fault::AnswerLost, Fault::Throttled, Fault::LostBefore, Fault::AnswerLost]).await;
}

#[tokio::test]
async fn an_outage_longer_than_the_deadline_fails_as_retryable_and_names_the_resource() {
    let bench = bench(SHORT);
    bench.failing([Fault::Throttled; 10_000]);
    let error = bench.take(&inputs(3)).await.expect_err("it fails");
    assert!(error.is_retryable());
    assert!(annals_application::log_chain(&error).contains("events: scripted"));
    bench.failing([]);
    assert_eq!(outcomes(&bench.take(&inputs(3)).await.unwrap()), [Outcome::Stored; 3]);
}

#[tokio::test]
async fn changes_stored_before_the_deadline_are_duplicates_when_sent_again() {
    let bench = bench(SHORT);
    bench.failing(std::iter::once(Fault::AnswerLost).chain([Fault::LostBefore; 10_000]));
    bench.take(&inputs(3)).await.expect_err("it fails");
    bench.failing([]);
    let reads = bench.take(&inputs(3)).await.unwrap();
    assert_eq!(outcomes(&reads), [Outcome::Duplicate; 3]);
    assert_eq!(bench.versions(&reads[0]).await, [1, 2, 3]);
}

#[tokio::test]
async fn a_missing_table_fails_at_once_and_not_as_retryable() {
    let bench = bench(LONG);
    bench.failing([Fault::Missing]);
    let error = bench.take(&inputs(1)).await.expect_err("it fails");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_duplicate_stored_by_another_writer_updates_the_cached_head() {
    let bench = bench(LONG);
    let inputs = inputs(3);
    bench.take(&inputs[..1]).await.unwrap();
    let other = handler(Arc::new(bench.store.clone()), &bench.database, LONG);
    assert_eq!(outcomes(&take(&other, &inputs[1..2]).await.unwrap()), [Outcome::Stored]);
    bench.calls();
    assert_eq!(outcomes(&bench.take(&inputs[1..2]).await.unwrap()), [Outcome::Duplicate]);
    assert_eq!(bench.calls(), (1, 0), "the conflict already shows that the event is stored");
    assert_eq!(outcomes(&bench.take(&inputs[2..]).await.unwrap()), [Outcome::Stored]);
    assert_eq!(bench.calls(), (1, 0), "the next change follows the stored head");
}

#[tokio::test]
async fn a_throttled_store_gets_few_requests_and_no_head_is_read_twice() {
    let (bench, inputs) = (bench(LONG), inputs(3));
    bench.take(&inputs[..1]).await.unwrap();
    bench.calls();
    for (handler, input, reads_of_heads) in [
        (&bench.handler, &inputs[1..2], 0),
        (&handler(Arc::clone(&bench.faulty) as _, &bench.database, LONG), &inputs[2..], 1),
    ] {
        bench.failing([Fault::Throttled; 5]);
        let start = Instant::now();
        assert_eq!(outcomes(&take(handler, input).await.unwrap()), [Outcome::Stored]);
        assert_eq!(bench.calls(), (6, reads_of_heads));
        assert!(start.elapsed() > Duration::from_millis(1_500), "it took {:?}", start.elapsed());
    }
}
