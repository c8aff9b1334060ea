//! The rebuild itself: begun (`begin`), gone on with (here), and ended (`end`).
//!
//! Promises that one process at a time works on it, that a killed one's work goes on from its last
//! checkpoint, and that the aliases move only once every index is filled.

mod begin;
mod end;

use std::sync::Arc;
use std::time::Duration;

use crate::event_store::DynamoEventStore;
use crate::read_model::IndexAdmin;
use annals_application::ports::{Clock, EventStore, Ids, Lease, LeaseStore, ObjectRegistry, PortError};
use annals_application::projection::StreamRebuilder;
use annals_domain::definition::Catalog;
use annals_domain::provider_adapter::ProviderAdapters;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use crate::rebuild::live::STANDS_FOR;
use crate::rebuild::plan::{RebuildPlan, RebuildTarget, WORK};
use crate::rebuild::report::RebuildReport;
use crate::rebuild::segment::SegmentWalk;

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
    pub concurrency: usize,
    /// How many bytes of events a segment's walk reads between two marks at the most, however few documents
    /// come of them: a run that ends reads again what lies behind its mark, and what is not written is held.
    pub max_pending_bytes: usize,
    /// How often the checkpoint is kept; the lease stands for six times that.
    pub checkpoint_interval: Duration,
    /// How long an index is left behind its alias's move, for searches under way in it.
    pub old_index_retention: Duration,
}

impl Default for RebuildSettings {
    fn default() -> Self {
        Self {
            known_after: 2 * STANDS_FOR + Duration::from_secs(60),
            segments: 64,
            concurrency: 4,
            max_pending_bytes: 4 * 1024 * 1024,
            checkpoint_interval: Duration::from_secs(5),
            old_index_retention: Duration::from_secs(10),
        }
    }
}

/// What a rebuild works over.
#[derive(Clone)]
pub struct RebuildPorts {
    /// The events table.
    pub events: DynamoEventStore,
    /// Where the plan is kept, as the checkpoint of its lease.
    pub leases: Arc<dyn LeaseStore>,
    pub objects: Arc<dyn ObjectRegistry>,
    /// The indices.
    pub indices: IndexAdmin,
    /// The definitions to rebuild by.
    pub catalog: Arc<Catalog>,
    /// What the events say.
    pub adapters: ProviderAdapters,
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
    AlreadyRunning,
    /// One that was begun has not ended.
    #[error("a rebuild of {} that began at {} has not ended", types(.0), .0.started_at)]
    Unfinished(Box<RebuildPlan>),
    /// No entity type has that name.
    #[error("there is no entity type `{0}`")]
    UnknownType(String),
    /// Another process has taken over; it goes on.
    #[error("the lease of the rebuild was lost to another process")]
    LeaseLost,
    /// Records that readers see now could not be rebuilt; the old indices go on answering.
    #[error("{} records that readers find could not be rebuilt, so the old index goes on answering", .0.counts.missed)]
    RecordsFailed(Box<RebuildReport>),
    /// It was begun by other definitions than this process has.
    #[error("the rebuild of {} was begun by other definitions than these", types(.0))]
    DefinitionsChanged(Box<RebuildPlan>),
    /// A store failed.
    #[error("the rebuild stopped; it can be gone on with")]
    Port(#[from] PortError),
}

/// What is to be rebuilt, and how strictly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RebuildRequest<'a> {
    /// One entity type; without a name all of them.
    pub name: Option<&'a str>,
    /// Whether the aliases move although readers then miss records that could not be rebuilt.
    pub leaves_out_failed: bool,
}

/// How a run ended.
#[derive(Debug)]
pub enum RebuildOutcome {
    /// There is none to go on with.
    NoneStarted,
    /// The time was over; another run goes on.
    Interrupted(Box<RebuildPlan>),
    /// It is done.
    Finished(RebuildReport),
}

/// Is told how far a rebuild is.
pub type OnProgress<'a> = dyn Fn(&RebuildPlan) + Send + Sync + 'a;

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

    /// Goes on with the rebuild that was begun, to its end or until `until` is over. What then is done stays
    /// done, and whoever goes on need not wait for a lease.
    pub async fn resume(
        &self,
        until: impl Future<Output = ()> + Send,
        on_progress: &OnProgress<'_>,
    ) -> Result<RebuildOutcome, RebuildError> {
        if self.ports.leases.checkpoint(WORK).await?.is_none() {
            return Ok(RebuildOutcome::NoneStarted);
        }
        let lease = self.take_lease().await?.ok_or(RebuildError::AlreadyRunning)?;
        let plan = match self.found(lease.checkpoint.as_deref()) {
            Ok(Some(plan)) => Arc::new(Mutex::new(plan)),
            nothing => {
                self.ports.leases.release(WORK, lease.token).await?;
                return nothing.map(|_| RebuildOutcome::NoneStarted);
            }
        };
        let outcome = self.work(lease.token, &plan, until, on_progress).await;
        if !matches!(
            outcome,
            Ok(RebuildOutcome::Finished(_)) | Err(RebuildError::RecordsFailed(_) | RebuildError::LeaseLost)
        ) {
            // Free for the next run at once; where this fails too, it is once the lease has run out.
            let plan = plan.lock().await.clone();
            if self.keep(lease.token, &plan).await.is_ok() {
                self.ports.leases.release(WORK, lease.token).await?;
            }
        }
        outcome
    }

    /// The plan that was begun, if it is by these definitions: others would fill the index with other entities
    /// than it says.
    fn found(&self, checkpoint: Option<&str>) -> Result<Option<RebuildPlan>, RebuildError> {
        let Some(text) = checkpoint else { return Ok(None) };
        let plan = RebuildPlan::of_text(text)?;
        let is_by_these =
            |target: &RebuildTarget| target.digest == IndexAdmin::digest(&target.schema(&self.ports.catalog));
        if !plan.targets.iter().all(is_by_these) {
            return Err(RebuildError::DefinitionsChanged(Box::new(plan)));
        }
        Ok(Some(plan))
    }

    /// How far the rebuild is that was begun; an error where this process could not go on with it.
    pub async fn unfinished(&self) -> Result<Option<RebuildPlan>, RebuildError> {
        self.found(self.ports.leases.checkpoint(WORK).await?.as_deref())
    }

    async fn work(
        &self,
        token: Uuid,
        plan: &Arc<Mutex<RebuildPlan>>,
        until: impl Future<Output = ()> + Send,
        on_progress: &OnProgress<'_>,
    ) -> Result<RebuildOutcome, RebuildError> {
        let mut walks = self.walks(plan).await;
        let mut until = std::pin::pin!(until);
        // By the clock, however many segments end meanwhile: the lease stands for some of these only.
        let mut ticks = tokio::time::interval(self.settings.checkpoint_interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = &mut until => {
                    walks.shutdown().await;
                    return Ok(RebuildOutcome::Interrupted(Box::new(plan.lock().await.clone())));
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
        self.end(token, &mut plan, until).await
    }

    /// The segments that are not done, each in a task of its own, so many at once.
    async fn walks(&self, shared: &Arc<Mutex<RebuildPlan>>) -> JoinSet<Result<(), PortError>> {
        let plan = Arc::new(shared.lock().await.clone());
        let wait = plan.scan_from.millis() - self.ports.clock.now().millis();
        let scan_from = Instant::now() + Duration::from_millis(u64::try_from(wait).unwrap_or(0));
        let slots = Arc::new(tokio::sync::Semaphore::new(self.settings.concurrency));
        let mut walks = JoinSet::new();
        let open = (0_u32..).zip(&plan.segments).filter(|(_, segment)| !segment.is_done);
        for (number, _) in open {
            let (this, plan, shared, slots) = (self.clone(), Arc::clone(&plan), Arc::clone(shared), Arc::clone(&slots));
            walks.spawn(async move {
                let _slot = slots.acquire_owned().await;
                tokio::time::sleep_until(scan_from).await;
                let store: Arc<dyn EventStore> = Arc::new(this.ports.events.clone());
                let streams = StreamRebuilder::new(store, Arc::clone(&this.ports.catalog), this.ports.adapters.clone());
                let walk = SegmentWalk {
                    number,
                    events: &this.ports.events,
                    streams: &streams,
                    indices: &this.ports.indices,
                    catalog: &this.ports.catalog,
                    adapters: &this.ports.adapters,
                    plan: &plan,
                    max_pending_bytes: this.settings.max_pending_bytes,
                    shared: &shared,
                };
                walk.run().await
            });
        }
        walks
    }

    async fn take_lease(&self) -> Result<Option<Lease>, PortError> {
        let now = self.ports.clock.now();
        self.ports.leases.acquire(WORK, self.ports.ids.fresh(), now, self.lease_until()).await
    }

    async fn keep(&self, token: Uuid, plan: &RebuildPlan) -> Result<(), RebuildError> {
        self.hold(token, Some(&plan.to_text()?)).await
    }

    /// Holds the lease for a while longer, with a new checkpoint where there is one.
    async fn hold(&self, token: Uuid, checkpoint: Option<&str>) -> Result<(), RebuildError> {
        let is_ours = self.ports.leases.renew(WORK, token, self.lease_until(), checkpoint).await?;
        if is_ours { Ok(()) } else { Err(RebuildError::LeaseLost) }
    }

    fn lease_until(&self) -> annals_domain::timestamp::Timestamp {
        let stands_for = i64::try_from(6 * self.settings.checkpoint_interval.as_millis()).unwrap_or(i64::MAX);
        self.ports.clock.now().plus_millis(stands_for)
    }
}

fn types(plan: &RebuildPlan) -> String {
    plan.targets.iter().map(|target| target.aggregate_type.as_str()).collect::<Vec<_>>().join(", ")
}

fn stopped(reason: &str) -> PortError {
    PortError::new(annals_application::ports::PortErrorKind::Unavailable, WORK, format!("a segment stopped: {reason}"))
}
