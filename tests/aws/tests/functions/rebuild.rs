//! A rebuild that the command started, continued by the scheduled backfill function.

use std::time::Duration;

use annals_aws::read_model::IndexCatalog;
use annals_aws::rebuild::{RebuildPlan, RebuildRequest, RebuildSettings};
use annals_aws_tests::functions::payloads::of_file;
use annals_aws_tests::functions::{Deployment, Mapping, deliver};
use annals_domain::definition::EntitySchema;
use annals_lambda::settings::{Function, FunctionSettings};
use annals_lambda::{Installation, Search};
use annals_services::{Fault, Match, Proxy, Rule, Times, dynamodb_endpoint, sdk_config};
use annals_tests::changes::{change, record_id};
use serde_json::{Value, json};

use crate::{changes, clients, take};

const CLIENTS: usize = 40;
/// The number of scans, of 64 segments, that get a response in the first minute.
const SCANS: usize = 40;

/// Starts a rebuild of all clients, as `annals rebuild` does. Returns the plan, the schema and the indices.
async fn begin(deployment: &Deployment) -> (RebuildPlan, EntitySchema, IndexCatalog) {
    let config = sdk_config(&dynamodb_endpoint());
    let FunctionSettings { common, search, .. } =
        FunctionSettings::read(Function::Backfill, deployment.variables()).unwrap();
    let installation = Installation::new(&config, common).unwrap();
    let search = Search::connect(&config, &search).await.unwrap();
    // The scan starts at once, since no projection is running.
    let settings = RebuildSettings { known_after: Duration::ZERO, ..RebuildSettings::default() };
    let request = RebuildRequest { name: Some("client"), ..RebuildRequest::default() };
    let plan = search.rebuilder(&installation, settings).begin(&request).await.unwrap();
    let schema = EntitySchema::Defined(installation.catalog.named("client").unwrap().clone());
    (plan, schema, search.connection().indices().clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_continues_a_rebuild_each_minute_until_it_is_finished() {
    let (deployment, proxy) = (Deployment::new().await, Proxy::start(&dynamodb_endpoint()));
    let (ingest, query) = (deployment.ingest(), deployment.query());
    let mut stream = deployment.stream().await;
    take(&ingest, &changes(CLIENTS, 1)).await;
    assert_eq!(deliver(&stream.read().await, &deployment.projection(), Mapping::of(100)).await.done, CLIENTS);
    let mut expected = clients(&deployment, &query).await;
    let (plan, schema, indices) = begin(&deployment).await;
    let target = &plan.targets[0];
    let schedule = of_file("backfill/schedule.json");
    let backfill = deployment.backfill().with("AWS_ENDPOINT_URL_DYNAMODB", &proxy.endpoint());

    // The first minute ends before the scan does. The next one continues after the written streams.
    proxy.rule(Rule::new(Match::Target("Scan"), Times::After(SCANS), Fault::HangBefore));
    let backfill = backfill.within(Duration::from_secs(7));
    let first = backfill.invoke(&schedule).await.value();
    let so_far = first["rebuild"].as_str().and_then(|text| text.strip_suffix(" streams so far"));
    let so_far: usize = so_far.unwrap_or_else(|| panic!("{first}")).parse().unwrap();
    assert!((1..CLIENTS).contains(&so_far), "{so_far}");
    assert_eq!(indices.current(&schema).await.unwrap(), target.from, "the old index serves until the end");

    // A change meanwhile is written to the old index and to the new one.
    take(&ingest, &[change(5, 7)]).await;
    assert_eq!(deliver(&stream.read().await, &deployment.projection(), Mapping::of(100)).await.done, 1);
    let changed = &clients(&deployment, &query).await[&record_id(7)];
    assert_eq!(changed["version"], 2);
    expected.insert(record_id(7), changed.clone());

    proxy.heal();
    proxy.clear();
    let backfill = backfill.within(Duration::from_secs(60));
    let last = backfill.invoke(&schedule).await.value();
    assert_eq!(last["rebuild"], json!(format!("done: {CLIENTS} documents")));
    assert!(proxy.count("Scan") < plan.segments.len(), "what was scanned is not scanned again");
    assert_eq!(indices.current(&schema).await.unwrap().as_ref(), Some(&target.to));
    assert_eq!(indices.numbered(&schema).await.unwrap(), [&*target.to], "the old index is deleted");
    assert_eq!(clients(&deployment, &query).await, expected);
    assert_eq!(backfill.invoke(&schedule).await.value()["rebuild"], Value::Null, "it ends once");
}
