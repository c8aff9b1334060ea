//! What an append costs, by DynamoDB's own count.

use std::sync::Arc;

use annals_application::contract::samples::{change, intricate_event, key, next_event};
use annals_application::ports::StoredEvent;
use annals_aws::event_store::{LATE, encode, item_size, write_units};
use annals_domain::stream_head::StreamHead;
use aws_sdk_dynamodb::types::{AttributeValue as SdkValue, ReturnConsumedCapacity};
use serde_dynamo::{AttributeValue, Item};

use crate::tables::{Table, store, with_data};

async fn consumed(table: &Table, item: Item) -> f64 {
    let item: std::collections::HashMap<String, SdkValue> = item.into();
    let put = table.client.put_item().table_name(&table.name).set_item(Some(item));
    let answer = put.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
    answer.expect("it fits").consumed_capacity.and_then(|capacity| capacity.capacity_units).expect("it was asked for")
}

/// The item of an event, without the key by which the index would have it too.
fn unindexed(event: &StoredEvent) -> Item {
    let mut item = encode(event).expect("it is small");
    item.inner_mut().remove(LATE);
    item
}

#[tokio::test(flavor = "multi_thread")]
async fn the_size_of_an_item_is_what_dynamodb_counts() {
    let (_, table) = store().await;
    for event in [next_event(&key("a"), None, "plain"), intricate_event(&key("b"))] {
        let empty = item_size(&unindexed(&with_data(&event, "")));
        let edge = write_units(empty) * 1024;
        for size in [edge, edge + 1] {
            let mut item = unindexed(&event);
            item.inner_mut().insert("data".to_owned(), AttributeValue::S("x".repeat(size - empty)));
            assert_eq!(item_size(&item), size);
            let units = consumed(&table, item).await;
            assert_eq!(units, write_units(size) as f64, "{size} bytes");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_in_order_costs_one_write_unit_and_a_late_one_two() {
    let (_, table) = store().await;
    let created = next_event(&key("a"), None, "created");
    let updated = next_event(&key("a"), Some(&created.head), "updated");
    let late = late_event(&updated);
    for (event, expected) in [(created, 1.0), (updated, 1.0), (late, 2.0)] {
        let units = consumed(&table, encode(&event).expect("it is small")).await;
        assert_eq!(units, expected, "version {}", event.event.version);
    }
}

/// The event after that one, half a second earlier at its source.
fn late_event(after: &StoredEvent) -> StoredEvent {
    let mut next = next_event(&key("a"), Some(&after.head), "late");
    let mut event = (*next.event).clone();
    event.position.timestamp = after.event.timestamp().plus_millis(-500);
    next.head = StreamHead::after(
        Some(&after.head),
        event.event_type,
        &change(event.position),
        event.version,
        event.recorded_at,
    );
    StoredEvent { event: Arc::new(event), ..next }
}
