//! Several shards: later versions of a record may arrive before earlier ones.

use std::collections::BTreeMap;

use annals_aws_tests::functions::records::{batch, key};
use annals_aws_tests::functions::{Deployment, Function, Mapping, deliver};
use annals_tests::random::Random;
use serde_json::Value;

use crate::{changes, clients, named, take};

const CLIENTS: usize = 6;
const ROUNDS: usize = 8;

fn versions(shown: &BTreeMap<String, Value>) -> BTreeMap<String, u64> {
    shown.iter().map(|(id, client)| (id.clone(), client["version"].as_u64().unwrap())).collect()
}

/// Fails if a client has an older version than before.
fn assert_no_regress(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) {
    for (id, version) in before {
        assert!(after.get(id) >= Some(version), "{id} went from {version} to {:?}", after.get(id));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_never_goes_back_to_an_older_version_across_shards() {
    let deployment = Deployment::new().await;
    take(&deployment.ingest(), &changes(CLIENTS, ROUNDS)).await;
    let query = deployment.query();
    let records = deployment.stream().await.read().await;
    let (early, late): (Vec<Value>, Vec<Value>) = records.into_iter().partition(|record| key(record).1 <= 4);
    // Each shard has a poller, and each poller has an instance of the function.
    let (first, second) = (deployment.projection(), deployment.projection());
    let mut shown = BTreeMap::new();
    for (function, records) in [(&second, &late), (&first, &early)] {
        for part in records.chunks(7) {
            assert_eq!(named(&function.invoke_with(&batch(part)).await.value()), [""; 0]);
            let now = versions(&clients(&deployment, &query).await);
            assert_no_regress(&shown, &now);
            shown = now;
        }
    }
    assert_eq!(shown.len(), CLIENTS);
    assert!(shown.values().all(|version| *version == ROUNDS as u64), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_concurrent_pollers_give_the_same_result_as_one() {
    let deployment = Deployment::new().await;
    take(&deployment.ingest(), &changes(CLIENTS, ROUNDS)).await;
    let query = deployment.query();
    let records = deployment.stream().await.read().await;
    let mut random = Random::new(3);
    let pollers: Vec<(Function, Vec<Value>)> = (0..2)
        .map(|_| {
            // Both deliver all records, each in its own order, as after a shard split during a retry.
            let mut records = records.clone();
            records.chunks_mut(16).for_each(|window| random.shuffle(window));
            (deployment.projection(), records)
        })
        .collect();
    let [(first, ones), (second, others)] = pollers.as_slice() else { unreachable!("there are two pollers") };
    let (one, other) = tokio::join!(deliver(ones, first, Mapping::of(5)), deliver(others, second, Mapping::of(3)));
    assert_eq!((one.done, other.done), (records.len(), records.len()));
    let shown = versions(&clients(&deployment, &query).await);
    assert_eq!(shown.len(), CLIENTS);
    assert!(shown.values().all(|version| *version == ROUNDS as u64), "{shown:?}");
}
