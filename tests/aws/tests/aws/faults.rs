//! Faults of the services: no event is lost or duplicated, and every error names its resource.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use annals_application::commands::{CommandError, CommandHandler, CommandMetadata, EventRead, IngestError, Outcome};
use annals_application::ports::{JobOutcome, PortErrorKind, ReadModel, ReadOptions, StoredEvent};
use annals_application::projection::{
    EventPattern, Projection, ProjectionFailure, ProjectionInput, ProjectionRegistry, Projector, ProjectorPorts,
    Redriver,
};
use annals_aws::read_model::Refresh;
use annals_aws_tests::test_tables::TestTables;
use annals_domain::definition::EntitySchema;
use annals_domain::identity::{EntityKey, EntityName, Provider};
use annals_domain::position::Version;
use annals_lambda::{Installation, projector_settings};
use annals_services::{Fault, Match, Proxy, Rule, dynamodb_endpoint, opensearch_endpoints, sdk_config, unique_name};
use annals_sqlite::TracedJobs;
use annals_tests::changes::change;
use annals_tests::process::key_of;
use async_trait::async_trait;
use aws_config::SdkConfig;
use axum::http::StatusCode;
use serde_json::json;
use tokio::time::Instant;

/// The timeout of one attempt, shorter than in production to keep the tests fast.
const ATTEMPT: Duration = Duration::from_millis(400);

/// A command handler with a proxy before DynamoDB.
struct Fixture {
    test_tables: TestTables,
    proxy: Proxy,
    handler: Arc<CommandHandler>,
}

impl Fixture {
    async fn new() -> Self {
        let test_tables = TestTables::new("faults").await;
        let proxy = Proxy::start(&dynamodb_endpoint());
        let handler = test_tables.installation_by(&short_timeouts(&proxy.endpoint())).handler();
        Self { test_tables, proxy, handler }
    }

    async fn take(&self, text: &str, within: Duration) -> Result<Vec<EventRead>, CommandError> {
        let metadata = CommandMetadata { deadline: Some(Instant::now() + within), ..CommandMetadata::default() };
        match self.handler.ingest_body(Provider::Salesforce, text, metadata).await {
            Ok(ingested) => Ok(ingested.results),
            Err(IngestError::Command(error)) => Err(error),
            Err(error) => panic!("the change event is refused: {error}"),
        }
    }

    /// The stored events of a record, read without the proxy.
    async fn stored(&self, key: &EntityKey) -> Vec<StoredEvent> {
        let store = self.test_tables.installation().store;
        store.read(key, &ReadOptions::from(Version::FIRST, 1_000)).await.expect("DynamoDB answers")
    }
}

/// A configuration with shorter timeouts.
fn short_timeouts(endpoint: &str) -> SdkConfig {
    let config = sdk_config(endpoint);
    let timeouts = config.timeout_config().expect("the timeouts are set").to_builder();
    config.to_builder().timeout_config(timeouts.operation_attempt_timeout(ATTEMPT).build()).build()
}

/// Checks that with this fault of the write a creation and the update after it are each stored once.
async fn stored_once(fault: Rule) {
    let name = format!("{fault:?}");
    let fixture = Fixture::new().await;
    fixture.proxy.rule(fault);
    for round in 0..2 {
        let reads = fixture.take(&change(round, 1).to_string(), Duration::from_secs(20)).await.expect(&name);
        assert_eq!(reads[0].outcome, Outcome::Stored, "{name}");
        assert_eq!(reads[0].version, Some(Version::new(round as u64 + 1)), "{name}");
        let stored = fixture.stored(&key_of(&reads[0])).await;
        assert_eq!(stored.len(), round + 1, "{name}");
    }
    let again = fixture.take(&change(0, 1).to_string(), Duration::from_secs(20)).await.expect(&name);
    assert_eq!(again[0].outcome, Outcome::Duplicate, "{name}");
}

const PUT: Match = Match::Target("PutItem");

#[tokio::test]
async fn a_throttled_write_is_retried() {
    stored_once(Rule::first(5, PUT, Fault::throttled())).await;
}

#[tokio::test]
async fn a_write_that_timed_out_before_it_was_done_is_retried() {
    stored_once(Rule::first(2, PUT, Fault::HangBefore)).await;
}

#[tokio::test]
async fn a_write_that_timed_out_after_it_was_done_is_not_duplicated() {
    stored_once(Rule::first(2, PUT, Fault::HangAfter)).await;
}

#[tokio::test]
async fn a_write_whose_connection_was_reset_is_stored_once_whether_it_was_done_or_not() {
    stored_once(Rule::first(2, PUT, Fault::DropBefore)).await;
    stored_once(Rule::first(2, PUT, Fault::DropAfter)).await;
}

#[tokio::test]
async fn a_write_that_the_service_failed_is_retried() {
    stored_once(Rule::first(2, PUT, Fault::unavailable())).await;
    let internal = Fault::aws_error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "it is ours");
    stored_once(Rule::first(2, PUT, internal)).await;
}

#[tokio::test]
async fn without_dynamodb_each_call_fails_in_time_and_the_last_stores_the_change_once() {
    let fixture = Fixture::new().await;
    fixture.proxy.rule(Rule::always(Match::Any, Fault::DropBefore));
    // Each call represents the next delivery by a queue, minutes later.
    for _ in 0..5 {
        let start = Instant::now();
        let error = fixture.take(&change(0, 1).to_string(), Duration::from_secs(1)).await.expect_err("nothing answers");
        assert!(error.is_retryable(), "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(3), "it took {:?}", start.elapsed());
    }
    fixture.proxy.heal();
    let reads = fixture.take(&change(0, 1).to_string(), Duration::from_secs(5)).await.expect("DynamoDB responds again");
    assert_eq!(reads[0].outcome, Outcome::Stored);
    assert_eq!(fixture.stored(&key_of(&reads[0])).await.len(), 1);
}

#[tokio::test]
async fn a_store_that_hangs_fails_at_the_deadline_and_is_named_in_the_error() {
    let mut fixture = Fixture::new().await;
    // The timeouts of production: each attempt would take longer than the call.
    fixture.handler = fixture.test_tables.installation_by(&sdk_config(&fixture.proxy.endpoint())).handler();
    fixture.proxy.rule(Rule::always(Match::Any, Fault::HangBefore));
    let mut malformed = change(0, 1);
    malformed["detail"]["payload"]["ChangeEventHeader"]["entityName"] = json!("no name");
    for (input, operation, table) in [
        (change(0, 1), "PutItem", &fixture.test_tables.events_table),
        (change(1, 1), "Query", &fixture.test_tables.events_table),
        (malformed, "PutItem", &fixture.test_tables.state_table),
    ] {
        fixture.proxy.clear();
        let start = Instant::now();
        let error = fixture.take(&input.to_string(), Duration::from_millis(500)).await.expect_err("nothing answers");
        assert!(start.elapsed() < Duration::from_secs(2), "it took {:?}", start.elapsed());
        assert_eq!(fixture.proxy.count(operation), 1, "{error:?}");
        let CommandError::Port(error) = error else { panic!("{error:?}") };
        assert_eq!((error.is_retryable(), &error.resource), (true, table), "{error}");
    }
    fixture.proxy.heal();
    for round in 0..2 {
        let reads =
            fixture.take(&change(round, 1).to_string(), Duration::from_secs(5)).await.expect("DynamoDB responds again");
        assert_eq!(reads[0].outcome, Outcome::Stored);
    }
}

#[tokio::test]
async fn a_denied_request_fails_at_once_and_names_the_table() {
    let fixture = Fixture::new().await;
    fixture.proxy.rule(Rule::always(PUT, Fault::access_denied()));
    let error = fixture.take(&change(0, 1).to_string(), Duration::from_secs(20)).await.expect_err("it is denied");
    let CommandError::Port(error) = error else { panic!("{error:?}") };
    assert_eq!(error.kind, PortErrorKind::Misconfigured);
    assert_eq!(error.resource, fixture.test_tables.events_table);
    assert_eq!(fixture.proxy.count("PutItem"), 1, "the request is not retried");
}

#[tokio::test]
async fn a_missing_table_is_named() {
    let mut test_tables = TestTables::new("faults").await;
    test_tables.events_table = unique_name("missing");
    let handler = test_tables.installation().handler();
    let ingested =
        handler.ingest_body(Provider::Salesforce, &change(0, 1).to_string(), CommandMetadata::default()).await;
    let Err(IngestError::Command(CommandError::Port(error))) = ingested else { panic!("{ingested:?}") };
    assert_eq!((error.kind, error.resource), (PortErrorKind::Misconfigured, test_tables.events_table));
}

#[tokio::test]
async fn an_event_larger_than_an_item_is_kept_whole_in_quarantine() {
    let fixture = Fixture::new().await;
    // Random digits do not compress to less than the size limit of an item.
    let mut state = 7_u64;
    let text: String = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:016x}", state.rotate_right(13).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    })
    .take(60_000)
    .collect();
    let mut large = change(0, 1);
    large["detail"]["payload"]["Description"] = json!(text);
    let body = large.to_string();
    let reads = fixture.take(&body, Duration::from_secs(20)).await.expect("the input is kept");
    assert_eq!(reads[0].outcome, Outcome::Quarantined);
    let said = reads[0].errors[0].to_string();
    assert!(said.contains("bytes"), "{said}");
    let id = reads[0].quarantine_id.clone().expect("the input is in quarantine");
    let quarantine = fixture.handler.quarantine();
    let entry = quarantine.get(&id).await.expect("the entry exists");
    let kept = quarantine.body(&entry, usize::MAX).await.expect("the body is stored");
    assert_eq!(kept, body.as_bytes());
}

/// A projection that fails for one record until the cause is removed.
struct Refusing {
    record: EntityKey,
    is_mended: Arc<AtomicBool>,
}

#[async_trait]
impl Projection for Refusing {
    fn name(&self) -> &'static str {
        "refusing"
    }

    async fn run(&self, inputs: &[ProjectionInput<'_>]) -> Vec<Result<JobOutcome, ProjectionFailure>> {
        let refuses = |key: &EntityKey| *key == self.record && !self.is_mended.load(Ordering::Relaxed);
        let answer = |input: &ProjectionInput<'_>| match refuses(&input.job.key) {
            true => Err(ProjectionFailure::Poison("invalid document".to_owned())),
            false => Ok(JobOutcome::Indexed),
        };
        inputs.iter().map(answer).collect()
    }
}

/// Stores this number of records and returns their events.
pub(crate) async fn records(installation: &Installation, count: usize) -> Vec<StoredEvent> {
    let handler = installation.handler();
    let mut events = Vec::new();
    for record in 0..count {
        let ingested =
            handler.ingest_body(Provider::Salesforce, &change(0, record).to_string(), CommandMetadata::default()).await;
        let key = key_of(&ingested.expect("DynamoDB answers").results[0]);
        let read = installation.store.read(&key, &ReadOptions::from(Version::FIRST, 1)).await;
        events.extend(read.expect("DynamoDB answers"));
    }
    events
}

fn clients(installation: &Installation) -> EntitySchema {
    installation.catalog.schema(Provider::Salesforce, &EntityName::new("Account"))
}

async fn shown(read_model: &dyn ReadModel, schema: &EntitySchema, events: &[StoredEvent]) -> usize {
    let mut count = 0;
    for stored in events {
        let found = read_model.get(schema, stored.event.aggregate_id).await.expect("OpenSearch answers");
        count += usize::from(found.is_some());
    }
    count
}

#[tokio::test]
async fn one_poison_record_of_a_hundred_is_parked_and_redriven_after_its_cause_is_gone() {
    let test_tables = TestTables::new("faults").await;
    let installation = test_tables.installation();
    let (_, opensearch) = opensearch_endpoints().remove(0);
    let search = test_tables.search(&opensearch, &unique_name("faults"), Refresh::Periodic).await;
    let read_model = search.reading();
    let events = records(&installation, 100).await;
    let is_mended = Arc::new(AtomicBool::new(false));
    let refusing = Refusing { record: events[42].event.key(), is_mended: Arc::clone(&is_mended) };
    // It runs before the read model, so that a record it refuses is not indexed.
    let registry = ProjectionRegistry::default().register(EventPattern::ALL, Arc::new(refusing)).register(
        EventPattern::ALL,
        Arc::new(annals_application::projection::ReadModelProjection::new(Arc::clone(&read_model))),
    );
    let ports = ProjectorPorts {
        store: Arc::clone(&installation.store),
        snapshots: Arc::clone(&installation.state.snapshots),
        parked: Arc::clone(&installation.state.parked),
        objects: Arc::clone(&installation.state.objects),
        jobs: Arc::new(TracedJobs),
        clock: Arc::clone(&installation.clock),
        ids: Arc::clone(&installation.ids),
    };
    let (catalog, adapters) = (Arc::clone(&installation.catalog), installation.adapters.clone());
    let projector = Projector::new(ports, catalog, adapters, registry, projector_settings());

    let report = projector.project(events.iter().map(|stored| Arc::clone(&stored.event)).collect()).await;
    assert_eq!((report.projected, report.parked, report.failed.len()), (99, 1, 0));
    assert_eq!(shown(&*read_model, &clients(&installation), &events).await, 99);

    let parked = projector.parked().oldest(10).await.expect("DynamoDB answers");
    assert_eq!(parked.iter().map(|parked| &parked.key).collect::<Vec<_>>(), [&events[42].event.key()]);
    let again = Redriver::new(&projector).redrive(&parked[0]).await.expect("DynamoDB answers");
    assert_eq!(again.parked, 1, "the cause still exists");

    is_mended.store(true, Ordering::Relaxed);
    Redriver::new(&projector).redrive(&parked[0]).await.expect("DynamoDB answers");
    assert!(projector.parked().oldest(10).await.expect("DynamoDB answers").is_empty());
    assert_eq!(shown(&*read_model, &clients(&installation), &events).await, 100);
}

/// Checks that with this fault of `_bulk` no record is projected and each fails for this reason, and that
/// afterwards all are projected.
async fn check_bulk_fault(fault: Fault, reason: &str) {
    let name = format!("{fault:?}");
    let test_tables = TestTables::new("faults").await;
    let installation = test_tables.installation();
    let (_, opensearch) = opensearch_endpoints().remove(0);
    let proxy = Proxy::start(&opensearch);
    let search = test_tables.search(&proxy.endpoint(), &unique_name("faults"), Refresh::Periodic).await;
    let read_model = search.reading();
    let projector = installation.projector(&read_model, None, projector_settings());
    let events = records(&installation, 100).await;
    let batch: Vec<_> = events.iter().map(|stored| Arc::clone(&stored.event)).collect();

    proxy.rule(Rule::always(Match::Path("_bulk"), fault));
    let report = projector.project(batch.clone()).await;
    assert_eq!((report.failed.len(), report.projected, report.parked), (100, 0, 0), "{name}");
    for (.., error) in &report.failed {
        assert!(error.is_retryable() && error.to_string().ends_with(reason), "{name}: {error}");
    }

    proxy.heal();
    let report = projector.project(batch).await;
    assert_eq!((report.failed.len(), report.projected), (0, 100), "{name}");
    assert_eq!(shown(&*read_model, &clients(&installation), &events).await, 100, "{name}");
}

#[tokio::test]
async fn documents_that_opensearch_rejects_temporarily_are_retried() {
    check_bulk_fault(Fault::too_many_requests(), "rejected_execution_exception (429)").await;
    check_bulk_fault(Fault::unavailable(), "no error type (503)").await;
    check_bulk_fault(Fault::DropBefore, "no response to the request").await;
    check_bulk_fault(Fault::DropAfter, "no response to the request").await;
}

#[tokio::test]
async fn a_red_index_fails_its_records_as_retryable() {
    // OpenSearch's response for each document while no shard of the index is assigned. A hundred records are
    // sent in two calls, and a response must have as many items as the request.
    let error = json!({"type": "unavailable_shards_exception", "reason": "[clients][0] primary shard is not active"});
    let item = json!({"index": {"_index": "clients", "_id": "1", "status": 503, "error": error}});
    let body = json!({"took": 1, "errors": true, "items": vec![item; 50]}).to_string();
    let fault = Fault::answer(StatusCode::OK, "application/json; charset=UTF-8", body);
    check_bulk_fault(fault, "an item was not written: unavailable_shards_exception (503)").await;
}
