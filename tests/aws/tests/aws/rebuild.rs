//! A rebuild that is stopped at each of its steps, and what projection knows of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use annals_application::commands::CommandMetadata;
use annals_application::ports::{Clock, ReadOptions};
use annals_aws::read_model::{DualWriteTargets, IndexAdmin, Refresh};
use annals_aws::rebuild::{
    LiveTargets, RebuildError, RebuildOutcome, RebuildPlan, RebuildReport, RebuildRequest, RebuildSettings, Rebuilder,
};
use annals_aws_tests::world::World;
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

/// Some records' events, and no document yet.
struct Stage {
    world: World,
    installation: Installation,
    search: Search,
    schema: EntitySchema,
}

impl Stage {
    async fn new() -> Self {
        let world = World::new("rebuild").await;
        let installation = world.installation();
        let (_, endpoint) = opensearch_endpoints().remove(0);
        let prefix = format!("{}-", unique_name("rebuild"));
        let search = world.search(&endpoint, &prefix, Refresh::BeforeResponse).await;
        let schema = installation.catalog.schema(Provider::Salesforce, &EntityName::new("Account"));
        let stage = Self { world, installation, search, schema };
        for round in 0..ROUNDS {
            let texts: Vec<String> = (0..RECORDS).map(|record| change(round, record).to_string()).collect();
            stage.write(&texts).await;
        }
        stage
    }

    fn rebuilder(&self) -> Rebuilder {
        self.by(settings())
    }

    fn by(&self, settings: RebuildSettings) -> Rebuilder {
        self.search.rebuilder(&self.installation, settings)
    }

    fn indices(&self) -> IndexAdmin {
        IndexAdmin::new(self.search.connection())
    }

    /// All indices of the type, and the one that serves.
    async fn numbered(&self) -> (Vec<String>, Option<String>) {
        let indices = self.indices();
        let all = indices.numbered(&self.schema).await.expect("it answers");
        (all, indices.current(&self.schema).await.expect("it answers"))
    }

    async fn plan(&self) -> Option<RebuildPlan> {
        let text = self.installation.state.leases.checkpoint("rebuild").await.expect("it answers");
        text.map(|text| serde_json::from_str(&text).expect("a plan"))
    }

    /// In place of the plan, another.
    async fn replace(&self, plan: &RebuildPlan) {
        let state = &self.installation.state;
        let (token, now) = (self.installation.ids.fresh(), self.installation.clock.now());
        let lease = state.leases.acquire("rebuild", token, now, now.plus_millis(60_000)).await.expect("it answers");
        assert!(lease.is_some(), "nobody holds it");
        let text = serde_json::to_string(plan).expect("a plan is JSON");
        state.leases.renew("rebuild", token, now.plus_millis(60_000), Some(&text)).await.expect("it answers");
        state.leases.release("rebuild", token).await.expect("it answers");
    }

    async fn write(&self, texts: &[String]) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let handler = self.installation.handler();
        let commands = handler.commands_of(Provider::Salesforce, &texts, &CommandMetadata::default());
        handler.handle(commands).await.expect("the store answers");
    }

    /// More events than DynamoDB reads in a page, of which compression leaves half.
    async fn fill_a_page(&self) {
        for record in RECORDS..RECORDS + 8 {
            let mut large = change(0, record);
            let ids = (0..10_000).map(|_| self.installation.ids.fresh().simple().to_string());
            large["detail"]["payload"]["Description"] = ids.collect::<String>().into();
            self.write(&[large.to_string()]).await;
        }
    }

    /// Stores and projects another record's creation, as a function does that knows of the rebuild.
    async fn project(&self, record: usize) {
        self.write(&[change(0, record).to_string()]).await;
        let events = self.installation.store.read(&self.key(record), &ReadOptions::from(Version::FIRST, 1)).await;
        let events = events.expect("the store answers").into_iter().map(|stored| stored.event).collect();
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

    async fn is_whole(&self, report: &RebuildReport) {
        self.holds(report, RECORDS).await;
    }

    /// Only the index that a rebuild has filled is left; it serves, and holds so many records.
    async fn holds(&self, report: &RebuildReport, records: usize) {
        let index = &report.targets[0].after.0;
        assert_eq!(self.numbered().await, (vec![index.clone()], Some(index.clone())));
        assert_eq!(report.targets[0].after.1, records as u64);
        assert_eq!(self.plan().await, None);
        self.world.clone().remove().await;
    }
}

/// No projection runs here that would have to notice; leases run out soon.
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

/// Goes on as soon as the lease of the one that was killed has run out.
async fn to_its_end(rebuilder: &Rebuilder) -> RebuildReport {
    for _ in 0..100 {
        match rebuilder.resume(std::future::pending(), &|_| ()).await {
            Ok(RebuildOutcome::Finished(report)) => return report,
            Err(RebuildError::AlreadyRunning) => tokio::time::sleep(Duration::from_millis(50)).await,
            other => panic!("{other:?}"),
        }
    }
    panic!("the lease does not run out")
}

async fn rebuilt(rebuilder: &Rebuilder) -> RebuildReport {
    rebuilder.begin(&CLIENTS).await.expect("none is under way");
    to_its_end(rebuilder).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_stopped_lets_go_at_once_and_the_next_reads_on_from_there() {
    let stage = Stage::new().await;
    let rebuilder = stage.rebuilder();
    rebuilder.begin(&CLIENTS).await.expect("none is under way");
    let is_at_work = Notify::new();
    let told = |plan: &RebuildPlan| {
        if plan.segments.iter().any(|segment| segment.is_done) {
            is_at_work.notify_one();
        }
    };
    let slowed = stage.by(RebuildSettings { checkpoint_interval: Duration::from_millis(1), ..settings() });
    let outcome = slowed.resume(is_at_work.notified(), &told).await.expect("the services answer");
    let RebuildOutcome::Interrupted(stopped) = outcome else { panic!("it was stopped: {outcome:?}") };
    assert!(stopped.segments.iter().any(|segment| !segment.is_done), "{stopped:?}");
    assert_eq!(stage.plan().await.expect("it is kept"), *stopped);

    let outcome = rebuilder.resume(std::future::pending(), &|_| ()).await.expect("nobody holds it");
    let RebuildOutcome::Finished(report) = outcome else { panic!("nothing stops it: {outcome:?}") };
    let all = (RECORDS * ROUNDS) as u64;
    assert!((all..all * 2).contains(&report.counts.events), "what was done is not read again: {report:?}");
    stage.is_whole(&report).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_killed_behind_its_swap_only_removes_the_old_index() {
    for is_removed in [false, true] {
        let stage = Stage::new().await;
        let first = rebuilt(&stage.rebuilder()).await;
        let slow = stage.by(RebuildSettings { old_index_retention: Duration::from_secs(600), ..settings() });
        slow.begin(&CLIENTS).await.expect("none is under way");
        let killed = tokio::spawn(async move { slow.resume(std::future::pending(), &|_| ()).await.map(drop) });
        let swapped = async {
            while stage.plan().await.is_none_or(|plan| plan.swapped.is_none()) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), swapped).await.expect("it comes to its swap");
        killed.abort();
        if is_removed {
            stage.indices().delete(&first.targets[0].after.0).await.expect("it serves nobody any more");
        }
        let report = to_its_end(&stage.rebuilder()).await;
        assert_eq!(report.targets[0].before, Some(first.targets[0].after.clone()), "as it was counted before");
        stage.is_whole(&report).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_left_that_was_killed_while_it_began_goes_with_the_next() {
    let stage = Stage::new().await;
    let first = rebuilt(&stage.rebuilder()).await;
    let left = stage.indices().create_numbered(&stage.schema).await.expect("it is made");
    let (all, serves) = stage.numbered().await;
    assert_eq!((all.last(), serves.as_ref()), (Some(&left), Some(&first.targets[0].after.0)));
    let report = rebuilt(&stage.rebuilder()).await;
    stage.is_whole(&report).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_last_word_was_written_and_not_answered_is_done() {
    let stage = Stage::new().await;
    let proxy = Proxy::start(&dynamodb_endpoint());
    proxy.rule(Rule::first(1, Match::Target("DeleteItem"), Fault::DropAfter));
    let installation = stage.world.installation_by(&sdk_config(&proxy.endpoint()));
    let report = rebuilt(&stage.search.rebuilder(&installation, settings())).await;
    assert_eq!(proxy.count("DeleteItem"), 2, "the first answer was lost");
    stage.is_whole(&report).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_types_first_document_may_come_while_it_is_rebuilt() {
    let stage = Stage::new().await;
    stage.rebuilder().begin(&CLIENTS).await.expect("none is under way");
    stage.project(RECORDS).await;
    let (all, serves) = stage.numbered().await;
    assert_eq!((all.len(), serves.as_ref()), (2, all.last()), "the document made an index of its own");
    let report = to_its_end(&stage.rebuilder()).await;
    assert_eq!(report.targets[0].before.as_ref().map(|(index, _)| index), serves.as_ref());
    stage.holds(&report, RECORDS + 1).await;
}

/// Breaks an item past the code of the project, none of which can.
async fn broken(stage: &Stage, record: usize, version: usize) {
    let item = [
        ("entity_key".to_owned(), AttributeValue::S(stage.key(record).to_string())),
        ("version".to_owned(), AttributeValue::N(version.to_string())),
    ];
    let table = &stage.world.events_table;
    stage.world.client.put_item().table_name(table).set_item(Some(item.into())).send().await.expect("it is broken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_keeps_the_old_index_only_where_readers_find_it() {
    let stage = Stage::new().await;
    // Its newest event: what stands below would be an older state.
    broken(&stage, 3, ROUNDS).await;
    // A record of which there is nothing else.
    broken(&stage, RECORDS + 7, 1).await;
    let report = rebuilt(&stage.rebuilder()).await;
    let mut failed: Vec<&str> = report.failed.iter().map(|failed| failed.entity_key.as_str()).collect();
    failed.sort_unstable();
    let mut expected = [3, RECORDS + 7].map(|record| stage.key(record).to_string());
    expected.sort();
    assert_eq!(failed, expected);
    assert_eq!((report.counts.missed, report.targets[0].after.1), (0, RECORDS as u64 - 1));

    broken(&stage, 5, 1).await;
    let served = stage.numbered().await;
    stage.rebuilder().begin(&CLIENTS).await.expect("none is under way");
    let outcome = stage.rebuilder().resume(std::future::pending(), &|_| ()).await;
    let Err(RebuildError::RecordsFailed(report)) = outcome else { panic!("readers would miss one: {outcome:?}") };
    assert_eq!((report.counts.failed, report.counts.missed), (3, 1));
    assert_eq!((stage.numbered().await, stage.plan().await), (served, None), "as if nothing had been begun");

    let without = RebuildRequest { leaves_out_failed: true, ..CLIENTS };
    stage.rebuilder().begin(&without).await.expect("none is under way");
    let report = to_its_end(&stage.rebuilder()).await;
    stage.holds(&report, RECORDS - 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_moves_its_mark_also_where_no_document_comes() {
    let stage = Stage::new().await;
    let one = stage.by(RebuildSettings { segments: 1, checkpoint_interval: Duration::from_millis(1), ..settings() });
    one.begin(&RebuildRequest { name: Some("deal"), ..CLIENTS }).await.expect("none is under way");
    let proxy = Proxy::start(&dynamodb_endpoint());
    // The page behind the first is never answered.
    stage.fill_a_page().await;
    proxy.rule(Rule::new(Match::Target("Scan"), Times::After(1), Fault::HangBefore));
    let installation = stage.world.installation_by(&sdk_config(&proxy.endpoint()));
    let stuck = stage.search.rebuilder(&installation, RebuildSettings { segments: 1, ..settings() });
    let is_marked = Notify::new();
    let told = |plan: &RebuildPlan| {
        if plan.segments[0].written_through.is_some() {
            is_marked.notify_one();
        }
    };
    let outcome = stuck.resume(is_marked.notified(), &told);
    let outcome = tokio::time::timeout(Duration::from_secs(60), outcome).await.expect("it comes to a mark");
    let Ok(RebuildOutcome::Interrupted(plan)) = outcome else { panic!("it was stopped: {outcome:?}") };
    assert!(plan.segments[0].written_through.is_some() && plan.counts.indexed == 0, "{plan:?}");
    assert!(stage.rebuilder().abandon().await.expect("it is given up"));
    assert_eq!(stage.plan().await, None);
    stage.world.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_other_definitions_began_is_not_gone_on_with_and_can_be_given_up() {
    let stage = Stage::new().await;
    let first = rebuilt(&stage.rebuilder()).await;
    stage.rebuilder().begin(&CLIENTS).await.expect("none is under way");
    let mut plan = stage.plan().await.expect("it was begun");
    plan.targets[0].digest = "another".to_owned();
    stage.replace(&plan).await;
    let outcome = stage.rebuilder().resume(std::future::pending(), &|_| ()).await;
    assert!(matches!(outcome, Err(RebuildError::DefinitionsChanged(_))), "{outcome:?}");
    assert!(!stage.rebuilder().covers(&plan, &CLIENTS).await.expect("it is named"));

    assert!(stage.rebuilder().abandon().await.expect("nobody holds it"));
    assert!(!stage.rebuilder().abandon().await.expect("nobody holds it"), "there is none any more");
    stage.is_whole(&first).await;
}

#[derive(Default)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed)).expect("a timestamp")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn projection_reads_the_plan_again_by_the_clock_on_the_wall() {
    let stage = Stage::new().await;
    let clock = Arc::new(SetClock::default());
    let leases = Arc::clone(&stage.installation.state.leases);
    let live = LiveTargets::new(leases, Arc::clone(&clock) as Arc<dyn Clock>);
    let at = async |millis: i64| {
        clock.0.store(millis, Ordering::Relaxed);
        live.targets(&stage.schema).await.expect("it answers")
    };
    assert_eq!(at(1_000_000).await, [""; 0]);
    let plan = stage.rebuilder().begin(&CLIENTS).await.expect("none is under way");
    let filled = [plan.targets[0].to.clone()];
    assert_eq!(at(1_009_999).await, [""; 0], "what was read stands for ten seconds");
    assert_eq!(at(1_010_000).await, filled);
    to_its_end(&stage.rebuilder()).await;
    assert_eq!(at(1_019_999).await, filled);
    assert_eq!(at(1_009_999).await, [""; 0], "a clock that was set back says nothing of what was read");
    stage.world.remove().await;
}
