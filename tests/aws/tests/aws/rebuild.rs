//! A rebuild that is stopped at each of its steps, and what projection knows of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use annals_application::commands::CommandMetadata;
use annals_application::ports::{Clock, StateStore};
use annals_aws_read_model::{AlsoInto, IndexAdmin, Refresh};
use annals_aws_rebuild::{LiveTargets, Plan, RebuildError, RebuildOutcome, RebuildReport, RebuildSettings, Rebuilder};
use annals_aws_runtime::{Installation, Search};
use annals_aws_tests::world::World;
use annals_domain::definition::Shape;
use annals_domain::identity::{EntityName, Provider};
use annals_domain::instant::Instant;
use annals_services::{Fault, Match, Proxy, Rule, dynamodb_endpoint, opensearch_endpoints, sdk_config, unique_name};
use annals_tests::changes::change;
use tokio::sync::Notify;

const RECORDS: usize = 40;
const ROUNDS: usize = 3;

/// Some records' events, and no document yet.
struct Stage {
    world: World,
    installation: Installation,
    search: Search,
    shape: Shape,
}

impl Stage {
    async fn new() -> Self {
        let world = World::new("rebuild").await;
        let installation = world.installation();
        let (_, endpoint) = opensearch_endpoints().remove(0);
        let prefix = format!("{}-", unique_name("rebuild"));
        let search = world.search(&endpoint, &prefix, Refresh::BeforeAnswer).await;
        let shape = installation.catalog.shape(Provider::Salesforce, &EntityName::new("Account"));
        let stage = Self { world, installation, search, shape };
        let handler = stage.installation.handler();
        for round in 0..ROUNDS {
            let texts: Vec<String> = (0..RECORDS).map(|record| change(round, record).to_string()).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let commands = handler.commands_of(Provider::Salesforce, &texts, &CommandMetadata::default());
            handler.handle(commands).await.expect("the store answers");
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
        let all = indices.numbered(&self.shape).await.expect("it answers");
        (all, indices.current(&self.shape).await.expect("it answers"))
    }

    async fn plan(&self) -> Option<Plan> {
        let text = self.installation.state.checkpoint("rebuild").await.expect("it answers");
        text.map(|text| serde_json::from_str(&text).expect("a plan"))
    }

    /// Only the index that a rebuild has filled is left; it serves, and holds every record.
    async fn is_whole(&self, report: &RebuildReport) {
        let index = &report.targets[0].after.0;
        assert_eq!(self.numbered().await, (vec![index.clone()], Some(index.clone())));
        assert_eq!(report.targets[0].after.1, RECORDS as u64);
        assert_eq!(self.plan().await, None);
        self.world.clone().remove().await;
    }
}

/// No projection runs here that would have to notice; leases run out soon.
fn settings() -> RebuildSettings {
    RebuildSettings {
        known_after: Duration::ZERO,
        segments: 4,
        at_once: 1,
        checkpoint_every: Duration::from_millis(50),
        old_index_stays: Duration::ZERO,
    }
}

/// Goes on as soon as the lease of the one that was killed has run out.
async fn to_its_end(rebuilder: &Rebuilder) -> RebuildReport {
    for _ in 0..100 {
        match rebuilder.resume(std::future::pending(), &|_| ()).await {
            Ok(RebuildOutcome::Done(report)) => return report,
            Err(RebuildError::Held) => tokio::time::sleep(Duration::from_millis(50)).await,
            other => panic!("{other:?}"),
        }
    }
    panic!("the lease does not run out")
}

async fn rebuilt(rebuilder: &Rebuilder) -> RebuildReport {
    rebuilder.begin(Some("client")).await.expect("none is under way");
    to_its_end(rebuilder).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_stopped_lets_go_at_once_and_the_next_reads_on_from_there() {
    let stage = Stage::new().await;
    let rebuilder = stage.rebuilder();
    rebuilder.begin(Some("client")).await.expect("none is under way");
    let is_at_work = Notify::new();
    let told = |plan: &Plan| {
        if plan.segments.iter().any(|segment| segment.is_done) {
            is_at_work.notify_one();
        }
    };
    let slowed = stage.by(RebuildSettings { checkpoint_every: Duration::from_millis(1), ..settings() });
    let outcome = slowed.resume(is_at_work.notified(), &told).await.expect("the services answer");
    let RebuildOutcome::NotDone(stopped) = outcome else { panic!("it was stopped: {outcome:?}") };
    assert!(stopped.segments.iter().any(|segment| !segment.is_done), "{stopped:?}");
    assert_eq!(stage.plan().await.expect("it is kept"), *stopped);

    let outcome = rebuilder.resume(std::future::pending(), &|_| ()).await.expect("nobody holds it");
    let RebuildOutcome::Done(report) = outcome else { panic!("nothing stops it: {outcome:?}") };
    let all = (RECORDS * ROUNDS) as u64;
    assert!((all..all * 2).contains(&report.counts.events), "what was done is not read again: {report:?}");
    stage.is_whole(&report).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_killed_behind_its_swap_only_removes_the_old_index() {
    for is_removed in [false, true] {
        let stage = Stage::new().await;
        let first = rebuilt(&stage.rebuilder()).await;
        let slow = stage.by(RebuildSettings { old_index_stays: Duration::from_secs(600), ..settings() });
        slow.begin(Some("client")).await.expect("none is under way");
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
    let left = stage.indices().create_numbered(&stage.shape).await.expect("it is made");
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

#[derive(Default)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Instant {
        Instant::from_millis(self.0.load(Ordering::Relaxed)).expect("an instant")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn projection_reads_the_plan_again_by_the_clock_on_the_wall() {
    let stage = Stage::new().await;
    let clock = Arc::new(SetClock::default());
    let state: Arc<dyn StateStore> = Arc::clone(&stage.installation.state);
    let live = LiveTargets::new(state, Arc::clone(&clock) as Arc<dyn Clock>);
    let at = async |millis: i64| {
        clock.0.store(millis, Ordering::Relaxed);
        live.targets(&stage.shape).await.expect("it answers")
    };
    assert_eq!(at(1_000_000).await, [""; 0]);
    let plan = stage.rebuilder().begin(Some("client")).await.expect("none is under way");
    let filled = [plan.targets[0].to.clone()];
    assert_eq!(at(1_009_999).await, [""; 0], "what was read stands for ten seconds");
    assert_eq!(at(1_010_000).await, filled);
    to_its_end(&stage.rebuilder()).await;
    assert_eq!(at(1_019_999).await, filled);
    assert_eq!(at(1_009_999).await, [""; 0], "a clock that was set back says nothing of what was read");
    stage.world.remove().await;
}
