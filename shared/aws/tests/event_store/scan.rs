//! Scanning the whole table.

use std::collections::{BTreeMap, HashMap};

use annals_application::contract::samples::{key, stream};
use annals_application::ports::{EventStore, StoredEvent, StoredInput};
use annals_aws::event_store::{DynamoEventStore, ScanKey, ScanPage};
use annals_domain::identity::EntityKey;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::tables::{Table, noise, store, with_data};

/// 60 streams of 4 events of about 40 KB: several pages per segment.
async fn filled(store: &DynamoEventStore) -> Vec<StoredEvent> {
    let large = |stored: &StoredEvent| with_data(stored, &noise(40_000, stored.event.version.get()));
    let events: Vec<_> = (0..60).flat_map(|number| stream(&key(&format!("k{number}")), 4)).map(|e| large(&e)).collect();
    for result in store.append(events.clone()).await {
        result.expect("the version is free");
    }
    events
}

/// The pages of one segment. Between two pages the key is serialized as in a checkpoint.
async fn pages(store: &DynamoEventStore, segment: u32, total: u32) -> Vec<ScanPage> {
    let (mut pages, mut start) = (Vec::new(), None);
    loop {
        let page = store.scan_page(segment, total, start).await.expect("the store reads");
        let next = page.next.as_ref().map(|key| serde_json::to_string(key).expect("a key is JSON"));
        pages.push(page);
        let Some(next) = next else { return pages };
        start = Some(serde_json::from_str::<ScanKey>(&next).expect("it reads back"));
    }
}

type Input = (EntityKey, StoredInput);

fn inputs_of(pages: Vec<ScanPage>) -> Vec<Input> {
    let scanned = pages.into_iter().flat_map(|page| page.items).filter_map(Result::ok);
    scanned.map(|scanned| (scanned.key, scanned.input)).collect()
}

fn sorted(inputs: impl IntoIterator<Item = Input>) -> Vec<Input> {
    let mut inputs: Vec<_> = inputs.into_iter().collect();
    inputs.sort_by_key(|(key, input)| (key.clone(), input.version));
    inputs
}

fn of_events(events: &[StoredEvent]) -> Vec<Input> {
    sorted(events.iter().map(|stored| (stored.event.key(), StoredInput::from(&*stored.event))))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_segments_return_every_event_once_and_each_stream_without_interruption() {
    let (store, _table) = store().await;
    let events = filled(&store).await;
    let mut scanned = Vec::new();
    for segment in 0..3 {
        let pages = pages(&store, segment, 3).await;
        assert!(pages.len() > 1, "segment {segment} has more than a page");
        let of_segment = inputs_of(pages);
        for stream in of_segment.chunk_by(|(one, _), (next, _)| one == next) {
            let versions: Vec<_> = stream.iter().map(|(_, input)| input.version.get()).collect();
            assert_eq!(versions, [1, 2, 3, 4]);
        }
        scanned.extend(of_segment);
    }
    assert!(sorted(scanned) == of_events(&events), "the input of every event once, as it was stored");
}

async fn put_foreign(table: &Table, key: &str, version: &str, more: &[(&str, &str)]) {
    let mut item = HashMap::from([
        ("entity_key".to_owned(), AttributeValue::S(key.to_owned())),
        ("version".to_owned(), AttributeValue::N(version.to_owned())),
    ]);
    item.extend(more.iter().map(|(name, text)| ((*name).to_owned(), AttributeValue::S((*text).to_owned()))));
    table.client.put_item().table_name(&table.name).set_item(Some(item)).send().await.expect("it is an item");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_is_not_an_event_is_reported_and_the_scan_continues() {
    let (store, table) = store().await;
    let events = filled(&store).await;
    put_foreign(&table, "settings", "1", &[]).await;
    put_foreign(&table, &key("k7").to_string(), "-1.5", &[("type", "Created")]).await;
    let pages = pages(&store, 0, 1).await;
    let reported = pages.iter().flat_map(|page| &page.items).filter_map(|item| item.as_ref().err());
    let reported: BTreeMap<_, _> =
        reported.map(|no| ((&*no.key.entity_key, &*no.key.version), no.reason.as_str())).collect();
    let of_k7 = key("k7").to_string();
    let expected = BTreeMap::from([
        (("settings", "1"), "invalid attribute `entity_key`: expected an entity key"),
        ((&*of_k7, "-1.5"), "invalid attribute `version`: expected a whole number in range"),
    ]);
    assert_eq!(reported, expected);
    assert!(sorted(inputs_of(pages)) == of_events(&events), "the events are scanned all the same");
}
