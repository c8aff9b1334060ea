//! A rebuild that was begun elsewhere, as the backfill function's schedule carries it on.

use std::time::Duration;

use annals_aws::read_model::IndexAdmin;
use annals_aws::rebuild::{RebuildPlan, RebuildRequest, RebuildSettings};
use annals_aws_tests::functions::payloads::of_file;
use annals_aws_tests::functions::{Mapping, Stage, carry};
use annals_domain::definition::EntitySchema;
use annals_lambda::settings::{Function, FunctionSettings};
use annals_lambda::{Installation, Search};
use annals_services::{Fault, Match, Proxy, Rule, Times, dynamodb_endpoint, sdk_config};
use annals_tests::changes::{change, record_id};
use serde_json::{Value, json};

use crate::{changes, clients, take};

const CLIENTS: usize = 40;
/// How many scans of segments are answered in the first minute, of 64.
const SCANS: usize = 40;

/// Begins a rebuild of all clients, as `annals rebuild` does; with the schema and the indices that it is about.
async fn begin(stage: &Stage) -> (RebuildPlan, EntitySchema, IndexAdmin) {
    let config = sdk_config(&dynamodb_endpoint());
    let FunctionSettings { common, search, .. } =
        FunctionSettings::read(Function::Backfill, stage.variables()).unwrap();
    let installation = Installation::new(&config, common).unwrap();
    let search = Search::connect(&config, &search).await.unwrap();
    // No projection is under way that would have to hear of it first.
    let settings = RebuildSettings { known_after: Duration::ZERO, ..RebuildSettings::default() };
    let request = RebuildRequest { name: Some("client"), ..RebuildRequest::default() };
    let plan = search.rebuilder(&installation, settings).begin(&request).await.unwrap();
    let schema = EntitySchema::Defined(installation.catalog.named("client").unwrap().clone());
    (plan, schema, IndexAdmin::new(search.connection()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_carries_a_rebuild_on_from_minute_to_minute_to_its_end() {
    let (stage, proxy) = (Stage::new().await, Proxy::start(&dynamodb_endpoint()));
    let (ingest, query) = (stage.ingest(), stage.query());
    let mut stream = stage.stream().await;
    take(&ingest, &changes(CLIENTS, 1)).await;
    assert_eq!(carry(&stream.read().await, &stage.projection(), Mapping::of(100)).await.done, CLIENTS);
    let mut expected = clients(&stage, &query).await;
    let (plan, schema, indices) = begin(&stage).await;
    let target = &plan.targets[0];
    let schedule = of_file("backfill/schedule.json");
    let backfill = stage.backfill().with("AWS_ENDPOINT_URL_DYNAMODB", &proxy.endpoint());

    // A minute that is over before the table is: the next goes on behind what this one did.
    proxy.rule(Rule::new(Match::Target("Scan"), Times::After(SCANS), Fault::HangBefore));
    let backfill = backfill.within(Duration::from_secs(7));
    let first = backfill.invoke(&schedule).await.value();
    let so_far = first["rebuild"].as_str().and_then(|told| told.strip_suffix(" streams so far"));
    let so_far: usize = so_far.unwrap_or_else(|| panic!("{first}")).parse().unwrap();
    assert!((1..CLIENTS).contains(&so_far), "{so_far}");
    assert_eq!(indices.current(&schema).await.unwrap(), target.from, "the old index answers until the end");

    // What changes meanwhile is in the old index and in the new one.
    take(&ingest, &[change(5, 7)]).await;
    assert_eq!(carry(&stream.read().await, &stage.projection(), Mapping::of(100)).await.done, 1);
    let changed = &clients(&stage, &query).await[&record_id(7)];
    assert_eq!(changed["version"], 2);
    expected.insert(record_id(7), changed.clone());

    proxy.heal();
    proxy.clear();
    let backfill = backfill.within(Duration::from_secs(60));
    let last = backfill.invoke(&schedule).await.value();
    assert_eq!(last["rebuild"], json!(format!("done: {CLIENTS} documents")));
    assert!(proxy.count("Scan") < plan.segments.len(), "what was scanned is not scanned again");
    assert_eq!(indices.current(&schema).await.unwrap().as_ref(), Some(&target.to));
    assert_eq!(indices.numbered(&schema).await.unwrap(), [&*target.to], "the old index is gone");
    assert_eq!(clients(&stage, &query).await, expected);
    assert_eq!(backfill.invoke(&schedule).await.value()["rebuild"], Value::Null, "it is done once");
}
