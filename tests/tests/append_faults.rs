//! Faults of the event store: nothing lost, nothing doubled, no endless loop.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annals_application::commands::{
    CommandError, CommandHandler, CommandMetadata, EventRead, HandlerSettings, Outcome,
};
use annals_application::ports::{AppendError, EventStore, PortError, PortErrorKind, ReadOptions, StoredEvent};
use annals_application::system::{RandomIds, SystemClock};
use annals_crm::salesforce::Salesforce;
use annals_domain::definition::Catalog;
use annals_domain::dialect::{Dialect, Dialects};
use annals_domain::head::Head;
use annals_domain::identity::{EntityKey, Provider};
use annals_domain::position::Version;
use annals_embedded::{Database, SqliteEventStore, SqliteStateStore};
use annals_tests::crm::{Account, Delivery};
use annals_tests::process::key_of;
use annals_tests::random::Random;
use async_trait::async_trait;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

/// What happens to one append.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Nothing is written, and it says so.
    Throttled,
    /// It is written, and the answer is lost.
    AnswerLost,
    /// It is not written, and that is not known.
    LostBefore,
    /// The table is not there.
    Missing,
}

/// A store that fails as scripted, then works.
struct Faulty {
    store: SqliteEventStore,
    script: Mutex<VecDeque<Fault>>,
}

#[async_trait]
impl EventStore for Faulty {
    async fn append(&self, events: Vec<StoredEvent>) -> Vec<Result<(), AppendError>> {
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

    async fn heads(&self, keys: &[EntityKey]) -> Result<Vec<Option<Head>>, PortError> {
        self.store.heads(keys).await
    }

    async fn read(&self, key: &EntityKey, options: &ReadOptions) -> Result<Vec<StoredEvent>, PortError> {
        self.store.read(key, options).await
    }
}

struct Bench {
    handler: CommandHandler,
    store: SqliteEventStore,
    faulty: Arc<Faulty>,
    _folder: tempfile::TempDir,
}

/// `deadline` is long where the call is to end well, and short where it is to fail.
fn bench(deadline: Duration) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("annals.db")).unwrap();
    let store = SqliteEventStore::new(database.clone());
    let faulty = Arc::new(Faulty { store: store.clone(), script: Mutex::new(VecDeque::new()) });
    let dialects = Dialects::new([Arc::new(Salesforce::new(None)) as Arc<dyn Dialect>]);
    let catalog = Arc::new(Catalog::built_in(&dialects).unwrap());
    let handler = CommandHandler::new(
        Arc::clone(&faulty) as Arc<dyn EventStore>,
        Arc::new(SqliteStateStore::new(database)),
        catalog,
        dialects,
        Arc::new(SystemClock),
        Arc::new(RandomIds),
        HandlerSettings { deadline, ..HandlerSettings::default() },
    );
    Bench { handler, store, faulty, _folder: folder }
}

impl Bench {
    fn failing(&self, faults: impl IntoIterator<Item = Fault>) {
        *self.faulty.script.lock().unwrap() = faults.into_iter().collect();
    }

    async fn take(&self, inputs: &[String]) -> Result<Vec<EventRead>, CommandError> {
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let commands = self.handler.commands_of(Provider::Salesforce, &inputs, &CommandMetadata::default());
        Ok(self.handler.handle(commands).await?.into_iter().flatten().collect())
    }

    /// The versions in the stream of the first answer's record.
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
    let reads = bench.take(&inputs(6)).await.expect("it ends well");
    assert_eq!(outcomes(&reads), [Outcome::Stored; 6], "{faults:?}");
    assert_eq!(bench.versions(&reads[0]).await, [1, 2, 3, 4, 5, 6], "{faults:?}");
    let again = bench.take(&inputs(6)).await.expect("it ends well");
    assert_eq!(outcomes(&again), [Outcome::Duplicate; 6], "{faults:?}");
}

#[tokio::test]
async fn whatever_an_append_suffers_each_change_is_stored_once() {
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
async fn what_was_stored_before_the_deadline_answers_as_duplicate_when_sent_again() {
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
