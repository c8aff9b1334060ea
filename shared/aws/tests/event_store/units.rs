//! What an append costs, by DynamoDB's own count.

use annals_application::contract::samples::{intricate_event, key, next_event};
use annals_aws::event_store::{encode, item_size, write_units};
use aws_sdk_dynamodb::types::{AttributeValue as SdkValue, ReturnConsumedCapacity};
use serde_dynamo::{AttributeValue, Item};

use crate::tables::{Table, store, with_data};

async fn consumed(table: &Table, item: Item) -> f64 {
    let item: std::collections::HashMap<String, SdkValue> = item.into();
    let put = table.client.put_item().table_name(&table.name).set_item(Some(item));
    let answer = put.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
    answer.expect("it fits").consumed_capacity.and_then(|capacity| capacity.capacity_units).expect("it was asked for")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_size_of_an_item_is_what_dynamodb_counts() {
    let (_, table) = store().await;
    for event in [next_event(&key("a"), None, "plain"), intricate_event(&key("b"))] {
        let empty = item_size(&encode(&with_data(&event, "")).expect("it is small"));
        let edge = write_units(empty) * 1024;
        for size in [edge, edge + 1] {
            let mut item = encode(&event).expect("it is small");
            item.inner_mut().insert("data".to_owned(), AttributeValue::S("x".repeat(size - empty)));
            assert_eq!(item_size(&item), size);
            let units = consumed(&table, item).await;
            assert_eq!(units, write_units(size) as f64, "{size} bytes");
        }
    }
}
