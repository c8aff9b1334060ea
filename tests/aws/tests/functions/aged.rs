//! Records that an outage delays for hours leave the stream but are not lost.

use std::collections::BTreeSet;
use std::time::Duration;

use annals_application::ports::Clock;
use annals_application::system::SystemClock;
use annals_aws_tests::functions::log_output::total;
use annals_aws_tests::functions::payloads::of_file;
use annals_aws_tests::functions::records::{batch, sequence};
use annals_aws_tests::functions::{Deployment, InvocationResult};
use annals_lambda::settings::OPENSEARCH_ENDPOINT;
use annals_services::{Fault, Match, Proxy, Rule};
use annals_tests::changes::record_id;
use serde_json::{Value, json};

use crate::queue::{Bus, Details, published};
use crate::{changes, clients, named, take};

const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);

/// The record as if it had entered the stream this long ago.
fn entered_before(record: &Value, ago: Duration) -> Value {
    let mut record = record.clone();
    let at = SystemClock.now().millis() / 1_000 - i64::try_from(ago.as_secs()).unwrap();
    record["dynamodb"]["ApproximateCreationDateTime"] = json!(at);
    record
}

/// The records whose events a response reports as failed, and the number of parked records.
fn failed_and_parked(answer: &InvocationResult, records: &[Value]) -> (BTreeSet<String>, u64) {
    let value = answer.value();
    let is_named = |record: &&Value| named(&value).contains(&sequence(record));
    let id = |record: &Value| record["dynamodb"]["NewImage"]["external_id"]["S"].as_str().unwrap().to_owned();
    (records.iter().filter(is_named).map(id).collect(), total(&answer.lines, "Parked"))
}

#[tokio::test(flavor = "multi_thread")]
async fn records_delayed_for_five_hours_by_an_outage_are_parked_and_redriven_after_it() {
    let (deployment, bus) = (Deployment::new().await, Bus::new().await);
    let proxy = Proxy::start(&deployment.opensearch);
    let projection = bus.publishing(deployment.projection()).with(OPENSEARCH_ENDPOINT, &proxy.endpoint());
    take(&deployment.ingest(), &changes(3, 2)).await;
    let records = deployment.stream().await.read().await;
    proxy.rule(Rule::always(Match::Path("_bulk"), Fault::unavailable()));
    let all: BTreeSet<String> = (0..3).map(record_id).collect();
    let of_age = |age: Duration| records.iter().map(|record| entered_before(record, age)).collect::<Vec<_>>();

    let young = projection.invoke_with(&batch(&of_age(5 * HOUR - MINUTE))).await;
    assert_eq!(failed_and_parked(&young, &records), (all.clone(), 0), "young records are retried");
    let is_of_the_first = |record: &Value| record["dynamodb"]["NewImage"]["external_id"]["S"] == record_id(0);
    let age = |record: &Value| if is_of_the_first(record) { 5 * HOUR + MINUTE } else { HOUR };
    let mixed: Vec<Value> = records.iter().map(|record| entered_before(record, age(record))).collect();
    let others = (1..3).map(record_id).collect();
    assert_eq!(failed_and_parked(&projection.invoke_with(&batch(&mixed)).await, &records), (others, 1));
    let old = projection.invoke_with(&batch(&of_age(5 * HOUR + MINUTE))).await;
    assert_eq!(failed_and_parked(&old, &records), (BTreeSet::new(), 3), "old records are parked and leave the stream");

    let backfill = bus.publishing(deployment.backfill()).with(OPENSEARCH_ENDPOINT, &proxy.endpoint());
    let schedule = of_file("backfill/schedule.json");
    assert!(
        backfill.invoke(&schedule).await.outcome.is_err(),
        "the invocation fails during the outage, which raises the alarm"
    );
    assert!(bus.details().await.is_empty());
    proxy.heal();
    let done = backfill.invoke(&schedule).await.value();
    assert_eq!((&done["redriven"], &done["still_parked"]), (&json!(3), &json!(0)), "{done}");
    let shown = clients(&deployment, &deployment.query()).await;
    assert_eq!(shown.keys().cloned().collect::<BTreeSet<_>>(), all);
    assert!(shown.values().all(|client| client["version"] == 2), "{shown:?}");
    let expected = [0, 1, 2].map(|client| ((record_id(client), 1, 2), 1));
    assert_eq!(published(&bus.details().await), expected.into());
    assert_eq!(backfill.invoke(&schedule).await.value()["redriven"], 0, "once");
}
