//! What an event takes as an item: its bytes, and its write units by DynamoDB's own count.
//!
//! Of the sample events of this repository, and of the collected ones where `ANNALS_SAMPLES` names
//! the folder that has them.

use std::collections::HashMap;

use annals_application::commands::CommandMetadata;
use annals_aws_event_store::{create_table_without_stream, item_size, write_units};
use annals_aws_tests::world::World;
use annals_services::unique_name;
use annals_tests::samples::{Sample, collected, sample_events};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use serde_dynamo::Item;

/// What a write unit writes.
const UNIT: usize = 1_024;
/// The largest overhead that an event may have: all of an item that is neither its data nor what
/// validation found. (The most are those of a record with many changes of one instant, which its
/// head names.)
const OVERHEAD: usize = 400;

type SdkItem = HashMap<String, AttributeValue>;

/// An item as it is stored.
struct Stored {
    /// Its record's id at the CRM.
    record: String,
    overhead: usize,
    head: usize,
    warnings: usize,
    size: usize,
    units: f64,
}

/// All items that samples come to, each with what DynamoDB says that writing it costs.
async fn stored(samples: &[Sample]) -> Vec<Stored> {
    let world = World::new("sizes").await;
    let handler = world.installation().handler();
    for sample in samples {
        let taken = handler.take_body(sample.provider, &sample.text, CommandMetadata::default()).await;
        taken.unwrap_or_else(|error| panic!("{}: {error}", sample.name));
    }
    let scratch = unique_name("sizes-again");
    create_table_without_stream(&world.client, &scratch).await.expect("DynamoDB makes a table");
    let mut pages = world.client.scan().table_name(&world.events_table).into_paginator().items().send();
    let mut stored = Vec::new();
    while let Some(item) = pages.next().await {
        let item = item.expect("DynamoDB answers");
        let put = world.client.put_item().table_name(&scratch).set_item(Some(item.clone()));
        let answer = put.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.expect("it fits");
        let units = answer.consumed_capacity.and_then(|capacity| capacity.capacity_units).expect("it was asked for");
        stored.push(measured(item, units));
    }
    world.client.delete_table().table_name(scratch).send().await.expect("a table of its own");
    world.remove().await;
    stored
}

fn measured(item: SdkItem, units: f64) -> Stored {
    let size_of = |item: SdkItem| item_size(&Item::from(item));
    let without = |names: &[&str]| {
        let mut item = item.clone();
        item.retain(|name, _| !names.contains(&name.as_str()));
        size_of(item)
    };
    let size = size_of(item.clone());
    // The name of the data counts as overhead.
    let data = ["data", "data_1"].into_iter().find(|name| item.contains_key(*name)).expect("an event has data");
    let overhead = without(&[data, "warnings"]) + data.len();
    let record = item.get("external_id").and_then(|id| id.as_s().ok()).expect("an event has its record").clone();
    Stored { record, overhead, head: size - without(&["head"]), warnings: size - without(&["warnings"]), size, units }
}

#[track_caller]
fn check(name: &str, stored: &[Stored], over_a_unit: usize) {
    let spread = |number: fn(&Stored) -> usize| {
        let mut numbers: Vec<usize> = stored.iter().map(number).collect();
        numbers.sort_unstable();
        format!("{} ({} to {})", numbers[numbers.len() / 2], numbers[0], numbers[numbers.len() - 1])
    };
    println!("{name}: {} events", stored.len());
    println!("  item      {} bytes", spread(|item| item.size));
    println!("  overhead  {} bytes, of which the head {}", spread(|item| item.overhead), spread(|item| item.head));
    println!("  warnings  {} bytes", spread(|item| item.warnings));
    let over = stored.iter().filter(|item| item.size > UNIT).map(|item| (item.size, item.record.as_str()));
    let over: Vec<(usize, &str)> = over.collect();
    println!("  over a write unit: {over:?}");
    for item in stored {
        assert_eq!(item.units, write_units(item.size) as f64, "{} bytes", item.size);
        assert!(item.overhead <= OVERHEAD, "{}: {} bytes beside the data", item.record, item.overhead);
    }
    assert_eq!(over.len(), over_a_unit, "{over:?}");
    assert_eq!(stored.iter().filter(|item| item.units > 1.0).count(), over_a_unit);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_event_takes_one_write_unit_and_little_beside_its_data() {
    // A long description, and two creations with all their fields, a little over.
    check("sample events", &stored(&sample_events()).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collected_event_takes_one_write_unit_unless_its_text_is_long() {
    let Some(samples) = collected() else { return };
    // Two long texts that are no words of JSON, and a record of 2.5 KB of ids.
    check("collected events", &stored(&samples).await, 3);
}
