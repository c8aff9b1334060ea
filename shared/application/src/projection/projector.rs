//! The projector: one batch of stored events through all registered projections.
//!
//! Promises what the module promises (`crate::projection`). Answers which records must be tried
//! again because of an outage; the caller keeps their place in the stream.

use std::collections::{BTreeMap, HashSet};
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::{Arc, Mutex};

use annals_domain::aggregate::Aggregate;
use annals_domain::definition::Catalog;
use annals_domain::event::DomainEvent;
use annals_domain::identity::{EntityKey, EntityName, Provider};
use annals_domain::position::Version;
use annals_domain::provider_adapter::ProviderAdapters;
use futures::StreamExt;
use futures::future::join_all;

use super::bring_up::{BringUp, CachedState};
use super::cache::StateCache;
use super::load::StateLoader;
use super::parked::ParkRequest;
use super::read_model::repeated;
use super::{ProjectionFailure, ProjectionInput, ProjectionRegistry, StateTransition};
use crate::commands::{RecentChanges, lock};
use crate::ports::{
    Clock, EventStore, Ids, JobReport, ObjectRegistry, ParkedProjections, PortError, ProjectionJob, ProjectionJobs,
    SnapshotStore,
};

/// A snapshot is kept each time a record passes a multiple of this version, and where more events than
/// that had to be folded.
pub const SNAPSHOT_INTERVAL: NonZeroU64 = NonZeroU64::new(50).expect("not zero");

/// How many records are brought up side by side.
const BROUGHT_UP_AT_ONCE: usize = 16;

/// What a projector works with.
#[derive(Clone)]
pub struct ProjectorPorts {
    /// Where events are.
    pub store: Arc<dyn EventStore>,
    pub snapshots: Arc<dyn SnapshotStore>,
    pub parked: Arc<dyn ParkedProjections>,
    pub objects: Arc<dyn ObjectRegistry>,
    /// Where jobs' outcomes are recorded.
    pub jobs: Arc<dyn ProjectionJobs>,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Ids of jobs.
    pub ids: Arc<dyn Ids>,
}

/// How a projector works.
#[derive(Debug, Clone, Copy)]
pub struct ProjectorSettings {
    /// How many bytes of records' states are cached, by an estimate; 0 turns the cache off. A state takes some
    /// kilobytes, one with long texts hundreds.
    pub cached_bytes: usize,
    /// How many versions lie between two snapshots of a record.
    pub snapshot_interval: NonZeroU64,
    /// The most records that are projected by calls of their own. Of a larger batch, equal parts are
    /// projected side by side: while the read model works on one, the next is brought up.
    pub part: NonZeroUsize,
}

impl Default for ProjectorSettings {
    fn default() -> Self {
        Self { cached_bytes: 64 << 20, snapshot_interval: SNAPSHOT_INTERVAL, part: NonZeroUsize::MAX }
    }
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct BatchReport {
    /// Records that an outage kept from being projected, with the lowest version that is not.
    pub failed: Vec<(EntityKey, Version, PortError)>,
    /// How many records are parked.
    pub parked: usize,
    /// How many records were projected.
    pub projected: usize,
}

/// The projector.
pub struct Projector {
    pub(super) ports: ProjectorPorts,
    catalog: Arc<Catalog>,
    adapters: ProviderAdapters,
    registry: ProjectionRegistry,
    recent: Option<Arc<RecentChanges>>,
    snapshot_interval: NonZeroU64,
    part: NonZeroUsize,
    /// Objects that are noted already.
    noted: Mutex<HashSet<(Provider, EntityName)>>,
    cache: Option<Mutex<StateCache>>,
}

impl BatchReport {
    fn joined(mut self, other: Self) -> Self {
        self.failed.extend(other.failed);
        self.parked += other.parked;
        self.projected += other.projected;
        self
    }
}

/// A batch's events of one record, by version.
type Stream = (EntityKey, BTreeMap<Version, Arc<DomainEvent>>);
type Streams = BTreeMap<EntityKey, BTreeMap<Version, Arc<DomainEvent>>>;

/// One record in a batch.
struct Lane {
    key: EntityKey,
    lowest: Version,
    highest: Version,
    /// The newest event's.
    correlation_id: Option<String>,
    progress: Result<StateTransition, ProjectionFailure>,
}

impl Projector {
    /// A projector over these ports.
    pub fn new(
        ports: ProjectorPorts,
        catalog: Arc<Catalog>,
        adapters: ProviderAdapters,
        registry: ProjectionRegistry,
        settings: ProjectorSettings,
    ) -> Self {
        let cache = (settings.cached_bytes > 0).then(|| Mutex::new(StateCache::new(settings.cached_bytes)));
        Self {
            ports,
            catalog,
            adapters,
            registry,
            recent: None,
            snapshot_interval: settings.snapshot_interval,
            part: settings.part,
            noted: Mutex::default(),
            cache,
        }
    }

    /// With the changes that a command handler of the same process has just stored.
    #[must_use]
    pub fn with_recent(mut self, recent: Arc<RecentChanges>) -> Self {
        self.recent = Some(recent);
        self
    }

    /// Projects a batch, in any order and with repetitions.
    pub async fn project(&self, batch: Vec<Arc<DomainEvent>>) -> BatchReport {
        let mut by_key = Streams::new();
        for event in batch {
            by_key.entry(event.key()).or_default().insert(event.version, event);
        }
        let parts = by_key.len().div_ceil(self.part.get()).max(1);
        let size = by_key.len().div_ceil(parts);
        let mut streams = by_key.into_iter().peekable();
        let parts = std::iter::from_fn(|| streams.peek().is_some().then(|| streams.by_ref().take(size).collect()));
        let reports = join_all(parts.enumerate().map(|(number, part)| self.project_part(number, part))).await;
        reports.into_iter().fold(BatchReport::default(), BatchReport::joined)
    }

    async fn project_part(&self, number: usize, streams: Vec<Stream>) -> BatchReport {
        // The calls of the parts before this one go out before this one is brought up.
        for _ in 0..number {
            tokio::task::yield_now().await;
        }
        let mut lanes = self.bring_up(streams).await;
        self.note_objects(&mut lanes).await;
        let mut reports = Vec::new();
        for (pattern, projection) in self.registry.iter() {
            let is_wanted = |progress: &StateTransition| {
                let aggregate_type = &progress.entity.aggregate_type;
                progress.events.iter().any(|read| pattern.matches(aggregate_type, read.event.event_type))
            };
            let wanted: Vec<usize> =
                (0..lanes.len()).filter(|index| lanes[*index].progress.as_ref().is_ok_and(is_wanted)).collect();
            let inputs: Vec<ProjectionInput<'_>> = wanted
                .iter()
                .filter_map(|index| lanes[*index].progress.as_ref().ok())
                .map(|progress| self.input_for(projection.name(), progress))
                .collect();
            let outcomes = projection.run(&inputs).await;
            let jobs: Vec<ProjectionJob> = inputs.into_iter().map(|input| input.job).collect();
            for ((index, outcome), job) in wanted.into_iter().zip(outcomes).zip(jobs) {
                match outcome {
                    Ok(outcome) => reports.push(JobReport { job, outcome }),
                    Err(failure) => lanes[index].progress = Err(failure),
                }
            }
        }
        self.settle(lanes, reports).await
    }

    /// What loads states.
    pub(super) fn loader(&self) -> StateLoader<'_> {
        StateLoader {
            store: &*self.ports.store,
            snapshots: &*self.ports.snapshots,
            adapters: &self.adapters,
            snapshot_interval: self.snapshot_interval,
        }
    }

    async fn bring_up(&self, streams: Vec<Stream>) -> Vec<Lane> {
        let bring_up = BringUp { loader: self.loader(), catalog: &self.catalog, recent: self.recent.as_deref() };
        let lanes = streams.into_iter().map(|(key, events)| async {
            let lowest = events.keys().next().copied().unwrap_or(Version::FIRST);
            let highest = events.keys().last().copied().unwrap_or(Version::FIRST);
            let newest = events.values().next_back();
            let correlation_id = newest.and_then(|event| event.metadata.correlation_id.clone());
            // Taken out: it goes back only once everything behind it succeeded.
            let cached = self.cache.as_ref().and_then(|cache| lock(cache).take(&key));
            let progress = bring_up.run(&key, events, cached).await;
            Lane { key, lowest, highest, correlation_id, progress }
        });
        // Cold records are read side by side: one after the other their reads would add up.
        futures::stream::iter(lanes).buffered(BROUGHT_UP_AT_ONCE).collect().await
    }

    /// Remembers which objects there are records of, those that wait for their base included.
    async fn note_objects(&self, lanes: &mut [Lane]) {
        let object = |lane: &Lane| {
            let progress = lane.progress.as_ref().ok()?;
            Some((progress.after.provider(), lane.key.entity_name.clone()))
        };
        let found: HashSet<(Provider, EntityName)> = lanes.iter().filter_map(object).collect();
        let new: Vec<(Provider, EntityName)> = found.difference(&lock(&self.noted)).cloned().collect();
        if new.is_empty() {
            return;
        }
        match self.ports.objects.register(&new).await {
            Ok(()) => lock(&self.noted).extend(new),
            Err(error) => {
                for lane in lanes.iter_mut().filter(|lane| object(lane).is_some_and(|object| new.contains(&object))) {
                    lane.progress = Err(repeated(&error).into());
                }
            }
        }
    }

    fn input_for<'a>(&self, projection: &'static str, progress: &'a StateTransition) -> ProjectionInput<'a> {
        let versions = progress.events.iter().map(|read| read.event.version);
        let job = ProjectionJob {
            job_id: self.ports.ids.fresh(),
            projection,
            key: progress.after.key().clone(),
            from_version: versions.clone().min().unwrap_or(Version::FIRST),
            to_version: versions.max().unwrap_or(Version::FIRST),
            correlation_id: progress.events.last().and_then(|read| read.event.metadata.correlation_id.clone()),
            created_at: self.ports.clock.now(),
        };
        ProjectionInput { job, progress }
    }

    async fn settle(&self, lanes: Vec<Lane>, reports: Vec<JobReport>) -> BatchReport {
        let mut report = BatchReport::default();
        let mut done = Vec::new();
        for Lane { key, lowest, highest, correlation_id, progress } in lanes {
            match progress {
                Ok(progress) => done.push(progress),
                Err(ProjectionFailure::Outage(error)) => report.failed.push((key, lowest, error)),
                Err(ProjectionFailure::Poison(reason)) => {
                    let parking = ParkRequest { key: key.clone(), versions: (lowest, highest), reason, correlation_id };
                    match self.park(parking).await {
                        Ok(()) => report.parked += 1,
                        Err(error) => report.failed.push((key, lowest, error)),
                    }
                }
            }
        }
        report.projected = done.len();
        self.ports.jobs.record(&reports).await;
        let snapshots: Vec<Aggregate> =
            done.iter().filter(|p| self.needs_snapshot(p)).map(|p| p.after.clone()).collect();
        if !snapshots.is_empty()
            && let Err(error) = self.ports.snapshots.put(snapshots).await
        {
            // A snapshot only saves reads: the next interval has another.
            tracing::warn!(%error, "snapshots were not kept");
        }
        if let Some(cache) = &self.cache {
            let mut cache = lock(cache);
            for progress in done {
                let entity = progress.after.has_base().then_some(progress.entity);
                cache.put(CachedState { aggregate: progress.after, entity });
            }
        }
        report
    }

    /// Behind each interval; and where a snapshot was missing, so that the next to come cold need not
    /// fold all of it again.
    fn needs_snapshot(&self, progress: &StateTransition) -> bool {
        let first = progress.events.first().map_or(0, |read| read.event.version.previous().get());
        let passes = first / self.snapshot_interval < progress.after.version().get() / self.snapshot_interval;
        passes || progress.folded > self.snapshot_interval.get()
    }
}
