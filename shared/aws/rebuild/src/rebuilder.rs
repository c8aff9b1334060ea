//! The rebuild itself: begun, gone on with, and ended.
//!
//! Promises that one process at a time works on it, that a killed one's work goes on from its last
//! checkpoint, and that the aliases move only once every index is filled.

use std::sync::Arc;
use std::time::Duration;

use annals_application::ports::{Clock, EventStore, Ids, Lease, PortError, StateStore};
use annals_application::projection::StreamRebuilder;
use annals_aws_event_store::DynamoEventStore;
use annals_aws_read_model::IndexAdmin;
use annals_domain::definition::{Catalog, Shape};
use annals_domain::dialect::Dialects;
use annals_domain::identity::EntityName;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant as Moment;
use uuid::Uuid;

use crate::live::STANDS_FOR;
use crate::plan::{Counts, Plan, SegmentState, Target, WORK};
use crate::report::{RebuildReport, TargetReport};
use crate::segment::SegmentWalk;

/// How a rebuild works.
#[derive(Debug, Clone, Copy)]
pub struct RebuildSettings {
    /// How long after the plan is written the table may be scanned: until every projection that
    /// had not read it has read it or ended. Twice the time a read plan stands, and the projection
    /// function's timeout.
    pub known_after: Duration,
    /// In how many segments the table is scanned: many, since what is not done of those under way may be
    /// read again, and since DynamoDB Local reads a segment from its beginning for each page.
    pub segments: u32,
    /// How many of them at once.
    pub at_once: usize,
    /// How often the checkpoint is kept; the lease stands for six times that.
    pub checkpoint_every: Duration,
    /// How long an index is left behind its alias's move, for searches under way in it.
    pub old_index_stays: Duration,
}

impl Default for RebuildSettings {
    fn default() -> Self {
        Self {
            known_after: 2 * STANDS_FOR + Duration::from_secs(60),
            segments: 64,
            at_once: 4,
            checkpoint_every: Duration::from_secs(5),
            old_index_stays: Duration::from_secs(10),
        }
    }
}

/// What a rebuild works over.
#[derive(Clone)]
pub struct RebuildPorts {
    /// The events table.
    pub events: DynamoEventStore,
    /// Where the plan is kept.
    pub state: Arc<dyn StateStore>,
    /// The indices.
    pub indices: IndexAdmin,
    /// The definitions to rebuild by.
    pub catalog: Arc<Catalog>,
    /// What the events say.
    pub dialects: Dialects,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Fresh ids.
    pub ids: Arc<dyn Ids>,
}

/// Why a rebuild did not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// Another process works on one.
    #[error("another process is rebuilding")]
    Held,
    /// One that was begun has not ended.
    #[error("a rebuild of {} that began at {} has not ended", types(.0), .0.started_at)]
    Unfinished(Box<Plan>),
    /// No entity type has that name.
    #[error("there is no entity type `{0}`")]
    UnknownType(String),
    /// Another process has taken over; it goes on.
    #[error("the lease of the rebuild was lost to another process")]
    Lost,
    /// Records that readers see now could not be rebuilt; the old indices go on answering.
    #[error("{} records could not be rebuilt, so the old index goes on answering", .0.counts.failed)]
    Failed(Box<RebuildReport>),
    /// A store failed.
    #[error("the rebuild stopped; it can be gone on with")]
    Port(#[from] PortError),
}

/// How a run ended.
#[derive(Debug)]
pub enum RebuildOutcome {
    /// There is none to go on with.
    Nothing,
    /// The time was over; another run goes on.
    NotDone(Box<Plan>),
    /// It is done.
    Done(RebuildReport),
}

/// Is told how far a rebuild is.
pub type OnProgress<'a> = dyn Fn(&Plan) + Send + Sync + 'a;

/// The rebuilder.
#[derive(Clone)]
pub struct Rebuilder {
    ports: RebuildPorts,
    settings: RebuildSettings,
}

impl Rebuilder {
    /// Over these ports.
    pub fn new(ports: RebuildPorts, settings: RebuildSettings) -> Self {
        Self { ports, settings }
    }

    /// Begins a rebuild of one entity type, or of all. `resume` does the work.
    pub async fn begin(&self, name: Option<&str>) -> Result<Plan, RebuildError> {
        let shapes = self.shapes(name).await?;
        let lease = self.take_lease().await?.ok_or(RebuildError::Held)?;
        if let Some(text) = &lease.checkpoint {
            let plan = Plan::of_text(text)?;
            self.ports.state.release_lease(WORK, lease.token).await?;
            return Err(RebuildError::Unfinished(Box::new(plan)));
        }
        let mut targets = Vec::new();
        for shape in shapes {
            targets.push(self.target(&shape).await?);
        }
        let now = self.ports.clock.now();
        let known_after = i64::try_from(self.settings.known_after.as_millis()).unwrap_or(i64::MAX);
        let segments = vec![SegmentState::default(); usize::try_from(self.settings.segments).unwrap_or(1)];
        let plan = Plan {
            id: self.ports.ids.fresh(),
            targets,
            started_at: now,
            scan_from: now.plus_millis(known_after),
            segments,
            counts: Counts::default(),
            failed: Vec::new(),
            swapped: None,
        };
        self.keep(lease.token, &plan).await?;
        self.ports.state.release_lease(WORK, lease.token).await?;
        Ok(plan)
    }

    /// A new index for a shape. One that neither serves nor is in a plan was left by a rebuild that was killed
    /// while it began or gave up: nobody else would remove it.
    async fn target(&self, shape: &Shape) -> Result<Target, RebuildError> {
        let indices = &self.ports.indices;
        let from = indices.current(shape).await?;
        for left in indices.numbered(shape).await?.into_iter().filter(|index| Some(index) != from.as_ref()) {
            tracing::warn!(index = left, "removing what an earlier rebuild left");
            indices.delete(&left).await?;
        }
        let to = indices.create_numbered(shape).await?;
        Ok(Target { aggregate_type: shape.aggregate_type().as_str().to_owned(), from, to })
    }

    /// Goes on with the rebuild that was begun, to its end or until `until` is over. What then is done stays
    /// done, and whoever goes on need not wait for a lease. Once the aliases move, it goes on to its end.
    pub async fn resume(
        &self,
        until: impl Future<Output = ()> + Send,
        on_progress: &OnProgress<'_>,
    ) -> Result<RebuildOutcome, RebuildError> {
        if self.ports.state.checkpoint(WORK).await?.is_none() {
            return Ok(RebuildOutcome::Nothing);
        }
        let lease = self.take_lease().await?.ok_or(RebuildError::Held)?;
        let Some(text) = &lease.checkpoint else {
            self.ports.state.release_lease(WORK, lease.token).await?;
            return Ok(RebuildOutcome::Nothing);
        };
        let plan = Arc::new(Mutex::new(Plan::of_text(text)?));
        let outcome = self.work(lease.token, &plan, until, on_progress).await;
        if !matches!(outcome, Ok(RebuildOutcome::Done(_)) | Err(RebuildError::Failed(_) | RebuildError::Lost)) {
            // Free for the next run at once; where this fails too, it is once the lease has run out.
            let plan = plan.lock().await.clone();
            if self.keep(lease.token, &plan).await.is_ok() {
                self.ports.state.release_lease(WORK, lease.token).await?;
            }
        }
        outcome
    }

    async fn work(
        &self,
        token: Uuid,
        plan: &Arc<Mutex<Plan>>,
        until: impl Future<Output = ()> + Send,
        on_progress: &OnProgress<'_>,
    ) -> Result<RebuildOutcome, RebuildError> {
        let mut walks = self.walks(plan).await;
        let mut until = std::pin::pin!(until);
        // By the clock, however many segments end meanwhile: the lease stands for some of these only.
        let mut ticks = tokio::time::interval(self.settings.checkpoint_every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = &mut until => {
                    walks.shutdown().await;
                    return Ok(RebuildOutcome::NotDone(Box::new(plan.lock().await.clone())));
                }
                _ = ticks.tick() => {
                    let plan = plan.lock().await.clone();
                    on_progress(&plan);
                    self.keep(token, &plan).await?;
                }
                walked = walks.join_next() => match walked {
                    Some(walked) => walked.map_err(|error| stopped(&error.to_string()))??,
                    None => break,
                },
            }
        }
        let mut plan = plan.lock().await;
        on_progress(&plan);
        self.end(token, &mut plan).await.map(RebuildOutcome::Done)
    }

    /// The segments that are not done, each in a task of its own, so many at once.
    async fn walks(&self, shared: &Arc<Mutex<Plan>>) -> JoinSet<Result<(), PortError>> {
        let plan = Arc::new(shared.lock().await.clone());
        let wait = plan.scan_from.millis() - self.ports.clock.now().millis();
        let scan_from = Moment::now() + Duration::from_millis(u64::try_from(wait).unwrap_or(0));
        let slots = Arc::new(tokio::sync::Semaphore::new(self.settings.at_once));
        let mut walks = JoinSet::new();
        let open = (0_u32..).zip(&plan.segments).filter(|(_, segment)| !segment.is_done);
        for (number, _) in open {
            let (this, plan, shared, slots) = (self.clone(), Arc::clone(&plan), Arc::clone(shared), Arc::clone(&slots));
            walks.spawn(async move {
                let _slot = slots.acquire_owned().await;
                tokio::time::sleep_until(scan_from).await;
                let store: Arc<dyn EventStore> = Arc::new(this.ports.events.clone());
                let streams = StreamRebuilder::new(store, Arc::clone(&this.ports.catalog), this.ports.dialects.clone());
                let walk = SegmentWalk {
                    number,
                    events: &this.ports.events,
                    streams: &streams,
                    indices: &this.ports.indices,
                    catalog: &this.ports.catalog,
                    dialects: &this.ports.dialects,
                    plan: &plan,
                    shared: &shared,
                };
                walk.run().await
            });
        }
        walks
    }

    /// Moves the aliases and removes what they left, unless readers would miss something.
    async fn end(&self, token: Uuid, plan: &mut Plan) -> Result<RebuildReport, RebuildError> {
        let targets = match plan.swapped.clone() {
            Some(targets) => targets,
            None => self.swap(token, plan).await?,
        };
        tokio::time::sleep(self.settings.old_index_stays).await;
        for from in plan.targets.iter().filter_map(|target| target.from.as_deref()) {
            self.ports.indices.delete(from).await?;
        }
        self.finish(token).await?;
        Ok(RebuildReport::of(plan, targets, self.ports.clock.now()))
    }

    async fn swap(&self, token: Uuid, plan: &mut Plan) -> Result<Vec<TargetReport>, RebuildError> {
        let mut reports = Vec::new();
        for target in &plan.targets {
            reports.push(TargetReport::counted(target, &self.ports.indices).await?);
        }
        if plan.counts.failed > 0 {
            self.give_up(token, plan).await?;
            let report = RebuildReport::of(plan, reports, self.ports.clock.now());
            return Err(RebuildError::Failed(Box::new(report)));
        }
        for target in &plan.targets {
            self.ports.indices.swap(&self.shape_of(target), target.from.as_deref(), &target.to).await?;
        }
        // What was counted goes with it: whoever goes on from here may find the old indices gone.
        plan.swapped = Some(reports.clone());
        self.keep(token, plan).await?;
        Ok(reports)
    }

    /// The plan goes first, so that projection stops writing to indices that then go too. A late write
    /// does not make one again: it goes by an alias that goes with its index.
    async fn give_up(&self, token: Uuid, plan: &Plan) -> Result<(), RebuildError> {
        self.finish(token).await?;
        for target in &plan.targets {
            self.ports.indices.delete(&target.to).await?;
        }
        Ok(())
    }

    /// Where the answer to a first attempt was lost, the second finds the work gone: another process would
    /// have left its checkpoint.
    async fn finish(&self, token: Uuid) -> Result<(), RebuildError> {
        let is_ours = self.ports.state.finish_lease(WORK, token).await?;
        if is_ours || self.ports.state.checkpoint(WORK).await?.is_none() { Ok(()) } else { Err(RebuildError::Lost) }
    }

    async fn take_lease(&self) -> Result<Option<Lease>, PortError> {
        let now = self.ports.clock.now();
        self.ports.state.take_lease(WORK, self.ports.ids.fresh(), now, self.lease_until()).await
    }

    async fn keep(&self, token: Uuid, plan: &Plan) -> Result<(), RebuildError> {
        let text = plan.to_text()?;
        let is_ours = self.ports.state.keep_lease(WORK, token, self.lease_until(), Some(&text)).await?;
        if is_ours { Ok(()) } else { Err(RebuildError::Lost) }
    }

    fn lease_until(&self) -> annals_domain::instant::Instant {
        let stands_for = i64::try_from(6 * self.settings.checkpoint_every.as_millis()).unwrap_or(i64::MAX);
        self.ports.clock.now().plus_millis(stands_for)
    }

    /// The shapes of that name, or of all definitions and all objects that were met without one.
    async fn shapes(&self, name: Option<&str>) -> Result<Vec<Shape>, RebuildError> {
        let catalog = &self.ports.catalog;
        let noted = self.ports.state.noted_objects().await?;
        let open = noted.into_iter().map(|(provider, object)| catalog.shape(provider, &object));
        let open = open.filter(|shape| shape.definition().is_none());
        let defined = catalog.definitions().iter().map(|definition| Shape::Defined(Arc::clone(definition)));
        let mut all: Vec<Shape> = defined.chain(open).collect();
        all.dedup();
        let Some(name) = name else { return Ok(all) };
        if let Some(definition) = catalog.named(name) {
            return Ok(vec![Shape::Defined(Arc::clone(definition))]);
        }
        let is_named = |shape: &Shape| shape.definition().is_none() && shape.aggregate_type().as_str() == name;
        let found = all.into_iter().find(is_named).map(|shape| vec![shape]);
        found.ok_or_else(|| RebuildError::UnknownType(name.to_owned()))
    }

    fn shape_of(&self, target: &Target) -> Shape {
        let named = self.ports.catalog.named(&target.aggregate_type);
        named.map_or_else(
            || Shape::Open(EntityName::new(target.aggregate_type.as_str())),
            |definition| Shape::Defined(Arc::clone(definition)),
        )
    }
}

fn types(plan: &Plan) -> String {
    plan.targets.iter().map(|target| target.aggregate_type.as_str()).collect::<Vec<_>>().join(", ")
}

fn stopped(reason: &str) -> PortError {
    PortError::new(annals_application::ports::PortErrorKind::Unavailable, WORK, format!("a segment stopped: {reason}"))
}
