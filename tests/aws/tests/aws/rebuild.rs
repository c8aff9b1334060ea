//! Rebuilds that are interrupted at each of their steps, and how projection learns of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use annals_application::commands::CommandMetadata;
use annals_application::ports::{Clock, ReadOptions};
use annals_aws::read_model::{DualWriteTargets, IndexCatalog, Refresh};
use annals_aws::rebuild::{
    LiveTargets, RebuildError, RebuildOutcome, RebuildPlan, RebuildReport, RebuildRequest, RebuildSettings, Rebuilder,
};
use annals_aws_tests::test_tables::TestTables;
use annals_domain::definition::EntitySchema;
use annals_domain::identity::{AggregateId, EntityKey, EntityName, ExternalId, Provider, ProviderAccount};
use annals_domain::position::Version;
use annals_domain::timestamp::Timestamp;
use annals_lambda::{Installation, Search, projector_settings};
use annals_services::{
    Fault, Match, Proxy, Rule, Times, dynamodb_endpoint, opensearch_endpoints, sdk_config, unique_name,
};
use annals_tests::changes::{change, record_id};
use aws_sdk_dynamodb::types::AttributeValue;
use tokio::sync::Notify;

const CLIENTS: RebuildRequest<'_> = RebuildRequest { name: Some("client"), leaves_out_failed: false };
const RECORDS: usize = 40;
const ROUNDS: usize = 3;

/// The events of some records, and no document yet.
struct Fixture {
    test_tables: TestTables,
    installation: Installation,
    search: Search,
    schema: EntitySchema,
}

impl Fixture {
    async fn new() -> Self {
        let test_tables = TestTables::new("rebuild").await;
        let installation = test_tables.installation();
        let (_, endpoint) = opensearch_endpoints().remove(0);
        let prefix = format!("{}-", unique_name("rebuild"));
        let search = test_tables.search(&endpoint, &prefix, Refresh::BeforeResponse).await;
        let schema = installation.catalog.schema(Provider::Salesforce, &EntityName::new("Account"));
        let fixture = Self { test_tables, installation, search, schema };
        for round in 0..ROUNDS {
            let texts: Vec<String> = (0..RECORDS).map(|record| change(round, record).to_string()).collect();
            fixture.write(&texts).await;
        }
        fixture
    }

    fn rebuilder(&self) -> Rebuilder {
        self.rebuilder_with(settings())
    }

    fn rebuilder_with(&self, settings: RebuildSettings) -> Rebuilder {
        self.search.rebuilder(&self.installation, settings)
    }

    fn indices(&self) -> IndexCatalog {
        self.search.connection().indices().clone()
    }

    /// All indices of the type, and the one that serves.
    async fn numbered(&self) -> (Vec<String>, Option<String>) {
        let indices = self.indices();
        let all = indices.numbered(&self.schema).await.expect("the service responds");
        (all, indices.current(&self.schema).await.expect("the service responds"))
    }

    async fn plan(&self) -> Option<RebuildPlan> {
        let text = self.installation.state.leases.checkpoint("rebuild").await.expect("the service responds");
        text.map(|text| serde_json::from_str(&text).expect("a plan"))
    }

    /// Stores another plan.
    async fn store_plan(&self, plan: &RebuildPlan) {
        let state = &self.installation.state;
        let (token, now) = (self.installation.ids.fresh(), self.installation.clock.now());
        let lease =
            state.leases.acquire("rebuild", token, now, now.plus_millis(60_000)).await.expect("the service responds");
        assert!(lease.is_some(), "the lease is free");
        let text = serde_json::to_string(plan).expect("a plan is JSON");
        state.leases.renew("rebuild", token, now.plus_millis(60_000), Some(&text)).await.expect("the service responds");
        state.leases.release("rebuild", token).await.expect("the service responds");
    }

    async fn write(&self, texts: &[String]) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let handler = self.installation.handler();
        let commands = handler.commands_of(Provider::Salesforce, &texts, &CommandMetadata::default());
        handler.handle(commands).await.expect("the store responds");
    }

    /// More events than fit in one page of DynamoDB; compression halves them.
    async fn fill_a_page(&self) {
        for record in RECORDS..RECORDS + 8 {
            let mut large = change(0, record);
            let ids = (0..10_000).map(|_| self.installation.ids.fresh().simple().to_string());
            large["detail"]["payload"]["Description"] = ids.collect::<String>().into();
            self.write(&[large.to_string()]).await;
        }
    }

    /// Stores and projects the creation of another record, as a function does that has read the plan.
    async fn project(&self, record: usize) {
        self.write(&[change(0, record).to_string()]).await;
        let events = self.installation.store.read(&self.key(record), &ReadOptions::from(Version::FIRST, 1)).await;
        let events = events.expect("the store responds").into_iter().map(|stored| stored.event).collect();
        let read_model = self.search.projecting(&self.installation);
        let report = self.installation.projector(&read_model, None, projector_settings()).project(events).await;
        assert_eq!((report.projected, report.parked, report.failed.len()), (1, 0, 0));
    }

    fn key(&self, record: usize) -> EntityKey {
        let (entity_name, id) = (EntityName::new("Account"), ExternalId::new(record_id(record)));
        let account = ProviderAccount::unset();
        let aggregate_id = AggregateId::of(Provider::Salesforce, &account, &entity_name, &id);
        EntityKey { entity_name, aggregate_id }
    }

    async fn holds_all(&self, report: &RebuildReport) {
        self.holds(report, RECORDS).await;
    }

    /// Checks that only the index of the rebuild is left, that it serves, and how many records it holds.
    async fn holds(&self, report: &RebuildReport, records: usize) {
        let index = &report.targets[0].after.0;
        assert_eq!(self.numbered().await, (vec![index.clone()], Some(index.clone())));
        assert_eq!(report.targets[0].after.1, records as u64);
        assert_eq!(self.plan().await, None);
        self.test_tables.clone().remove().await;
    }
}

/// The scan starts at once, since no projection is running, and leases are short.
fn settings() -> RebuildSettings {
    RebuildSettings {
        known_after: Duration::ZERO,
        segments: 4,
        concurrency: 1,
        max_pending_bytes: 1,
        checkpoint_interval: Duration::from_millis(50),
        old_index_retention: Duration::ZERO,
    }
}

/// Continues to the end, as soon as the lease of a killed run has expired.
async fn finish(rebuilder: &Rebuilder) -> RebuildReport {
    for _ in 0..100 {
        match rebuilder.resume(std::future::pending(), &|_| ()).await {
            Ok(RebuildOutcome::Finished(report)) => return report,
            Err(RebuildError::AlreadyRunning) => tokio::time::sleep(Duration::from_millis(50)).await,
            other => panic!("{other:?}"),
        }
    }
    panic!("the lease does not expire")
}

async fn rebuilt(rebuilder: &Rebuilder) -> RebuildReport {
    rebuilder.begin(&CLIENTS).await.expect("no rebuild is unfinished");
    finish(rebuilder).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_frees_its_lease_and_the_next_continues_from_its_checkpoint() {
    let fixture = Fixture::new().await;
    let rebuilder = fixture.rebuilder();
    rebuilder.begin(&CLIENTS).await.expect("no rebuild is unfinished");
    let is_working = Notify::new();
    let on_progress = |plan: &RebuildPlan| {
        if plan.segments.iter().any(|segment| segment.is_done) {
            is_working.notify_one();
        }
    };
    let slowed =
        fixture.rebuilder_with(RebuildSettings { checkpoint_interval: Duration::from_millis(1), ..settings() });
    let outcome = slowed.resume(is_working.notified(), &on_progress).await.expect("the services respond");
    let RebuildOutcome::Interrupted(stopped) = outcome else { panic!("it was interrupted: {outcome:?}") };
    assert!(stopped.segments.iter().any(|segment| !segment.is_done), "{stopped:?}");
    assert_eq!(fixture.plan().await.expect("the plan is stored"), *stopped);

    let outcome = rebuilder.resume(std::future::pending(), &|_| ()).await.expect("the lease is free");
    let RebuildOutcome::Finished(report) = outcome else { panic!("nothing interrupts it: {outcome:?}") };
    let all = (RECORDS * ROUNDS) as u64;
    assert!((all..all * 2).contains(&report.counts.events), "written segments are not read again: {report:?}");
    fixture.holds_all(&report).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_killed_after_the_swap_only_has_the_old_index_to_delete() {
    for is_removed in [false, true] {
        let fixture = Fixture::new().await;
        let first = rebuilt(&fixture.rebuilder()).await;
        let slow =
            fixture.rebuilder_with(RebuildSettings { old_index_retention: Duration::from_secs(600), ..settings() });
        slow.begin(&CLIENTS).await.expect("no rebuild is unfinished");
        let killed = tokio::spawn(async move { slow.resume(std::future::pending(), &|_| ()).await.map(drop) });
        let swapped = async {
            while fixture.plan().await.is_none_or(|plan| plan.swapped.is_none()) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), swapped).await.expect("the aliases move");
        killed.abort();
        if is_removed {
            fixture.indices().delete(&first.targets[0].after.0).await.expect("the old index no longer serves");
        }
        let report = finish(&fixture.rebuilder()).await;
        assert_eq!(report.targets[0].before, Some(first.targets[0].after.clone()), "as counted before the swap");
        fixture.holds_all(&report).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_left_from_a_rebuild_killed_at_its_start_is_deleted_by_the_next() {
    let fixture = Fixture::new().await;
    let first = rebuilt(&fixture.rebuilder()).await;
    let left = fixture.indices().create_numbered(&fixture.schema).await.expect("the index is created");
    let (all, serves) = fixture.numbered().await;
    assert_eq!((all.last(), serves.as_ref()), (Some(&left), Some(&first.targets[0].after.0)));
    let report = rebuilt(&fixture.rebuilder()).await;
    fixture.holds_all(&report).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_response_to_the_last_write_does_not_fail_the_rebuild() {
    let fixture = Fixture::new().await;
    let proxy = Proxy::start(&dynamodb_endpoint());
    proxy.rule(Rule::first(1, Match::Target("DeleteItem"), Fault::DropAfter));
    let installation = fixture.test_tables.installation_by(&sdk_config(&proxy.endpoint()));
    let report = rebuilt(&fixture.search.rebuilder(&installation, settings())).await;
    assert_eq!(proxy.count("DeleteItem"), 2, "the first response was lost");
    fixture.holds_all(&report).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_document_of_a_type_may_be_projected_during_its_rebuild() {
    let fixture = Fixture::new().await;
    fixture.rebuilder().begin(&CLIENTS).await.expect("no rebuild is unfinished");
    fixture.project(RECORDS).await;
    let (all, serves) = fixture.numbered().await;
    assert_eq!((all.len(), serves.as_ref()), (2, all.last()), "the document created another index");
    let report = finish(&fixture.rebuilder()).await;
    assert_eq!(report.targets[0].before.as_ref().map(|(index, _)| index), serves.as_ref());
    fixture.holds(&report, RECORDS + 1).await;
}

/// Overwrites an item with one that cannot be read, which no code of the project does.
async fn break_item(fixture: &Fixture, record: usize, version: usize) {
    let item = [
        ("entity_key".to_owned(), AttributeValue::S(fixture.key(record).to_string())),
        ("version".to_owned(), AttributeValue::N(version.to_string())),
    ];
    let table = &fixture.test_tables.events_table;
    fixture
        .test_tables
        .client
        .put_item()
        .table_name(table)
        .set_item(Some(item.into()))
        .send()
        .await
        .expect("the item is written");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_record_prevents_the_swap_only_if_readers_find_it() {
    let fixture = Fixture::new().await;
    // Its newest event: the events before it would be an older state.
    break_item(&fixture, 3, ROUNDS).await;
    // The only event of a record.
    break_item(&fixture, RECORDS + 7, 1).await;
    let report = rebuilt(&fixture.rebuilder()).await;
    let mut failed: Vec<&str> = report.failed.iter().map(|failed| failed.entity_key.as_str()).collect();
    failed.sort_unstable();
    let mut expected = [3, RECORDS + 7].map(|record| fixture.key(record).to_string());
    expected.sort();
    assert_eq!(failed, expected);
    assert_eq!((report.counts.missed, report.targets[0].after.1), (0, RECORDS as u64 - 1));

    break_item(&fixture, 5, 1).await;
    let served = fixture.numbered().await;
    fixture.rebuilder().begin(&CLIENTS).await.expect("no rebuild is unfinished");
    let outcome = fixture.rebuilder().resume(std::future::pending(), &|_| ()).await;
    let Err(RebuildError::RecordsFailed(report)) = outcome else { panic!("readers would miss one: {outcome:?}") };
    assert_eq!((report.counts.failed, report.counts.missed), (3, 1));
    assert_eq!((fixture.numbered().await, fixture.plan().await), (served, None), "as before the rebuild");

    let leave_out = RebuildRequest { leaves_out_failed: true, ..CLIENTS };
    fixture.rebuilder().begin(&leave_out).await.expect("no rebuild is unfinished");
    let report = finish(&fixture.rebuilder()).await;
    fixture.holds(&report, RECORDS - 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_progress_of_a_segment_moves_even_without_documents() {
    let fixture = Fixture::new().await;
    let one = fixture.rebuilder_with(RebuildSettings {
        segments: 1,
        checkpoint_interval: Duration::from_millis(1),
        ..settings()
    });
    one.begin(&RebuildRequest { name: Some("deal"), ..CLIENTS }).await.expect("no rebuild is unfinished");
    let proxy = Proxy::start(&dynamodb_endpoint());
    // The second page gets no response.
    fixture.fill_a_page().await;
    proxy.rule(Rule::new(Match::Target("Scan"), Times::After(1), Fault::HangBefore));
    let installation = fixture.test_tables.installation_by(&sdk_config(&proxy.endpoint()));
    let stuck = fixture.search.rebuilder(&installation, RebuildSettings { segments: 1, ..settings() });
    let has_progress = Notify::new();
    let on_progress = |plan: &RebuildPlan| {
        if plan.segments[0].written_through.is_some() {
            has_progress.notify_one();
        }
    };
    let outcome = stuck.resume(has_progress.notified(), &on_progress);
    let outcome = tokio::time::timeout(Duration::from_secs(60), outcome).await.expect("the progress moves");
    let Ok(RebuildOutcome::Interrupted(plan)) = outcome else { panic!("it was interrupted: {outcome:?}") };
    assert!(plan.segments[0].written_through.is_some() && plan.counts.indexed == 0, "{plan:?}");
    assert!(fixture.rebuilder().abandon().await.expect("the lease is free"));
    assert_eq!(fixture.plan().await, None);
    fixture.test_tables.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_by_other_definitions_is_not_continued_and_can_be_abandoned() {
    let fixture = Fixture::new().await;
    let first = rebuilt(&fixture.rebuilder()).await;
    fixture.rebuilder().begin(&CLIENTS).await.expect("no rebuild is unfinished");
    let mut plan = fixture.plan().await.expect("the rebuild was started");
    plan.targets[0].definition = "another".to_owned();
    fixture.store_plan(&plan).await;
    let outcome = fixture.rebuilder().resume(std::future::pending(), &|_| ()).await;
    assert!(matches!(outcome, Err(RebuildError::DefinitionsChanged(_))), "{outcome:?}");
    assert!(!fixture.rebuilder().covers(&plan, &CLIENTS).await.expect("the type exists"));

    assert!(fixture.rebuilder().abandon().await.expect("the lease is free"));
    assert!(!fixture.rebuilder().abandon().await.expect("the lease is free"), "there is no rebuild any more");
    fixture.holds_all(&first).await;
}

#[derive(Default)]
struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed)).expect("a timestamp")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn projection_reads_the_plan_again_after_ten_seconds_of_the_clock() {
    let fixture = Fixture::new().await;
    let clock = Arc::new(TestClock::default());
    let leases = Arc::clone(&fixture.installation.state.leases);
    let live = LiveTargets::new(leases, Arc::clone(&clock) as Arc<dyn Clock>);
    let at = async |millis: i64| {
        clock.0.store(millis, Ordering::Relaxed);
        live.targets(&fixture.schema).await.expect("the service responds")
    };
    assert_eq!(at(1_000_000).await, [""; 0]);
    let plan = fixture.rebuilder().begin(&CLIENTS).await.expect("no rebuild is unfinished");
    let filled = [plan.targets[0].to.clone()];
    assert_eq!(at(1_009_999).await, [""; 0], "the plan is cached for ten seconds");
    assert_eq!(at(1_010_000).await, filled);
    finish(&fixture.rebuilder()).await;
    assert_eq!(at(1_019_999).await, filled);
    assert_eq!(at(1_009_999).await, [""; 0], "after the clock was set back the cache is not used");
    fixture.test_tables.remove().await;
}
