//! The number of requests of a projection.

use std::sync::Arc;

use annals_application::ports::{Snapshot, StoredEvent};
use annals_application::projection::Projector;
use annals_aws::event_store::encode;
use annals_aws::publisher::{PublishSettings, publisher};
use annals_aws::read_model::Refresh;
use annals_aws_tests::decided::decided;
use annals_domain::aggregate::Aggregate;
use annals_domain::event::DomainEvent;
use annals_lambda::projector_settings;
use annals_services::{Proxy, moto_endpoint, opensearch_endpoints, sdk_config, unique_name};
use annals_tests::changes::change;
use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};

use crate::counted::Counted;

/// A projector whose requests to DynamoDB, OpenSearch and EventBridge are counted.
struct Pipeline {
    counted: Counted,
    search: Proxy,
    bus: Proxy,
    projector: Projector,
}

impl Pipeline {
    async fn new(name: &str, opensearch: &str) -> Self {
        let (counted, search, bus) =
            (Counted::new(name).await, Proxy::start(opensearch), Proxy::start(&moto_endpoint()));
        let installation = counted.test_tables.installation_by(&counted.config());
        let connected = counted.test_tables.search(&search.endpoint(), &unique_name(name), Refresh::Periodic).await;
        let publisher = publisher(&sdk_config(&bus.endpoint()), PublishSettings::default());
        let read_model = connected.projecting(&installation);
        let projector = installation.projector(&read_model, publisher, projector_settings());
        Self { counted, search, bus, projector }
    }

    /// Projects events and checks that all succeed.
    async fn project(&self, events: &[StoredEvent]) {
        let batch: Vec<Arc<DomainEvent>> = events.iter().map(|stored| Arc::clone(&stored.event)).collect();
        let report = self.projector.project(batch).await;
        assert!(report.failed.is_empty() && report.parked == 0, "{report:?}");
    }

    /// The operations of a batch on the events table and on the state table, and its numbers of `_bulk` and
    /// PutEvents calls.
    fn seen(&self) -> (Vec<String>, Vec<String>, usize, usize) {
        let (events, state) = self.counted.seen();
        let (bulks, puts) = (self.search.count("_bulk"), self.bus.count("PutEvents"));
        self.search.clear();
        self.bus.clear();
        (events, state, bulks, puts)
    }
}

/// Stores `rounds` changes of each of `records` records.
async fn rounds(pipeline: &Pipeline, rounds: usize, records: usize) -> Vec<StoredEvent> {
    let inputs = (0..rounds).flat_map(|round| (0..records).map(move |record| change(round, record).to_string()));
    decided(&pipeline.counted.test_tables.installation(), inputs).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contiguous_batch_of_100_events_of_20_records_reads_no_event_and_makes_one_bulk_call_and_two_put_events_calls()
 {
    for (label, opensearch) in opensearch_endpoints() {
        let pipeline = Pipeline::new("batch", &opensearch).await;
        let events = rounds(&pipeline, 15, 20).await;
        // The first batch is cold and creates the records; the others follow it.
        for (number, batch) in events.chunks(100).enumerate() {
            pipeline.project(batch).await;
            let (events, state, bulks, puts) = pipeline.seen();
            println!("{label}, batch {number}: state {state:?}");
            assert_eq!((events, bulks, puts), (vec![], 1, 2), "{label}, batch {number}");
            assert!(number == 0 || state.is_empty(), "{label}, batch {number}: {state:?}");
        }
        pipeline.counted.test_tables.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_100_records_is_two_concurrent_bulk_calls() {
    for (label, opensearch) in opensearch_endpoints() {
        let pipeline = Pipeline::new("halves", &opensearch).await;
        let events = rounds(&pipeline, 2, 100).await;
        for batch in events.chunks(100) {
            pipeline.project(batch).await;
            let (events, _, bulks, puts) = pipeline.seen();
            assert_eq!((events, bulks, puts), (vec![], 2, 10), "{label}");
        }
        pipeline.counted.test_tables.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_record_of_10_000_events_with_a_snapshot_is_two_reads() {
    let (_, opensearch) = opensearch_endpoints().swap_remove(0);
    let pipeline = Pipeline::new("long", &opensearch).await;
    let test_tables = &pipeline.counted.test_tables;
    // The events after the newest snapshot, and the event that is projected.
    let mut events = rounds(&pipeline, 10_031, 1).await;
    write(&pipeline, &events).await;
    let installation = test_tables.installation();
    let (newest, first) = (events.pop().expect("the newest"), &events[0].event);
    let mut snapshot = Aggregate::new(first.key(), first.metadata.provider, first.metadata.external_id.clone());
    for stored in &events[..10_000] {
        let change = installation.adapters.read_event(&stored.event.input()).expect("a decided event is readable");
        snapshot.apply(stored.event.version, &change);
    }
    let recorded_at = events[9_999].event.recorded_at;
    installation
        .state
        .snapshots
        .put(vec![Snapshot { state: snapshot, recorded_at }])
        .await
        .expect("the snapshot is stored");
    // The process is warm, since it has projected another record.
    let other = decided(&installation, [change(0, 1).to_string()]).await;
    pipeline.project(&other).await;
    pipeline.seen();

    pipeline.project(&[newest]).await;
    let (events, state, bulks, puts) = pipeline.seen();
    assert_eq!((events, state), (vec!["Query".to_owned()], vec!["Query".to_owned()]));
    assert_eq!((bulks, puts), (1, 1));
    pipeline.counted.test_tables.remove().await;
}

/// Writes items unchanged, many at once.
async fn write(pipeline: &Pipeline, events: &[StoredEvent]) {
    let test_tables = &pipeline.counted.test_tables;
    for chunk in events.chunks(25) {
        let puts = chunk.iter().map(|stored| {
            let put =
                PutRequest::builder().set_item(Some(encode(stored).expect("the event fits in an item").into())).build();
            WriteRequest::builder().put_request(put.expect("the request has an item")).build()
        });
        let write = test_tables.client.batch_write_item().request_items(&test_tables.events_table, puts.collect());
        let unwritten = write.send().await.expect("DynamoDB answers").unprocessed_items.unwrap_or_default();
        assert!(unwritten.is_empty());
    }
}
