//! On DynamoDB Local: the jobs as the backfill function runs them. Projection is another function's.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use annals_application::backfill::BackfillRequest;
use annals_application::crm::{CrmConnection, CrmConnections};
use annals_application::ports::JobState;
use annals_application::sync::CrmSync;
use annals_application::system::{RandomIds, SystemClock};
use annals_aws::client::without_retries;
use annals_aws::read_model::Refresh;
use annals_aws_tests::test_tables::TestTables;
use annals_benches::counted::{Count, counted};
use annals_benches::try_pair;
use annals_salesforce::settings::{NoSecretSource, SalesforceSettings};
use annals_salesforce::{ClientTuning, SalesforceClient};
use annals_services::{opensearch_endpoints, unique_name};
use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::runtime::Builder;

use crate::PAGE;
use crate::org::{BenchOrg, Pages};

type Item = HashMap<String, AttributeValue>;

/// The puts of the floor in flight, as many as the event store has.
const IN_FLIGHT: usize = 16;
const RUN: Duration = Duration::from_secs(600);

pub(crate) fn run(org: &BenchOrg, accounts: usize) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (mut items, requests) = (Vec::new(), Count::default());
    let pages = org.pages_of(|| {
        let tables = runtime.block_on(TestTables::new("backfill"));
        runtime.block_on(read_all(org, &tables, &requests))?;
        items = runtime.block_on(items_of(&tables))?;
        runtime.block_on(tables.remove());
        Ok(())
    })?;
    ensure!(items.len() == accounts, "each record is one event: {} of {accounts}", items.len());
    let (floor, subject) = try_pair(
        &format!(
            "backfill of {accounts} records to DynamoDB Local (floor: the same pages by hand, and PutItem of the same items)"
        ),
        || {
            let tables = runtime.block_on(TestTables::new("backfill"));
            let time = runtime.block_on(by_hand(&tables, &pages, items.clone()))?;
            runtime.block_on(tables.remove());
            anyhow::Ok(time)
        },
        || {
            let tables = runtime.block_on(TestTables::new("backfill"));
            let time = runtime.block_on(read_all(org, &tables, &Count::default()))?;
            runtime.block_on(tables.remove());
            Ok(time)
        },
    )?;
    let rate = |time: Duration| accounts as f64 / time.as_secs_f64();
    println!(
        "  {:.0} records/s against {:.0}: {:.2} of the floor's rate (must be 0.7), {:.2} requests a record",
        rate(subject.median()),
        rate(floor.median()),
        floor.over(&subject),
        requests.load(Ordering::Relaxed) as f64 / accounts as f64
    );
    Ok(())
}

/// Requests a backfill of all accounts, and runs it to its end.
async fn read_all(org: &BenchOrg, tables: &TestTables, requests: &Count) -> Result<Duration> {
    let installation = tables.installation_by(&counted(&tables.config, requests)?);
    let (_, endpoint) = opensearch_endpoints().swap_remove(0);
    let search = tables.search(&endpoint, &format!("{}-", unique_name("backfill")), Refresh::Periodic).await;
    let ports = installation.crm_sync_ports(Arc::new(search.read_model()));
    let backfill = ports.handler.backfill();
    let sync = CrmSync::new(&ports, connections(org).await?, None);
    let request = BackfillRequest { page_size: Some(PAGE as u64), ..BackfillRequest::default() };
    let start = Instant::now();
    backfill.request("clients", &request).await?;
    sync.run(tokio::time::Instant::now() + RUN).await?;
    let time = start.elapsed();
    let status = backfill.status("clients").await?;
    ensure!(status.state == JobState::Done, "{}: {}", status.state, status.reason);
    Ok(time)
}

async fn connections(org: &BenchOrg) -> Result<CrmConnections> {
    let variables = org.variables();
    let variable = |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| value.clone());
    let settings = SalesforceSettings::read(variable, &NoSecretSource).await?.context("the org has an address")?;
    let client = SalesforceClient::new(settings, ClientTuning::default(), Arc::new(SystemClock), Arc::new(RandomIds))?;
    Ok(CrmConnections::new([CrmConnection { client: Arc::new(client), quota_share: 50 }]))
}

/// The items that the subject wrote.
async fn items_of(tables: &TestTables) -> Result<Vec<Item>> {
    let scan = tables.client.scan().table_name(&tables.events_table).consistent_read(true);
    Ok(scan.into_paginator().items().send().try_collect().await?)
}

async fn by_hand(tables: &TestTables, pages: &Pages, items: Vec<Item>) -> Result<Duration> {
    let client = Client::new(&without_retries(&tables.config));
    let (mut session, mut items) = (pages.log_in()?, items.into_iter());
    let start = Instant::now();
    for path in &pages.paths {
        session.fetch(path)?;
        let puts = items.by_ref().take(PAGE).map(|item| {
            let put = client.put_item().table_name(&tables.events_table).set_item(Some(item));
            put.condition_expression("attribute_not_exists(entity_key)").send()
        });
        let puts: Vec<_> = puts.collect();
        let mut answers = stream::iter(puts).buffer_unordered(IN_FLIGHT);
        while answers.try_next().await?.is_some() {}
    }
    ensure!(items.next().is_none(), "the pages hold every item");
    Ok(start.elapsed())
}
