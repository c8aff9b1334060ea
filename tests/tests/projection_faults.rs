//! Projections under faults: poison is parked, outages keep their place, order and cuts do not matter.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::collections::HashSet;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use annals_application::ports::{
    CommitPosition, Document, EntityQuery, EventFeed, EventPublisher, EventStore, IndexOutcome, NormalizedEntityEvent,
    PortError, PortErrorKind, ReadDocument, ReadModel, StateStore,
};
use annals_application::projection::{
    BroadcastProjection, LocalPipeline, Pattern, ProjectionRegistry, Projector, ProjectorPorts, ProjectorSettings,
    ReadModelProjection,
};
use annals_application::system::{RandomIds, SystemClock};
use annals_domain::definition::Shape;
use annals_domain::event::DomainEvent;
use annals_domain::identity::AggregateId;
use annals_domain::position::Version;
use annals_embedded::{Database, SqliteEventStore, SqliteReadModel, SqliteStateStore, TracedJobs};
use annals_tests::crm::Account;
use annals_tests::process::TestProcess;
use annals_tests::random::Random;
use async_trait::async_trait;

/// A read model that fails, or refuses some records, until told otherwise.
struct Scripted {
    inner: SqliteReadModel,
    is_down: AtomicBool,
    refused: Mutex<HashSet<AggregateId>>,
}

#[async_trait]
impl ReadModel for Scripted {
    async fn index(&self, documents: Vec<Document>) -> Result<Vec<IndexOutcome>, PortError> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(PortError::new(PortErrorKind::Unavailable, "read model", "scripted"));
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

    async fn get(&self, shape: &Shape, id: AggregateId) -> Result<Option<ReadDocument>, PortError> {
        self.inner.get(shape, id).await
    }

    async fn search(&self, query: &EntityQuery) -> Result<Vec<ReadDocument>, PortError> {
        self.inner.search(query).await
    }

    async fn count(&self, query: &EntityQuery) -> Result<u64, PortError> {
        self.inner.count(query).await
    }
}

/// Remembers what was announced; fails once where told to.
#[derive(Default)]
struct Announced {
    events: Mutex<Vec<NormalizedEntityEvent>>,
}

#[async_trait]
impl EventPublisher for Announced {
    async fn publish(&self, events: Vec<NormalizedEntityEvent>) -> Vec<Result<(), PortError>> {
        let answers = events.iter().map(|_| Ok(())).collect();
        self.events.lock().unwrap().extend(events);
        answers
    }
}

/// Stored events of some records, and a second set of projections over them.
struct Bench {
    test: TestProcess,
    ids: Vec<AggregateId>,
    events: Vec<Arc<DomainEvent>>,
    feed: Arc<SqliteEventStore>,
    state: Arc<dyn StateStore>,
    read_model: Arc<Scripted>,
    announced: Arc<Announced>,
}

/// Stores `records` records of `each` events by a process of its own, then empties the read model.
async fn bench(records: usize, each: usize) -> Bench {
    let test = TestProcess::new().await;
    let mut random = Random::new(11);
    let mut ids = Vec::new();
    for number in 0..records {
        let mut account = Account::new(&format!("001{number:012}AAA"));
        let mut deliveries = vec![account.create(&mut random)];
        deliveries.extend((1..each).map(|_| account.update(&mut random)));
        let reads = test.deliver(deliveries).await;
        ids.push(reads[0][0].aggregate_id.expect("a record"));
    }
    let source = SqliteEventStore::new(Database::open(&test.settings.db).unwrap());
    let stored = source.after(CommitPosition::default(), usize::MAX >> 1).await.unwrap();
    let events: Vec<_> = stored.iter().map(|(_, stored)| Arc::clone(&stored.event)).collect();
    // The same events in a file that nothing has projected.
    let database = Database::open(&test.folder().join("fresh.db")).unwrap();
    let feed = Arc::new(SqliteEventStore::new(database.clone()));
    for (_, stored) in stored {
        assert!(feed.append(vec![stored]).await.iter().all(Result::is_ok));
    }
    let inner = SqliteReadModel::open(database.clone(), &test.process.catalog).await.unwrap();
    let read_model = Scripted { inner, is_down: AtomicBool::new(false), refused: Mutex::default() };
    Bench {
        test,
        ids,
        events,
        feed,
        state: Arc::new(SqliteStateStore::new(database)),
        read_model: Arc::new(read_model),
        announced: Arc::default(),
    }
}

impl Bench {
    fn projector(&self, cached_states: usize) -> Projector {
        let ports = ProjectorPorts {
            store: Arc::clone(&self.feed) as Arc<dyn EventStore>,
            state: Arc::clone(&self.state),
            jobs: Arc::new(TracedJobs),
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
        };
        let read_model = Arc::clone(&self.read_model) as Arc<dyn ReadModel>;
        let registry = ProjectionRegistry::default()
            .register(Pattern::ALL, Arc::new(ReadModelProjection::new(read_model)))
            .register(Pattern::ALL, Arc::new(BroadcastProjection::new(Arc::clone(&self.announced) as _)));
        let settings = ProjectorSettings {
            cached_states,
            snapshot_interval: NonZeroU64::new(4).unwrap(),
            ..ProjectorSettings::default()
        };
        Projector::new(
            ports,
            Arc::clone(&self.test.process.catalog),
            self.test.process.dialects.clone(),
            registry,
            settings,
        )
    }

    async fn document(&self, id: AggregateId) -> Option<ReadDocument> {
        let definition = self.test.process.catalog.named("client").unwrap();
        self.read_model.get(&Shape::Defined(Arc::clone(definition)), id).await.unwrap()
    }

    /// Every record shows as the process that stored it shows it.
    async fn assert_all_projected(&self) {
        for id in &self.ids {
            let expected = self.test.process.queries.get("clients", &id.to_string()).await.unwrap();
            let document = self.document(*id).await.expect("it is indexed");
            assert_eq!(document.json.get(), expected.json.get());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_out_of_order_inside_and_across_batches_and_repeated_end_alike() {
    for (seed, cached) in [(1, 0), (2, 1_000), (3, 2), (4, 0), (5, 1_000)] {
        let bench = bench(8, 9).await;
        let projector = bench.projector(cached);
        let mut random = Random::new(seed);
        let mut events: Vec<_> = bench.events.iter().chain(&bench.events).cloned().collect();
        random.shuffle(&mut events);
        let mut rest = events.as_slice();
        while !rest.is_empty() {
            let (batch, behind) = rest.split_at((1 + random.below(12)).min(rest.len()));
            rest = behind;
            let report = projector.project(batch.to_vec()).await;
            assert!(report.failed.is_empty() && report.parked == 0, "{report:?}");
        }
        bench.assert_all_projected().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_poison_record_is_parked_and_the_others_are_projected() {
    let bench = bench(5, 3).await;
    bench.read_model.refused.lock().unwrap().insert(bench.ids[2]);
    let projector = bench.projector(100);
    let report = projector.project(bench.events.clone()).await;
    assert_eq!((report.projected, report.parked, report.failed.len()), (4, 1, 0));
    assert!(bench.document(bench.ids[2]).await.is_none() && bench.document(bench.ids[3]).await.is_some());

    let parked = bench.state.parked(10).await.unwrap();
    let [parked] = parked.as_slice() else { panic!("{parked:?}") };
    assert_eq!((parked.from_version, parked.to_version), (Version::FIRST, Version::new(3)));
    assert_eq!(parked.reason, "scripted");

    bench.read_model.refused.lock().unwrap().clear();
    let report = projector.redrive(parked).await.unwrap();
    assert_eq!((report.projected, report.parked), (1, 0));
    assert!(bench.state.parked(10).await.unwrap().is_empty());
    bench.assert_all_projected().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_parked_is_made_good_by_the_pipeline_once_its_cause_is_gone() {
    let bench = bench(3, 3).await;
    bench.read_model.refused.lock().unwrap().insert(bench.ids[1]);
    let pipeline = LocalPipeline::new(Arc::clone(&bench.feed) as Arc<dyn EventFeed>, bench.projector(100));
    assert_eq!(pipeline.catch_up().await.unwrap(), 9);
    assert_eq!(pipeline.redrive_parked().await.unwrap(), 1, "its cause is still there");
    assert_eq!(bench.state.parked(10).await.unwrap().len(), 1);

    bench.read_model.refused.lock().unwrap().clear();
    assert_eq!(pipeline.redrive_parked().await.unwrap(), 0);
    assert!(bench.state.parked(10).await.unwrap().is_empty());
    bench.assert_all_projected().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_cannot_be_read_is_as_good_as_none() {
    let bench = bench(2, 9).await;
    let in_order = |range: std::ops::Range<u64>| {
        bench.events.iter().filter(|event| range.contains(&event.version.get())).cloned().collect::<Vec<_>>()
    };
    bench.projector(0).project(in_order(1..9)).await;
    let by_hand = rusqlite::Connection::open(bench.test.folder().join("fresh.db")).unwrap();
    assert!(by_hand.execute("UPDATE snapshot SET state = '{\"half\": '", []).unwrap() > 0);
    let report = bench.projector(0).project(in_order(9..10)).await;
    assert_eq!((report.projected, report.parked, report.failed.len()), (2, 0, 0));
    bench.assert_all_projected().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_leaves_the_checkpoint_and_the_next_run_makes_it_good() {
    let bench = bench(4, 3).await;
    let pipeline = LocalPipeline::new(Arc::clone(&bench.feed) as Arc<dyn EventFeed>, bench.projector(100));
    bench.read_model.is_down.store(true, Ordering::SeqCst);
    let error = pipeline.catch_up().await.expect_err("an outage");
    assert!(annals_application::log_chain(&error).contains("scripted"), "{error}");
    assert_eq!(bench.feed.checkpoint().await.unwrap(), CommitPosition::default());
    assert_eq!(pipeline.lag().await.unwrap(), 12);

    bench.read_model.is_down.store(false, Ordering::SeqCst);
    assert_eq!(pipeline.catch_up().await.unwrap(), 12);
    assert_eq!(pipeline.lag().await.unwrap(), 0);
    bench.assert_all_projected().await;
    assert_eq!(pipeline.catch_up().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_announcement_a_record_and_batch_covers_exactly_its_versions() {
    let bench = bench(3, 6).await;
    let projector = bench.projector(100);
    let in_batch = |range: std::ops::RangeInclusive<u64>| {
        let wanted = bench.events.iter().filter(|event| range.contains(&event.version.get()));
        wanted.cloned().collect::<Vec<_>>()
    };
    projector.project(in_batch(1..=2)).await;
    projector.project(in_batch(3..=6)).await;
    let announced = bench.announced.events.lock().unwrap();
    let covered: Vec<(u64, u64)> =
        announced.iter().map(|event| (event.from_version.get(), event.version.get())).collect();
    assert_eq!(covered, [(1, 2), (1, 2), (1, 2), (3, 6), (3, 6), (3, 6)]);
    for (first, second) in announced[..3].iter().zip(&announced[3..]) {
        assert_eq!(first.entity.aggregate_id, second.entity.aggregate_id);
        let (was_new, changes) = (first.changes().to_map(), second.changes().to_map());
        assert!(was_new.values().all(|change| change["from"].is_null()), "it was new: {was_new:?}");
        let (was, is) = (first.entity.data(&first.shape), second.entity.data(&second.shape));
        for (field, change) in &changes {
            assert_eq!((&change["from"], &change["to"]), (&was[field], &is[field]), "{field}");
        }
        for (field, value) in &is {
            assert!(changes.contains_key(field) || was[field] == *value, "{field} changed unannounced");
        }
    }
}
