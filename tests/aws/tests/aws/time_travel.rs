//! Time travel on DynamoDB: answered from the events and snapshots alone, and what it costs.

use std::sync::Arc;

use annals_application::ports::{
    Document, EntityQuery, FoundPage, IndexOutcome, PortError, PortErrorKind, ReadDocument, ReadModel, Snapshot,
    StoredEvent,
};
use annals_application::queries::{
    EntityQueries, HistoryEvent, HistoryOrder, HistoryRequest, MomentRequest, Page, PageLink,
};
use annals_aws::event_store::encode;
use annals_aws_tests::decided::decided;
use annals_domain::aggregate::Aggregate;
use annals_domain::definition::EntitySchema;
use annals_domain::identity::AggregateId;
use annals_domain::timestamp::Timestamp;
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
        let change = installation.adapters.read_event(&stored.event.input()).expect("a stored event is readable");
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

/// Reads a page, and checks its first and last version and the number of its requests.
async fn check_page(
    counted: &Counted,
    queries: &EntityQueries,
    request: &HistoryRequest,
    (first, last): (u64, u64),
    requests: usize,
) -> Page<HistoryEvent> {
    let found = queries.history("clients", &record_id(1), request).await.expect("the store answers");
    assert_eq!(counted.number(), requests, "{request:?}");
    let versions: Vec<u64> = found.results.iter().map(|event| event.version.get()).collect();
    assert_eq!((versions.first(), versions.last()), (Some(&first), Some(&last)), "{request:?}");
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_history_of_10_000_events_is_two_requests() {
    let counted = Counted::new("pages").await;
    let events = long_stream(&counted, 10_000).await;
    let installation = counted.test_tables.installation_by(&counted.config());
    let queries = queries(&installation);
    let page = |page, page_size, order| HistoryRequest {
        page: Some(page),
        page_size: Some(page_size),
        order,
        ..HistoryRequest::default()
    };
    for (request, range) in [
        (page(1, 50, HistoryOrder::Ascending), (1, 50)),
        (page(100, 50, HistoryOrder::Ascending), (4_951, 5_000)),
        (page(200, 50, HistoryOrder::Ascending), (9_951, 10_000)),
        (page(112, 45, HistoryOrder::Ascending), (4_996, 5_040)),
        (page(1, 50, HistoryOrder::Descending), (10_000, 9_951)),
        (page(100, 50, HistoryOrder::Descending), (5_050, 5_001)),
        (page(113, 45, HistoryOrder::Descending), (4_960, 4_916)),
        (HistoryRequest { raw: true, ..page(100, 50, HistoryOrder::Descending) }, (5_050, 5_001)),
    ] {
        let found = check_page(&counted, &queries, &request, range, 2).await;
        assert_eq!(found.count, Some(10_000));
    }
    // What a page says does not depend on how it was read.
    let several = HistoryRequest { page_size: Some(200), page: Some(25), ..HistoryRequest::default() };
    let expected = check_page(&counted, &queries, &several, (4_801, 5_000), 3).await.results;
    let found =
        check_page(&counted, &queries, &page(100, 50, HistoryOrder::Ascending), (4_951, 5_000), 2).await.results;
    let changes = |events: &[HistoryEvent]| events.iter().map(|event| event.changes.clone()).collect::<Vec<_>>();
    assert_eq!(changes(&found), changes(&expected[150..]));
    assert_eq!(events.len(), 10_000);
    counted.test_tables.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_from_a_date_on_is_two_requests_and_one_that_ends_at_a_date_one_more() {
    let counted = Counted::new("dates").await;
    let events = long_stream(&counted, 10_000).await;
    let installation = counted.test_tables.installation_by(&counted.config());
    let queries = queries(&installation);
    let at = |version: usize| Some(events[version - 1].event.timestamp());
    let dates = |from, to, order| HistoryRequest {
        from_date: at(from),
        to_date: at(to),
        cursor: Some(String::new()),
        page_size: Some(49),
        order,
        ..HistoryRequest::default()
    };
    let since = |from, order| HistoryRequest { to_date: None, ..dates(from, from, order) };
    for (request, first, pages) in [
        (since(5_000, HistoryOrder::Ascending), 2, vec![(5_000, 5_048), (5_049, 5_097), (5_098, 5_146)]),
        (since(5_049, HistoryOrder::Ascending), 2, vec![(5_049, 5_097), (5_098, 5_146), (5_147, 5_195)]),
        (since(9_960, HistoryOrder::Ascending), 2, vec![(9_960, 10_000)]),
        (since(9_960, HistoryOrder::Descending), 2, vec![(10_000, 9_960)]),
        (dates(1_000, 5_000, HistoryOrder::Ascending), 2, vec![(1_000, 1_048), (1_049, 1_097), (1_098, 1_146)]),
        (dates(1_000, 1_060, HistoryOrder::Ascending), 2, vec![(1_000, 1_048), (1_049, 1_060)]),
        (dates(9_960, 9_990, HistoryOrder::Ascending), 2, vec![(9_960, 9_990)]),
        // The dates end on the page and the stream goes on: its head tells whether later events arrived late.
        (dates(5_000, 5_030, HistoryOrder::Ascending), 3, vec![(5_000, 5_030)]),
        (dates(5_000, 5_030, HistoryOrder::Descending), 3, vec![(5_030, 5_000)]),
        (dates(1_000, 5_000, HistoryOrder::Descending), 3, vec![(5_000, 4_952), (4_951, 4_903), (4_902, 4_854)]),
        // The dates end just before the next snapshot: only the event after them shows that.
        (dates(3_950, 4_049, HistoryOrder::Descending), 4, vec![(4_049, 4_001), (4_000, 3_952), (3_951, 3_950)]),
    ] {
        let (mut request, mut requests) = (request, first);
        let last = pages.len() - 1;
        for (number, range) in pages.into_iter().enumerate() {
            let found = check_page(&counted, &queries, &request, range, requests).await;
            match found.next {
                Some(PageLink::Cursor(cursor)) => request.cursor = Some(cursor),
                next => assert_eq!((number, next), (last, None)),
            }
            requests = 2;
        }
    }
    for order in [HistoryOrder::Ascending, HistoryOrder::Descending] {
        let after = Timestamp::from_millis(4_102_444_800_000).ok();
        let none = HistoryRequest { from_date: after, to_date: after, order, ..HistoryRequest::default() };
        let found = queries.history("clients", &record_id(1), &none).await.expect("the store answers");
        assert_eq!((found.results.len(), found.next), (0, None));
        let requests = if order == HistoryOrder::Ascending { 2 } else { 3 };
        assert!(counted.number() <= requests, "the newest snapshot is of the newest version");
    }
    counted.test_tables.remove().await;
}
