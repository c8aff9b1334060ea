//! Stored events, and projections over them with scripted failures.

use std::collections::HashSet;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use annals_application::ports::{
    AppendError, Clock, CommitPosition, Document, DuplicateSearch, EntityQuery, EventFeed, EventPublisher, EventStore,
    FeedConsumer, FoundPage, IndexOutcome, NormalizedEntityEvent, PortError, PortErrorKind, ReadDocument, ReadModel,
    ReadOptions, StatePorts, StoredEvent, StoredInput,
};
use annals_application::projection::{
    BroadcastProjection, EventPattern, FeedLane, FeedProjector, ProjectionRegistry, Projector, ProjectorPorts,
    ProjectorSettings, ReadModelProjection,
};
use annals_application::system::{RandomIds, SystemClock};
use annals_application::work_status::WorkStatus;
use annals_domain::definition::EntitySchema;
use annals_domain::event::DomainEvent;
use annals_domain::identity::{AggregateId, EntityKey};
use annals_domain::stream_head::{Admission, StreamHead};
use annals_sqlite::{Database, SqliteEventStore, SqliteReadModel, SqliteStateStore, TracedJobs};
use annals_tests::crm::{Account, Delivery};
use annals_tests::process::TestProcess;
use annals_tests::random::Random;
use async_trait::async_trait;

/// A read model with scripted failures for all or for some records.
pub(crate) struct Scripted {
    inner: SqliteReadModel,
    pub(crate) is_down: AtomicBool,
    pub(crate) refused: Mutex<HashSet<AggregateId>>,
    /// Records whose index is not available.
    pub(crate) unusable: Mutex<HashSet<AggregateId>>,
}

#[async_trait]
impl ReadModel for Scripted {
    async fn index(&self, documents: Vec<Document>) -> Result<Vec<IndexOutcome>, PortError> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(PortError::new(PortErrorKind::Unavailable, "read model", "scripted"));
        }
        let is_unusable = |document: &Document| self.unusable.lock().unwrap().contains(&document.entity.aggregate_id);
        if documents.iter().any(is_unusable) {
            return Err(PortError::new(PortErrorKind::Misconfigured, "an index", "scripted"));
        }
        let refused: Vec<bool> = {
            let set = self.refused.lock().unwrap();
            documents.iter().map(|document| set.contains(&document.entity.aggregate_id)).collect()
        };
        let fits = documents.into_iter().zip(&refused).filter(|(_, refused)| !**refused).map(|(document, _)| document);
        let mut outcomes = self.inner.index(fits.collect()).await?.into_iter();
        let answer = |refused: bool| {
            if refused { Some(IndexOutcome::Refused("scripted".to_owned())) } else { outcomes.next() }
        };
        Ok(refused.into_iter().filter_map(answer).collect())
    }

    async fn get(&self, schema: &EntitySchema, id: AggregateId) -> Result<Option<ReadDocument>, PortError> {
        self.inner.get(schema, id).await
    }

    async fn search(&self, query: &EntityQuery) -> Result<FoundPage, PortError> {
        self.inner.search(query).await
    }

    async fn count(&self, query: &EntityQuery) -> Result<u64, PortError> {
        self.inner.count(query).await
    }
}

/// Records the published events, with scripted failures.
#[derive(Default)]
pub(crate) struct RecordingPublisher {
    pub(crate) events: Mutex<Vec<NormalizedEntityEvent>>,
    pub(crate) is_down: AtomicBool,
    pub(crate) panics: AtomicBool,
}

#[async_trait]
impl EventPublisher for RecordingPublisher {
    async fn publish(&self, events: Vec<NormalizedEntityEvent>) -> Vec<Result<(), PortError>> {
        assert!(!self.panics.load(Ordering::SeqCst), "scripted");
        if self.is_down.load(Ordering::SeqCst) {
            let down = || PortError::new(PortErrorKind::Unavailable, "bus", "scripted outage");
            return events.iter().map(|_| Err(down())).collect();
        }
        let answers = events.iter().map(|_| Ok(())).collect();
        self.events.lock().unwrap().extend(events);
        answers
    }
}

/// An event store whose reads are counted.
pub(crate) struct Counted {
    inner: Arc<SqliteEventStore>,
    pub(crate) reads: AtomicUsize,
}

#[async_trait]
impl EventStore for Counted {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn append(&self, events: Vec<StoredEvent>) -> Vec<Result<(), AppendError>> {
        self.inner.append(events).await
    }

    async fn heads(&self, keys: &[EntityKey]) -> Result<Vec<Option<StreamHead>>, PortError> {
        self.inner.heads(keys).await
    }

    async fn search(&self, searches: &[DuplicateSearch]) -> Result<Vec<Admission>, PortError> {
        self.inner.search(searches).await
    }

    async fn read(&self, key: &EntityKey, options: &ReadOptions) -> Result<Vec<StoredEvent>, PortError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.read(key, options).await
    }

    async fn read_inputs(&self, key: &EntityKey, options: &ReadOptions) -> Result<Vec<StoredInput>, PortError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.read_inputs(key, options).await
    }
}

/// Stored events of some records, and a second set of projections over them.
pub(crate) struct Bench {
    pub(crate) test: TestProcess,
    pub(crate) ids: Vec<AggregateId>,
    pub(crate) events: Vec<Arc<DomainEvent>>,
    pub(crate) feed: Arc<SqliteEventStore>,
    pub(crate) store: Arc<Counted>,
    pub(crate) state: StatePorts,
    pub(crate) read_model: Arc<Scripted>,
    pub(crate) published: Arc<RecordingPublisher>,
}

/// Stores `records` records with `each` events in a separate process, without their documents.
pub(crate) async fn bench(records: usize, each: usize) -> Bench {
    let mut random = Random::new(11);
    let of_record = |number: usize| {
        let mut account = Account::new(&format!("001{number:012}AAA"));
        let mut deliveries = vec![account.create(&mut random)];
        deliveries.extend((1..each).map(|_| account.update(&mut random)));
        deliveries
    };
    bench_of((0..records).map(of_record).collect()).await
}

/// The same with these deliveries, one list per record.
pub(crate) async fn bench_of(records: Vec<Vec<Delivery>>) -> Bench {
    let test = TestProcess::new().await;
    let mut ids = Vec::new();
    for deliveries in records {
        let reads = test.deliver(deliveries).await;
        ids.push(reads[0][0].aggregate_id.expect("a record"));
    }
    let source = SqliteEventStore::new(Database::open(&test.settings.db).unwrap());
    let stored = source.after(CommitPosition::default(), usize::MAX >> 1).await.unwrap();
    let events: Vec<_> = stored.iter().map(|(_, stored)| Arc::clone(&stored.event)).collect();
    // The same events in a new file without any documents.
    let database = Database::open(&test.folder().join("fresh.db")).unwrap();
    let feed = Arc::new(SqliteEventStore::new(database.clone()));
    for (_, stored) in stored {
        assert!(feed.append(vec![stored]).await.iter().all(Result::is_ok));
    }
    let inner = SqliteReadModel::open(database.clone(), &test.process.catalog).await.unwrap();
    let read_model =
        Scripted { inner, is_down: AtomicBool::new(false), refused: Mutex::default(), unusable: Mutex::default() };
    Bench {
        test,
        ids,
        events,
        store: Arc::new(Counted { inner: Arc::clone(&feed), reads: AtomicUsize::new(0) }),
        feed,
        state: StatePorts::of(SqliteStateStore::new(database)),
        read_model: Arc::new(read_model),
        published: Arc::default(),
    }
}

impl Bench {
    /// A projector with the read model and the broadcast.
    pub(crate) fn projector(&self, cached_bytes: usize) -> Projector {
        self.projector_of(self.read_model_and_broadcast(), cached_bytes)
    }

    /// The read model and the broadcast, each with a place of its own in the feed.
    pub(crate) fn feed_projector(&self) -> FeedProjector {
        let read_model = Arc::clone(&self.read_model) as Arc<dyn ReadModel>;
        let indexing =
            ProjectionRegistry::default().register(EventPattern::ALL, Arc::new(ReadModelProjection::new(read_model)));
        let publishing = ProjectionRegistry::publisher(Arc::clone(&self.published) as _);
        let lane = |consumer, registry| {
            let (feed, status) = (Arc::clone(&self.feed) as Arc<dyn EventFeed>, WorkStatus::new(Arc::new(SystemClock)));
            FeedLane::new(consumer, feed, self.projector_of(registry, 1 << 20), Arc::new(status))
        };
        FeedProjector::new(
            lane(FeedConsumer::ReadModel, indexing),
            Some(lane(FeedConsumer::Publisher, publishing)),
            self.projector(0),
        )
    }

    /// A projector with all default projections in their order.
    pub(crate) fn shipped(&self) -> Projector {
        let read_model = Arc::clone(&self.read_model) as Arc<dyn ReadModel>;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let publisher = Arc::clone(&self.published) as Arc<dyn EventPublisher>;
        self.projector_of(ProjectionRegistry::shipped(&read_model, Some(publisher), &self.state.refetch, &clock), 0)
    }

    /// The same, which parks what an outage of the publisher keeps back.
    pub(crate) fn parking_unpublished(&self) -> Projector {
        let settings = ProjectorSettings { parks_unpublished: true, ..ProjectorSettings::default() };
        self.projector_with(self.read_model_and_broadcast(), settings)
    }

    fn read_model_and_broadcast(&self) -> ProjectionRegistry {
        let read_model = Arc::clone(&self.read_model) as Arc<dyn ReadModel>;
        ProjectionRegistry::default()
            .register(EventPattern::ALL, Arc::new(ReadModelProjection::new(read_model)))
            .register(EventPattern::ALL, Arc::new(BroadcastProjection::new(Arc::clone(&self.published) as _)))
    }

    fn projector_of(&self, registry: ProjectionRegistry, cached_bytes: usize) -> Projector {
        let snapshot_interval = NonZeroU64::new(4).unwrap();
        let settings = ProjectorSettings { cached_bytes, snapshot_interval, ..ProjectorSettings::default() };
        self.projector_with(registry, settings)
    }

    fn projector_with(&self, registry: ProjectionRegistry, settings: ProjectorSettings) -> Projector {
        let ports = ProjectorPorts {
            store: Arc::clone(&self.store) as Arc<dyn EventStore>,
            snapshots: Arc::clone(&self.state.snapshots),
            parked: Arc::clone(&self.state.parked),
            objects: Arc::clone(&self.state.objects),
            jobs: Arc::new(TracedJobs),
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
        };
        Projector::new(
            ports,
            Arc::clone(&self.test.process.catalog),
            self.test.process.adapters.clone(),
            registry,
            settings,
        )
    }

    pub(crate) async fn document(&self, id: AggregateId) -> Option<ReadDocument> {
        let definition = self.test.process.catalog.named("client").unwrap();
        self.read_model.get(&EntitySchema::Defined(Arc::clone(definition)), id).await.unwrap()
    }

    /// Asserts that every document equals that of the process that stored the events.
    pub(crate) async fn assert_all_projected(&self) {
        for id in &self.ids {
            let expected = self.test.process.queries.get("clients", &id.to_string()).await.unwrap();
            let document = self.document(*id).await.expect("the record is indexed");
            assert_eq!(document.json.get(), expected.json.get());
        }
    }
}
