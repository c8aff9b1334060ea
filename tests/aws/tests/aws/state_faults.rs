//! Projection with faults of the state table: a record whose state cannot be stored fails and is retried, and a
//! snapshot, which only saves reads, is optional.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use annals_application::commands::CommandMetadata;
use annals_application::ports::{
    Document, EntityQuery, EventPublisher, FoundPage, IndexOutcome, NormalizedEntityEvent, PortError, PortErrorKind,
    ReadDocument, ReadModel, ReadOptions, StoredEvent,
};
use annals_application::projection::{BatchReport, Projector};
use annals_aws_tests::decided::decided;
use annals_aws_tests::test_tables::TestTables;
use annals_domain::definition::EntitySchema;
use annals_domain::identity::{AggregateId, EntityKey, Provider};
use annals_domain::position::Version;
use annals_lambda::{Installation, projector_settings};
use annals_services::{Fault, Match, Proxy, Rule, dynamodb_endpoint, sdk_config};
use annals_tests::changes::change;
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::faults::records;

/// A read model that refuses the documents of some records.
#[derive(Default)]
struct RefusingReadModel(HashSet<AggregateId>);

#[async_trait]
impl ReadModel for RefusingReadModel {
    async fn index(&self, documents: Vec<Document>) -> Result<Vec<IndexOutcome>, PortError> {
        let outcome = |document: Document| match self.0.contains(&document.entity.aggregate_id) {
            true => IndexOutcome::Refused("it does not fit".to_owned()),
            false => IndexOutcome::Indexed,
        };
        Ok(documents.into_iter().map(outcome).collect())
    }

    async fn get(&self, _: &EntitySchema, _: AggregateId) -> Result<Option<ReadDocument>, PortError> {
        Ok(None)
    }

    async fn search(&self, _: &EntityQuery) -> Result<FoundPage, PortError> {
        Ok(FoundPage::empty())
    }

    async fn count(&self, _: &EntityQuery) -> Result<u64, PortError> {
        Ok(0)
    }
}

/// Records the published events.
#[derive(Default)]
struct RecordingPublisher(Mutex<Vec<AggregateId>>);

#[async_trait]
impl EventPublisher for RecordingPublisher {
    async fn publish(&self, events: Vec<NormalizedEntityEvent>) -> Vec<Result<(), PortError>> {
        let mut published = self.0.lock().expect("no test panics here");
        published.extend(events.iter().map(|event| event.entity.aggregate_id));
        events.iter().map(|_| Ok(())).collect()
    }
}

/// A projector with a proxy before its tables.
struct Fixture {
    test_tables: TestTables,
    direct: Installation,
    proxy: Proxy,
    published: Arc<RecordingPublisher>,
}

impl Fixture {
    async fn new() -> Self {
        let test_tables = TestTables::new("state-faults").await;
        let direct = test_tables.installation();
        Self { test_tables, direct, proxy: Proxy::start(&dynamodb_endpoint()), published: Arc::default() }
    }

    fn projector(&self, refused: &[&EntityKey]) -> Projector {
        let installation = self.test_tables.installation_by(&sdk_config(&self.proxy.endpoint()));
        let refused = refused.iter().map(|key| key.aggregate_id).collect();
        let read_model: Arc<dyn ReadModel> = Arc::new(RefusingReadModel(refused));
        installation.projector(&read_model, Some(Arc::clone(&self.published) as _), projector_settings())
    }

    /// From now on writes to this partition of the state table get the fault.
    fn fails(&self, partition: &'static str, fault: Fault) {
        let is_meant = Match::when(move |request| {
            let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            let key = body["Item"]["pk"]["S"].as_str();
            request.operation() == Some("PutItem") && key.is_some_and(|key| key.starts_with(partition))
        });
        self.proxy.rule(Rule::always(is_meant, fault));
    }

    fn published(&self) -> Vec<AggregateId> {
        self.published.0.lock().expect("no test panics here").clone()
    }

    /// Checks that exactly these records fail with this kind of error of the state table.
    #[track_caller]
    fn check_named(&self, report: &BatchReport, keys: &[&EntityKey], kind: PortErrorKind) {
        let named: Vec<_> = report.failed.iter().map(|(key, ..)| key).collect();
        assert_eq!(named, keys);
        for (.., error) in &report.failed {
            assert_eq!((error.kind, &error.resource), (kind, &self.test_tables.state_table), "{error}");
        }
    }
}

async fn project(projector: &Projector, events: &[StoredEvent]) -> BatchReport {
    projector.project(events.iter().map(|stored| Arc::clone(&stored.event)).collect()).await
}

#[tokio::test]
async fn a_record_that_cannot_be_parked_fails() {
    let fixture = Fixture::new().await;
    let events = records(&fixture.direct, 3).await;
    let poison = events[1].event.key();
    let projector = fixture.projector(&[&poison]);
    fixture.fails("parked#", Fault::access_denied());
    let report = project(&projector, &events).await;
    assert_eq!((report.projected, report.parked), (2, 0));
    fixture.check_named(&report, &[&poison], PortErrorKind::Misconfigured);

    fixture.proxy.heal();
    let report = project(&projector, &events).await;
    assert_eq!((report.projected, report.parked, report.failed.len()), (2, 1, 0));
    fixture.test_tables.remove().await;
}

#[tokio::test]
async fn a_record_whose_refetch_task_cannot_be_stored_fails_and_is_not_published_before_the_retry() {
    let fixture = Fixture::new().await;
    let mut events = records(&fixture.direct, 2).await;
    let gapped = events[0].event.key();
    events.push(gap_of_the_first(&fixture.direct, &gapped).await);
    let projector = fixture.projector(&[]);
    fixture.fails("hydration#", Fault::throttled());
    let report = project(&projector, &events).await;
    assert_eq!((report.projected, report.parked), (1, 0));
    fixture.check_named(&report, &[&gapped], PortErrorKind::Unavailable);
    let other = events[1].event.aggregate_id;
    assert_eq!(fixture.published(), [other]);

    fixture.proxy.heal();
    let again: Vec<StoredEvent> = events.into_iter().filter(|stored| stored.event.key() == gapped).collect();
    let report = project(&projector, &again).await;
    assert_eq!((report.projected, report.failed.len()), (1, 0));
    assert_eq!(fixture.published(), [other, gapped.aggregate_id]);
    assert_eq!(
        fixture.direct.state.refetch.earliest(Provider::Salesforce, 9).await.expect("DynamoDB answers").len(),
        1
    );
    fixture.test_tables.remove().await;
}

/// A gap in the first record, stored as its second version.
async fn gap_of_the_first(installation: &Installation, key: &EntityKey) -> StoredEvent {
    let mut gap = change(1, 0);
    let mut header = gap["detail"]["payload"]["ChangeEventHeader"].take();
    header["changeType"] = json!("GAP_UPDATE");
    header["changedFields"] = json!([]);
    gap["detail"]["payload"] = json!({ "ChangeEventHeader": header });
    let handler = installation.handler();
    let ingested = handler.ingest_body(Provider::Salesforce, &gap.to_string(), CommandMetadata::default()).await;
    assert_eq!(ingested.expect("DynamoDB answers").results[0].version, Some(Version::new(2)));
    let read = installation.store.read(key, &ReadOptions::from(Version::new(2), 1)).await;
    read.expect("DynamoDB answers").remove(0)
}

#[tokio::test]
async fn records_of_an_object_that_cannot_be_registered_fail() {
    let fixture = Fixture::new().await;
    let events = records(&fixture.direct, 3).await;
    let projector = fixture.projector(&[]);
    fixture.fails("object", Fault::access_denied());
    let report = project(&projector, &events).await;
    assert_eq!((report.projected, report.parked), (0, 0));
    let mut keys: Vec<EntityKey> = events.iter().map(|stored| stored.event.key()).collect();
    keys.sort();
    fixture.check_named(&report, &keys.iter().collect::<Vec<_>>(), PortErrorKind::Misconfigured);
    assert!(fixture.published().is_empty());

    fixture.proxy.heal();
    assert_eq!(project(&projector, &events).await.projected, 3);
    fixture.test_tables.remove().await;
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_stored_fails_no_record() {
    let fixture = Fixture::new().await;
    let events = decided(&fixture.direct, (0..50).map(|round| change(round, 0).to_string())).await;
    let key = events[0].event.key();
    fixture.fails("snapshot#", Fault::access_denied());
    let report = project(&fixture.projector(&[]), &events).await;
    assert_eq!((report.projected, report.parked, report.failed.len()), (1, 0, 0));
    let snapshot =
        async || fixture.direct.state.snapshots.newest(&key, Version::new(50)).await.expect("DynamoDB answers");
    assert!(snapshot().await.is_none(), "the write of the snapshot failed");

    fixture.proxy.heal();
    assert_eq!(project(&fixture.projector(&[]), &events).await.projected, 1);
    assert_eq!(snapshot().await.map(|snapshot| snapshot.version()), Some(Version::new(50)));
    fixture.test_tables.remove().await;
}
