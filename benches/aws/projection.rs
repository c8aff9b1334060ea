//! Projects warm, contiguous batches, with a publisher that does nothing.
//!
//! Floor: a plain `_bulk` of the same documents, one call per batch, one after the other, with the same client
//! and prepared bytes. Required: at least 0.9 of its rate, for the batch size of the template while projection
//! is catching up, if each document follows from one event.
//!
//! Both keep their inputs to the end, so that neither measurement includes freeing them.

use std::sync::Arc;
use std::time::Duration;

use annals_application::ports::{EventPublisher, NormalizedEntityEvent, PortError, StoredEvent};
use annals_application::projection::{Projector, ProjectorSettings};
use annals_aws::read_model::Refresh;
use annals_aws_tests::decided::decided;
use annals_aws_tests::test_tables::TestTables;
use annals_benches::{ROUNDS, is_small, try_pair};
use annals_domain::event::DomainEvent;
use annals_lambda::projector_settings;
use annals_services::{Proxy, opensearch_endpoints, unique_name};
use annals_tests::changes::change;
use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use opensearch::OpenSearch;
use opensearch::http::Method;
use opensearch::http::headers::HeaderMap;
use opensearch::http::transport::{SingleNodeConnectionPool, TransportBuilder};
use serde_json::Value;
use url::Url;

use crate::timed;

/// Batches of one size.
#[derive(Clone, Copy)]
struct Batches {
    count: usize,
    events: usize,
    /// The number of events of one aggregate in a batch.
    each: usize,
}

/// The number of events in a batch of the stream.
const BATCH: usize = 500;
/// The number of events in a round.
const EVENTS: usize = 5_000;

type Batch = Vec<Arc<DomainEvent>>;

pub(crate) fn run() -> Result<()> {
    let batches = |events, each| Batches { count: if is_small() { 2 } else { EVENTS / events }, events, each };
    let rate = measure(batches(BATCH, 1))?;
    println!("  {rate:.2} of the floor's rate (must be 0.9)");
    let rate = measure(batches(BATCH / 5, 1))?;
    println!("  {rate:.2} of the floor's rate (not judged: the stream is nearly drained)");
    for events in [BATCH, BATCH / 5] {
        let rate = measure(batches(events, 5))?;
        println!("  {rate:.2} of the floor's rate (not judged: five events are read for each document)");
    }
    Ok(())
}

fn measure(batches: Batches) -> Result<f64> {
    let Batches { count, events, each } = batches;
    let runtime = crate::runtime()?;
    let test_tables = runtime.block_on(TestTables::new("projection"));
    let rounds = runtime.block_on(rounds(&test_tables, batches));
    let (_, endpoint) = opensearch_endpoints().swap_remove(0);
    let prefixes = ["a", "b", "c"].map(unique_name);
    let [captured, floor, subject] = &prefixes;
    let calls = runtime.block_on(calls(&test_tables, &endpoint, (captured, floor), &rounds))?;
    let projector = runtime.block_on(warm(&test_tables, &endpoint, subject, &rounds[0]))?;
    runtime.block_on(warm(&test_tables, &endpoint, floor, &rounds[0]))?;
    let client = client(&endpoint)?;
    let (mut calls, mut rounds) = (calls.iter().skip(1), rounds.iter().skip(1));
    let aggregates = events / each;
    let (mut of_floor, mut of_subject) = (Duration::ZERO, Duration::ZERO);
    let (floor, subject) = try_pair(
        &format!(
            "projection of {count} batches of {events} events of {aggregates} aggregates (floor: _bulk of the same documents)"
        ),
        || timed(&runtime, bulk_all(&client, calls.next().context("each round has its calls")?), &mut of_floor),
        || {
            timed(
                &runtime,
                project_all(&projector, rounds.next().context("each round has its events")?),
                &mut of_subject,
            )
        },
    )?;
    let a_second = (count * events) as f64 / subject.median().as_secs_f64();
    let an_event = |time: Duration| time.as_secs_f64() * 1e6 / (count * events * (ROUNDS + 1)) as f64;
    println!(
        "  {a_second:.0} events a second; processor time of the client: {:.1} µs an event against {:.1}",
        an_event(of_subject),
        an_event(of_floor)
    );
    for prefix in &prefixes {
        let path = format!("/{prefix}*");
        let gone = client.send(Method::Delete, &path, HeaderMap::new(), None::<&()>, None::<()>, None);
        runtime.block_on(gone)?;
    }
    runtime.block_on(test_tables.remove());
    Ok(floor.over(&subject))
}

/// The batches of each round, after those of a first round that creates the records.
async fn rounds(test_tables: &TestTables, Batches { count, events, each }: Batches) -> Vec<Vec<Batch>> {
    let records = count * events / each;
    let inputs =
        (0..(ROUNDS + 2) * each).flat_map(|step| (0..records).map(move |record| change(step, record).to_string()));
    let stored = decided(&test_tables.installation(), inputs).await;
    let of_round = |round: &[StoredEvent]| {
        let mut of_round = vec![Batch::new(); count];
        for (index, stored) in round.iter().enumerate() {
            of_round[(index % records) / (events / each)].push(Arc::clone(&stored.event));
        }
        of_round
    };
    stored.chunks(records * each).map(of_round).collect()
}

/// The body of each call of the projection in each round, redirected to other indices.
async fn calls(
    test_tables: &TestTables,
    endpoint: &str,
    (from, to): (&str, &str),
    rounds: &[Vec<Batch>],
) -> Result<Vec<Vec<String>>> {
    let proxy = Proxy::start(endpoint);
    let projector = projector(test_tables, &proxy.endpoint(), from, ProjectorSettings::default()).await;
    let mut calls = Vec::new();
    for round in rounds {
        proxy.clear();
        project_all(&projector, round).await?;
        let sent = proxy.requests().into_iter().filter(|request| request.has_segment("_bulk"));
        let renamed = |body: &[u8]| -> Result<String> { Ok(std::str::from_utf8(body)?.replace(from, to)) };
        calls.push(sent.map(|request| renamed(&request.body)).collect::<Result<Vec<_>>>()?);
    }
    ensure!(calls.iter().zip(rounds).all(|(calls, round)| calls.len() == round.len()), "a call a batch");
    Ok(calls)
}

/// A projector that has projected the first round.
async fn warm(test_tables: &TestTables, endpoint: &str, prefix: &str, first: &[Batch]) -> Result<Projector> {
    let projector = projector(test_tables, endpoint, prefix, projector_settings()).await;
    project_all(&projector, first).await?;
    Ok(projector)
}

async fn projector(test_tables: &TestTables, endpoint: &str, prefix: &str, settings: ProjectorSettings) -> Projector {
    let installation = test_tables.installation();
    let read_model = test_tables.search(endpoint, prefix, Refresh::Periodic).await.projecting(&installation);
    installation.projector(&read_model, Some(Arc::new(Nobody)), settings)
}

async fn project_all(projector: &Projector, batches: &[Batch]) -> Result<()> {
    for batch in batches {
        let report = projector.project(batch.clone()).await;
        ensure!(report.failed.is_empty() && report.parked == 0, "all is projected: {report:?}");
    }
    Ok(())
}

/// A publisher that does nothing.
struct Nobody;

#[async_trait]
impl EventPublisher for Nobody {
    async fn publish(&self, events: Vec<NormalizedEntityEvent>) -> Vec<Result<(), PortError>> {
        events.iter().map(|_| Ok(())).collect()
    }
}

fn client(endpoint: &str) -> Result<OpenSearch> {
    let pool = SingleNodeConnectionPool::new(Url::parse(endpoint)?);
    Ok(OpenSearch::new(TransportBuilder::new(pool).disable_proxy().build()?))
}

async fn bulk_all(client: &OpenSearch, calls: &[String]) -> Result<()> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/x-ndjson".parse()?);
    for body in calls {
        let (path, body) = ("/_bulk?filter_path=errors", Some(body.clone()));
        let answer = client.send(Method::Post, path, headers.clone(), None::<&()>, body, None).await?;
        let answer: Value = answer.json().await?;
        ensure!(answer["errors"] == false, "all is indexed");
    }
    Ok(())
}
