//! The size of an event as an item: its bytes, and its write units as DynamoDB counts them.
//!
//! Covers the sample events of this repository, and the collected ones if `ANNALS_SAMPLES` names
//! their folder.

use std::collections::HashMap;

use annals_application::commands::CommandMetadata;
use annals_aws::event_store::{LATE, create_table_without_stream, item_size, write_units};
use annals_aws_tests::test_tables::TestTables;
use annals_services::unique_name;
use annals_tests::process::key_of;
use annals_tests::samples::{Sample, collected, sample_events};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use serde_dynamo::Item;

/// The bytes of a write unit.
const UNIT: usize = 1_024;
/// The largest overhead that an event may have: all of an item that is neither its data nor what
/// validation found. (The most are those of a late change of a record with many changes of one timestamp,
/// which its head names.)
const OVERHEAD: usize = 430;
/// The tolerance in bytes: a timestamp that ends in zeros is a shorter number.
const OFF: usize = 8;

/// The number of each sample of this repository and the bytes of its item.
const SAMPLE_EVENTS: &str = "\
    01:996 02:735 03:863 04:613 05:702 06:845 07:640 08:849 09:725 10:728 10:818 11:771 12:724 13:1716 \
    14:870 15:764 16:764 17:714 18:697 19:723 19:871 20:618 20:620 20:623 21:654 21:654 21:654 22:840 \
    23:665 24:768 25:687 26:956 27:642 28:777 29:922 29:940 30:609 30:609 31:810 31:812 32:962 33:563 \
    36:737 37:630 37:870 38:753";

/// The same for the collected samples.
const COLLECTED: &str = "\
    01:731 02:895 03:968 07:916 11:711 13:803 15:830 17:724 18:791 19:817 20:772 21:887 22:1427 23:1140 \
    24:1203 26:762 27:918 30:592 31:574 32:575 40:670 41:631 42:981 46:694 47:683 49:880 61:714 62:992 \
    64:687 65:700 67:753 70:700";

type SdkItem = HashMap<String, AttributeValue>;

/// An item as it is stored.
struct Stored {
    /// The sample of the event.
    sample: String,
    overhead: usize,
    head: usize,
    warnings: usize,
    size: usize,
    is_late: bool,
    units: f64,
}

/// The items of all samples, each with the write capacity that DynamoDB reports.
async fn stored(samples: &[Sample]) -> Vec<Stored> {
    let test_tables = TestTables::new("sizes").await;
    let handler = test_tables.installation().handler();
    let mut sample_of = HashMap::new();
    for sample in samples {
        let ingested = handler.ingest_body(sample.provider, &sample.text, CommandMetadata::default()).await;
        for read in ingested.unwrap_or_else(|error| panic!("{}: {error}", sample.name)).results {
            if let Some(version) = read.version {
                sample_of.insert((key_of(&read).to_string(), version.to_string()), sample.stem().to_owned());
            }
        }
    }
    let scratch = unique_name("sizes-again");
    create_table_without_stream(&test_tables.client, &scratch).await.expect("DynamoDB makes a table");
    let mut pages = test_tables.client.scan().table_name(&test_tables.events_table).into_paginator().items().send();
    let mut stored = Vec::new();
    while let Some(item) = pages.next().await {
        let item = item.expect("DynamoDB answers");
        let put = test_tables.client.put_item().table_name(&scratch).set_item(Some(item.clone()));
        let answer = put
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .expect("the event fits in an item");
        let units = answer
            .consumed_capacity
            .and_then(|capacity| capacity.capacity_units)
            .expect("the consumed capacity was requested");
        let key = (item["entity_key"].as_s(), item["version"].as_n());
        let key = (key.0.expect("a text").clone(), key.1.expect("a number").clone());
        stored.push(measured(sample_of[&key].clone(), item, units));
    }
    test_tables.client.delete_table().table_name(scratch).send().await.expect("a table of its own");
    test_tables.remove().await;
    stored
}

fn measured(sample: String, item: SdkItem, units: f64) -> Stored {
    let size_of = |item: SdkItem| item_size(&Item::from(item));
    let without = |names: &[&str]| {
        let mut item = item.clone();
        item.retain(|name, _| !names.contains(&name.as_str()));
        size_of(item)
    };
    let size = size_of(item.clone());
    // The name of the data attribute counts as overhead.
    let data = ["data", "data_2"].into_iter().find(|name| item.contains_key(*name)).expect("an event has data");
    let overhead = without(&[data, "warnings"]) + data.len();
    let (head, warnings) = (size - without(&["head"]), size - without(&["warnings"]));
    Stored { sample, overhead, head, warnings, size, is_late: item.contains_key(LATE), units }
}

#[track_caller]
fn check(name: &str, stored: &[Stored], said: &'static str, over_a_unit: usize) {
    let spread = |number: fn(&Stored) -> usize| {
        let mut numbers: Vec<usize> = stored.iter().map(number).collect();
        numbers.sort_unstable();
        format!("{} ({} to {})", numbers[numbers.len() / 2], numbers[0], numbers[numbers.len() - 1])
    };
    println!("{name}: {} events", stored.len());
    println!("  item      {} bytes", spread(|item| item.size));
    println!("  overhead  {} bytes, of which the head {}", spread(|item| item.overhead), spread(|item| item.head));
    println!("  warnings  {} bytes", spread(|item| item.warnings));
    let over = stored.iter().filter(|item| item.size > UNIT).map(|item| (item.size, item.sample.as_str()));
    let over: Vec<(usize, &str)> = over.collect();
    println!("  over a write unit: {over:?}");
    for item in stored {
        // The index of late events takes a unit of its own.
        let units = write_units(item.size) + usize::from(item.is_late);
        assert_eq!(item.units, units as f64, "{} bytes", item.size);
        assert!(item.overhead <= OVERHEAD, "{}: {} bytes of overhead", item.sample, item.overhead);
    }
    assert_eq!(over.len(), over_a_unit, "{over:?}");
    check_sizes(stored, said);
}

/// Checks that each item has its listed size and that no item is missing.
#[track_caller]
fn check_sizes(stored: &[Stored], said: &'static str) {
    let mut found: Vec<(&str, usize)> = stored.iter().map(|item| (&item.sample[..2], item.size)).collect();
    found.sort_unstable();
    let read = |one: &'static str| {
        let read = one.split_once(':').and_then(|(sample, size)| Some((sample, size.parse().ok()?)));
        read.expect("a sample and the bytes of its item")
    };
    let expected: Vec<(&str, usize)> = said.split(' ').map(read).collect();
    let is_near = |(one, other): (&(&str, usize), &(&str, usize))| one.0 == other.0 && one.1.abs_diff(other.1) <= OFF;
    let is_as_said = found.len() == expected.len() && found.iter().zip(&expected).all(is_near);
    let found: Vec<String> = found.iter().map(|(sample, size)| format!("{sample}:{size}")).collect();
    assert!(is_as_said, "found\n{}\nexpected\n{said}", found.join(" "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_event_takes_one_write_unit_and_little_beside_its_data() {
    // A long description.
    check("sample events", &stored(&sample_events()).await, SAMPLE_EVENTS, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collected_event_takes_one_write_unit_unless_its_text_is_long() {
    let Some(samples) = collected() else { return };
    // Two long texts that do not compress well, and a record with 2.5 KB of ids.
    check("collected events", &stored(&samples).await, COLLECTED, 3);
}
