//! Health checks, over a SQLite file and with a clock that the test sets.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use annals_application::contract::samples::{key, timestamp};
use annals_application::ports::{
    Clock, Document, EntityQuery, FoundPage, IndexOutcome, ParkedProjection, PortError, ReadDocument, ReadModel,
    RefetchTask, SeparateSections, StatePorts,
};
use annals_application::queries::{FeedHealth, Health, HealthCheck, LagSource, PortsHealth, QueryPorts};
use annals_application::work_status::WorkStatus;
use annals_crm::salesforce::Salesforce;
use annals_domain::change::RefetchReason;
use annals_domain::definition::{Catalog, EntitySchema};
use annals_domain::identity::{AggregateId, ExternalId, Provider};
use annals_domain::position::Version;
use annals_domain::provider_adapter::{ProviderAdapter, ProviderAdapters};
use annals_domain::timestamp::Timestamp;
use annals_sqlite::{Database, SqliteEventStore, SqliteReadModel, SqliteStateStore};
use async_trait::async_trait;
use futures::future::join_all;
use tempfile::TempDir;

/// A clock in milliseconds.
struct SetClock(AtomicI64);

impl SetClock {
    fn set(&self, millis: i64) {
        self.0.store(millis, Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

struct Bench {
    health: PortsHealth,
    state: StatePorts,
    clock: Arc<SetClock>,
    _folder: TempDir,
}

/// A read model that never answers.
struct Hanging;

#[async_trait]
impl ReadModel for Hanging {
    async fn index(&self, _: Vec<Document>) -> Result<Vec<IndexOutcome>, PortError> {
        pending().await
    }

    async fn get(&self, _: &EntitySchema, _: AggregateId) -> Result<Option<ReadDocument>, PortError> {
        pending().await
    }

    async fn search(&self, _: &EntityQuery) -> Result<FoundPage, PortError> {
        pending().await
    }

    async fn count(&self, _: &EntityQuery) -> Result<u64, PortError> {
        pending().await
    }
}

async fn bench() -> Bench {
    let bench = bench_with(None).await;
    Bench { health: bench.health.reusing_reports_for(10_000), ..bench }
}

/// With a report for every call, and with the read model of the file if there is no other.
async fn bench_with(read_model: Option<Arc<dyn ReadModel>>) -> Bench {
    let folder = TempDir::new().unwrap();
    let database = Database::open(&folder.path().join("annals.db")).unwrap();
    let adapters = ProviderAdapters::new([Arc::new(Salesforce::new(None)) as Arc<dyn ProviderAdapter>]);
    let catalog = Catalog::built_in(&adapters).unwrap();
    let state = StatePorts::of(SqliteStateStore::new(database.clone()));
    let events = Arc::new(SqliteEventStore::new(database.clone()));
    let ports = QueryPorts {
        store: Arc::clone(&events) as _,
        snapshots: Arc::clone(&state.snapshots),
        sections: Arc::new(SeparateSections { store: events.clone(), snapshots: Arc::clone(&state.snapshots) }),
        objects: Arc::clone(&state.objects),
        read_model: match read_model {
            Some(read_model) => read_model,
            None => Arc::new(SqliteReadModel::open(database, &catalog).await.unwrap()),
        },
    };
    let clock = Arc::new(SetClock(AtomicI64::new(100_000)));
    let status = || Arc::new(WorkStatus::new(Arc::clone(&clock) as _));
    let (writes, publisher) = (status(), status());
    let feed = FeedHealth { feed: events, writes, read_model: status(), publisher, crm: status() };
    let health = PortsHealth::new(&ports, state.clone(), LagSource::Feed(feed), Arc::clone(&clock) as _, &catalog);
    Bench { health, state, clock, _folder: folder }
}

impl Bench {
    async fn park(&self, name: &str) {
        let (version, reason) = (Version::FIRST, "a fault".to_owned());
        let parked = ParkedProjection {
            key: key(name),
            from_version: version,
            to_version: version,
            reason,
            parked_at: timestamp(0),
        };
        self.state.parked.park(parked).await.unwrap();
    }

    async fn request_refetch(&self, names: impl Iterator<Item = String>) {
        let task = |name: String| RefetchTask {
            key: key(&name),
            provider: Provider::Salesforce,
            external_id: ExternalId::new(name),
            reasons: [RefetchReason::Gap].into(),
            due_at: timestamp(0),
            attempts: 0,
            version: Version::FIRST,
            asked_by: None,
        };
        self.state.refetch.enqueue(names.map(task).collect()).await.unwrap();
    }

    /// The detail of the state store.
    async fn detail(&self) -> String {
        let report = self.health.check().await;
        report.dependencies.into_iter().find(|dependency| dependency.name == "state_store").unwrap().detail
    }
}

const NO_WORK: &str =
    "0 records to refetch from their CRM, 0 backfill jobs waiting, 0 projections parked, 0 inputs in quarantine";

#[tokio::test]
async fn a_dependency_that_hangs_holds_up_no_caller_for_longer_than_two_reports() {
    let bench = bench_with(Some(Arc::new(Hanging))).await;
    let begin = Instant::now();
    let reports = join_all((0..50).map(|_| bench.health.check())).await;
    assert!(begin.elapsed() < Duration::from_secs(5), "two seconds a report: {:?}", begin.elapsed());
    for report in reports {
        let degraded = report.dependencies.iter().filter(|dependency| dependency.status == Health::Degraded);
        let names: Vec<&str> = degraded.map(|dependency| &*dependency.name).collect();
        assert_eq!((report.status, names), (Health::Degraded, vec!["read_model"]));
    }
}

#[tokio::test]
async fn a_report_is_reused_for_the_set_time() {
    let bench = bench().await;
    assert_eq!(bench.detail().await, NO_WORK);
    bench.park("a").await;
    for millis in [100_000, 109_999] {
        bench.clock.set(millis);
        assert_eq!(bench.detail().await, NO_WORK, "at {millis}");
    }
    bench.clock.set(110_000);
    assert_eq!(bench.detail().await, NO_WORK.replace("0 projections", "1 projections"));
    assert_eq!(bench.health.check().await.status, Health::Degraded);
}

#[tokio::test]
async fn a_report_is_not_reused_when_the_clock_was_set_back() {
    let bench = bench().await;
    assert_eq!(bench.detail().await, NO_WORK);
    bench.park("a").await;
    bench.clock.set(99_999);
    assert_eq!(bench.detail().await, NO_WORK.replace("0 projections", "1 projections"));
}

#[tokio::test]
async fn a_count_at_its_limit_says_or_more() {
    let bench = bench().await;
    bench.request_refetch((0..999).map(|number| number.to_string())).await;
    for number in 0..999 {
        bench.park(&number.to_string()).await;
    }
    assert_eq!(bench.detail().await, NO_WORK.replace("0 records", "999 records").replace("0 proj", "999 proj"));
    bench.request_refetch(["one more", "and one"].map(str::to_owned).into_iter()).await;
    for name in ["one more", "and one"] {
        bench.park(name).await;
    }
    bench.clock.set(200_000);
    let expected = NO_WORK.replace("0 records", "1000 or more records").replace("0 proj", "1000 or more proj");
    assert_eq!(bench.detail().await, expected);
}
