//! The size, repetition and order of batches do not change the result.

use annals_aws_tests::functions::log_output::total;
use annals_aws_tests::functions::{Deployment, Function, Mapping, deliver};
use annals_lambda::settings::{INDEX_PREFIX, OPENSEARCH_ENDPOINT};
use annals_services::{Fault, Match, Proxy, Rule};
use annals_tests::random::Random;
use serde_json::Value;

use crate::{changes, clients, take};

const CLIENTS: usize = 8;
const ROUNDS: usize = 7;

/// The function with indices of its own.
fn over(function: Function, deployment: &Deployment, name: &str) -> Function {
    function.with(INDEX_PREFIX, &format!("{}{name}-", deployment.prefix))
}

/// Shuffles records within the size of a batch and repeats some: the stream guarantees order only per item.
fn shuffled_with_repeats(records: &[Value], random: &mut Random) -> Vec<Value> {
    let mut records = records.to_vec();
    for _ in 0..records.len() / 4 {
        let (from, to) = (random.below(records.len()), random.below(records.len()));
        records.insert(to, records[from].clone());
    }
    records.chunks_mut(9).for_each(|window| random.shuffle(window));
    records
}

#[tokio::test(flavor = "multi_thread")]
async fn small_shuffled_and_repeated_batches_give_the_same_result_as_one_batch_in_order() {
    let deployment = Deployment::new().await;
    take(&deployment.ingest(), &changes(CLIENTS, ROUNDS)).await;
    let records = deployment.stream().await.read().await;
    assert_eq!(records.len(), CLIENTS * ROUNDS);
    let in_order = over(deployment.projection(), &deployment, "in-order");
    assert_eq!(deliver(&records, &in_order, Mapping::of(records.len())).await.invocations(), 1);
    let expected = clients(&deployment, &over(deployment.query(), &deployment, "in-order")).await;
    assert_eq!(expected.len(), CLIENTS);

    for seed in 1..=4 {
        let name = format!("seed-{seed}");
        let (mut random, proxy) = (Random::new(seed), Proxy::start(&deployment.opensearch));
        let records = shuffled_with_repeats(&records, &mut random);
        // A failed batch is divided in another way.
        for nth in [2, 4, 5, 9] {
            proxy.rule(Rule::nth(nth, Match::Path("_bulk"), Fault::unavailable()));
        }
        let projection = over(deployment.projection(), &deployment, &name).with(OPENSEARCH_ENDPOINT, &proxy.endpoint());
        let mapping = Mapping { cut: Box::new(|_| 1 + random.below(12)), attempts: 5 };
        let delivered = deliver(&records, &projection, mapping).await;
        assert_eq!(delivered.done, records.len(), "seed {seed}");
        let failed = delivered
            .answers
            .iter()
            .filter(|(_, answer)| answer.value() != serde_json::json!({"batchItemFailures": []}));
        assert!(failed.count() >= 3, "seed {seed}: expected at least three outages");
        assert_eq!(total(delivered.lines(), "ForeignRecords") + total(delivered.lines(), "Parked"), 0, "seed {seed}");
        assert_eq!(clients(&deployment, &over(deployment.query(), &deployment, &name)).await, expected, "seed {seed}");
    }
}
