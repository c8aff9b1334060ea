//! One change of a hundred records.

use std::collections::BTreeSet;
use std::sync::Arc;

use annals_application::commands::CommandMetadata;
use annals_application::ports::EntityQuery;
use annals_aws::read_model::Refresh;
use annals_domain::identity::{EntityName, Provider};
use annals_lambda::projector_settings;
use annals_services::{opensearch_endpoints, unique_name};
use annals_tests::changes::{record_id, shared_change};

use crate::counted::Counted;

const RECORDS: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_hundred_records_is_a_hundred_aggregates() {
    let counted = Counted::new("merged").await;
    let installation = counted.test_tables.installation_by(&counted.config());
    let ids: Vec<String> = (0..RECORDS).map(record_id).collect();
    let input = shared_change(0, 0, &ids).to_string();
    let ingested = installation.handler().ingest_body(Provider::Salesforce, &input, CommandMetadata::default()).await;
    let reads = ingested.expect("the store answers").results;
    let aggregates: BTreeSet<_> = reads.iter().filter_map(|read| read.aggregate_id).collect();
    assert_eq!((reads.len(), aggregates.len()), (RECORDS, RECORDS));
    assert_eq!(counted.seen(), (vec!["PutItem".to_owned(); RECORDS], vec![]));

    let schema = installation.catalog.schema(Provider::Salesforce, &EntityName::new("Account"));
    for (label, endpoint) in opensearch_endpoints() {
        let search = counted.test_tables.search(&endpoint, &unique_name("merged"), Refresh::BeforeResponse).await;
        let read_model = search.projecting(&installation);
        let projector = installation.projector(&read_model, None, projector_settings());
        let report = projector.project(events(&counted).await).await;
        assert_eq!((report.projected, report.parked, report.failed.len()), (RECORDS, 0, 0), "{label}");
        let all = EntityQuery::first(schema.clone(), 0);
        assert_eq!(read_model.count(&all).await.expect("the store responds"), RECORDS as u64, "{label}");
    }
    counted.test_tables.remove().await;
}

/// All stored events, as a stream would deliver them.
async fn events(counted: &Counted) -> Vec<Arc<annals_domain::event::DomainEvent>> {
    let client = &counted.test_tables.client;
    let mut pages = client.scan().table_name(&counted.test_tables.events_table).into_paginator().items().send();
    let mut events = Vec::new();
    while let Some(item) = pages.next().await {
        let item = item.expect("DynamoDB answers");
        events.push(annals_aws::event_store::decode(item.into()).expect("an event").event);
    }
    events
}
