//! Time travel on DynamoDB: answered from the events and snapshots alone, and what it costs.

use std::sync::Arc;

use annals_application::ports::{
    Document, EntityQuery, FoundPage, IndexOutcome, PortError, PortErrorKind, ReadDocument, ReadModel, Snapshot,
    StoredEvent,
};
use annals_application::queries::{EntityQueries, HistoryOrder, HistoryRequest, MomentRequest};
use annals_aws::event_store::encode;
use annals_aws_tests::decided::decided;
use annals_domain::aggregate::Aggregate;
use annals_domain::definition::EntitySchema;
use annals_domain::identity::AggregateId;
use annals_lambda::Installation;
use annals_tests::boundaries::{Past, PastEntity, check_several};
use annals_tests::changes::{change, record_id};
use annals_tests::history::History;
use annals_tests::lanes::{lanes, steps};
use annals_tests::process::ingest_deliveries;
use async_trait::async_trait;
use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};

use crate::counted::Counted;

/// A read model that is down.
struct Down;

fn down<T>() -> Result<T, PortError> {
    Err(PortError::new(PortErrorKind::Unavailable, "the index", "it is down"))
}

#[async_trait]
impl ReadModel for Down {
    async fn index(&self, _: Vec<Document>) -> Result<Vec<IndexOutcome>, PortError> {
        down()
    }

    async fn get(&self, _: &EntitySchema, _: AggregateId) -> Result<Option<ReadDocument>, PortError> {
        down()
    }

    async fn search(&self, _: &EntityQuery) -> Result<FoundPage, PortError> {
        down()
    }

    async fn count(&self, _: &EntityQuery) -> Result<u64, PortError> {
        down()
    }
}

/// Queries that have no read model.
pub(crate) fn queries(installation: &Installation) -> EntityQueries {
    let read_model: Arc<dyn ReadModel> = Arc::new(Down);
    installation.query_api(&read_model).queries
}

/// Stores a snapshot of a stream after each `interval` versions, as projection does where events come one by one.
pub(crate) async fn store_snapshots(installation: &Installation, events: &[StoredEvent], interval: usize) {
    let Some(first) = events.first().map(|stored| &stored.event) else { return };
    let mut state = Aggregate::new(first.key(), first.metadata.provider, first.metadata.external_id.clone());
    let mut snapshots = Vec::new();
    for stored in events {
        let change = installation.adapters.read_event(&stored.event).expect("a stored event is readable");
        state.apply(stored.event.version, &change);
        if stored.event.version.get().is_multiple_of(interval as u64) {
            snapshots.push(Snapshot { state: state.clone(), recorded_at: stored.event.recorded_at });
        }
    }
    installation.state.snapshots.put(snapshots).await.expect("the snapshots are stored");
}

/// Stores a stream of that many events of one record, in order, with its snapshots.
pub(crate) async fn long_stream(counted: &Counted, length: usize) -> Vec<StoredEvent> {
    let test_tables = &counted.test_tables;
    let installation = test_tables.installation();
    let events = decided(&installation, (0..length).map(|round| change(round, 1).to_string())).await;
    for chunk in events.chunks(25) {
        let puts = chunk.iter().map(|stored| {
            let item = encode(stored).expect("the event fits in an item").into();
            let put = PutRequest::builder().set_item(Some(item)).build();
            WriteRequest::builder().put_request(put.expect("the request has an item")).build()
        });
        let write = test_tables.client.batch_write_item().request_items(&test_tables.events_table, puts.collect());
        let unwritten = write.send().await.expect("DynamoDB answers").unprocessed_items.unwrap_or_default();
        assert!(unwritten.is_empty());
    }
    store_snapshots(&installation, &events, 50).await;
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_boundary_of_random_histories_exactly_the_right_events_count() {
    let counted = Counted::new("moments").await;
    let installation = counted.test_tables.installation();
    let (handler, queries) = (installation.handler(), queries(&installation));
    let mut lanes =
        lanes(0..12, |history: History, deliveries| history.arrivals(deliveries, 2).into_iter().take(3).collect());
    for step in 0..steps(&lanes) {
        let due = lanes.iter_mut().filter_map(|lane| lane.arriving(step).map(|delivery| (lane, delivery)));
        let (due, deliveries): (Vec<_>, Vec<_>) = due.unzip();
        let answers = ingest_deliveries(&handler, deliveries).await;
        for (lane, reads) in due.into_iter().zip(answers) {
            lane.note(step, &reads);
        }
    }
    let mut pasts = Vec::new();
    for lane in &lanes {
        let key = lane.key.as_ref().expect("something was delivered");
        let past = Past::read(&queries, &*installation.store, &installation.adapters, key, &lane.record).await;
        store_snapshots(&installation, &past.events, 3).await;
        pasts.push(past);
    }
    for past in &pasts {
        past.check().await;
        past.check_diffs().await;
        past.check_provenance().await;
        past.check_history().await;
    }
    let as_of = pasts[0].timestamps().into_iter().nth(2);
    check_several(&pasts, &MomentRequest { as_of, ..MomentRequest::default() }).await;
    counted.test_tables.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_travel_to_the_middle_of_10_000_events_in_order_is_at_most_three_requests() {
    let counted = Counted::new("middle").await;
    let events = long_stream(&counted, 10_000).await;
    let installation = counted.test_tables.installation_by(&counted.config());
    let (queries, id) = (queries(&installation), record_id(1));
    let past =
        Past { queries: &queries, catalog: &installation.catalog, adapters: &installation.adapters, id: &id, events };
    for version in [1, 4_999, 5_000, 5_001, 5_049, 10_000] {
        let event = &past.events[version - 1].event;
        let now = MomentRequest::default();
        let moments = [
            (MomentRequest { as_of: Some(event.timestamp()), ..now }, 3),
            (MomentRequest { known_at: Some(event.recorded_at), ..now }, 3),
            (MomentRequest { version: Some(version as u64), ..now }, 2),
            (MomentRequest { as_of: Some(event.timestamp()), known_at: Some(event.recorded_at), version: None }, 5),
        ];
        for (moment, at_most) in moments {
            let found = past.found(&moment).await;
            let (events, state) = counted.seen();
            assert_eq!(found, past.expected(&moment), "{moment:?}");
            assert!(matches!(found, PastEntity::Entity(_)), "{moment:?}");
            assert!(events.len() + state.len() <= at_most, "{moment:?}: {events:?}, {state:?}");
        }
    }
    counted.test_tables.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_history_of_10_000_events_reads_no_more_than_its_events_and_those_after_a_snapshot() {
    let counted = Counted::new("pages").await;
    let events = long_stream(&counted, 10_000).await;
    let installation = counted.test_tables.installation_by(&counted.config());
    let (queries, id) = (queries(&installation), record_id(1));
    let at = |version: usize| Some(events[version - 1].event.timestamp());
    let page =
        |page, order| HistoryRequest { page: Some(page), page_size: Some(50), order, ..HistoryRequest::default() };
    let dates = HistoryRequest { from_date: at(5_000), to_date: at(5_030), ..page(1, HistoryOrder::Ascending) };
    let backwards = HistoryRequest { order: HistoryOrder::Descending, ..dates.clone() };
    for (request, first, last, most) in [
        (page(1, HistoryOrder::Ascending), 1, 50, 2),
        (page(100, HistoryOrder::Ascending), 4_951, 5_000, 3),
        (page(200, HistoryOrder::Ascending), 9_951, 10_000, 3),
        (page(1, HistoryOrder::Descending), 10_000, 9_951, 3),
        (page(100, HistoryOrder::Descending), 5_050, 5_001, 3),
        (dates, 5_000, 5_030, 3),
        (backwards, 5_030, 5_000, 6),
    ] {
        let found = queries.history("clients", &id, &request).await.expect("the store answers");
        let (events, state) = counted.seen();
        let versions: Vec<u64> = found.results.iter().map(|event| event.version.get()).collect();
        assert_eq!((versions.first(), versions.last()), (Some(&first), Some(&last)), "{request:?}");
        assert!(events.len() + state.len() <= most, "{request:?}: {events:?}, {state:?}");
    }
    counted.test_tables.remove().await;
}
