//! The projector: takes batches of stored events through all registered projections.

use std::collections::HashSet;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::{Arc, Mutex};

use annals_domain::definition::Catalog;
use annals_domain::event::DomainEvent;
use annals_domain::identity::{EntityKey, EntityName, Provider};
use annals_domain::position::Version;
use annals_domain::provider_adapter::ProviderAdapters;
use futures::StreamExt;
use futures::future::join_all;

use super::batch::{StreamBatch, StreamSpan};
use super::broadcast::BROADCAST;
use super::cache::{CachedState, StateCache};
use super::failure::ProjectionFailure;
use super::interface::{Projection, ProjectionInput};
use super::load::StateLoader;
use super::registry::{EventPattern, ProjectionRegistry};
use super::transition::{StateTransition, TransitionLoader};
use crate::commands::{RecentChanges, lock};
use crate::ports::{
    Clock, EventStore, Ids, JobOutcome, JobReport, ObjectRegistry, ParkedProjection, ParkedProjections, PortError,
    ProjectionJob, ProjectionJobs, Snapshot, SnapshotStore,
};

/// The default number of versions between two snapshots of a record, which are at its multiples: a cold load folds at
/// most about twice as many events.
pub const SNAPSHOT_INTERVAL: NonZeroU64 = NonZeroU64::new(50).expect("not zero");

/// The number of records that are loaded at the same time.
const CONCURRENT_LOADS: usize = 16;

#[derive(Clone)]
pub struct ProjectorPorts {
    pub store: Arc<dyn EventStore>,
    pub snapshots: Arc<dyn SnapshotStore>,
    pub parked: Arc<dyn ParkedProjections>,
    pub objects: Arc<dyn ObjectRegistry>,
    pub jobs: Arc<dyn ProjectionJobs>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
}

#[derive(Debug, Clone, Copy)]
pub struct ProjectorSettings {
    /// The size of the cache of record states, in estimated bytes; 0 turns the cache off. A state takes
    /// some kilobytes, one with long texts hundreds.
    pub cached_bytes: usize,
    /// The number of versions between two snapshots of a record.
    pub snapshot_interval: NonZeroU64,
    /// Whether snapshots are stored; one projector of an installation is enough.
    pub stores_snapshots: bool,
    /// Whether a record that an outage of the publisher alone keeps back is parked. Its caller has one place for all
    /// projections then, and an outage of the publisher does not hold up the others.
    pub parks_unpublished: bool,
    /// The largest number of records in one call of a projection. A larger batch is split into equal
    /// parts that run concurrently: while the read model indexes one part, the next is loaded.
    pub part: NonZeroUsize,
}

impl Default for ProjectorSettings {
    fn default() -> Self {
        Self {
            cached_bytes: 64 << 20,
            snapshot_interval: SNAPSHOT_INTERVAL,
            stores_snapshots: true,
            parks_unpublished: false,
            part: NonZeroUsize::MAX,
        }
    }
}

#[derive(Debug, Default)]
pub struct BatchReport {
    /// The records that were not projected because of an outage, each with the lowest version that must
    /// be tried again.
    pub failed: Vec<(EntityKey, Version, PortError)>,
    pub parked: usize,
    pub projected: usize,
}

impl BatchReport {
    fn merged(mut self, other: Self) -> Self {
        self.failed.extend(other.failed);
        self.parked += other.parked;
        self.projected += other.projected;
        self
    }
}

#[derive(Debug)]
pub struct ParkRequest {
    pub key: EntityKey,
    /// The lowest and the highest version that are not projected.
    pub versions: (Version, Version),
    pub reason: String,
    /// The correlation id of the newest event, if it is known.
    pub correlation_id: Option<String>,
}

/// Projects batches of stored events.
///
/// Every record of a batch is brought to at least its highest version there. A record that fails by
/// itself is parked and does not delay others; a record that fails because of an outage is reported, and
/// the caller tries it again. The result never depends on what is cached. Records are projected in no
/// particular order.
pub struct Projector {
    ports: ProjectorPorts,
    catalog: Arc<Catalog>,
    adapters: ProviderAdapters,
    registry: ProjectionRegistry,
    recent: Option<Arc<RecentChanges>>,
    snapshot_interval: NonZeroU64,
    stores_snapshots: bool,
    parks_unpublished: bool,
    part: NonZeroUsize,
    /// The objects that this projector has registered, so that it does so once.
    registered: Mutex<HashSet<(Provider, EntityName)>>,
    cache: Option<Mutex<StateCache>>,
}

/// One stream of a batch on its way through the projections, until one of them fails.
struct ProjectedStream {
    span: StreamSpan,
    transition: Result<StateTransition, ProjectionFailure>,
}

impl ProjectedStream {
    /// The transition, if it has an event that matches.
    fn matching(&self, pattern: &EventPattern) -> Option<&StateTransition> {
        let transition = self.transition.as_ref().ok()?;
        let aggregate_type = &transition.entity.aggregate_type;
        let is_match = transition.events.iter().any(|read| pattern.matches(aggregate_type, read.event.event_type));
        is_match.then_some(transition)
    }

    fn object(&self) -> Option<(Provider, EntityName)> {
        let transition = self.transition.as_ref().ok()?;
        Some((transition.after.provider(), self.span.key.entity_name.clone()))
    }
}

impl Projector {
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
            stores_snapshots: settings.stores_snapshots,
            parks_unpublished: settings.parks_unpublished,
            part: settings.part,
            registered: Mutex::default(),
            cache,
        }
    }

    /// Uses the changes that a command handler of the same process has just stored, which need no second
    /// parse.
    #[must_use]
    pub fn with_recent(mut self, recent: Arc<RecentChanges>) -> Self {
        self.recent = Some(recent);
        self
    }

    /// Projects a batch. Its events may come in any order and more than once.
    pub async fn project(&self, batch: Vec<Arc<DomainEvent>>) -> BatchReport {
        let streams = StreamBatch::split(batch);
        let parts = streams.len().div_ceil(self.part.get()).max(1);
        let size = streams.len().div_ceil(parts);
        let mut streams = streams.into_iter().peekable();
        let parts = std::iter::from_fn(|| streams.peek().is_some().then(|| streams.by_ref().take(size).collect()));
        let reports = join_all(parts.enumerate().map(|(number, part)| self.project_part(number, part))).await;
        reports.into_iter().fold(BatchReport::default(), BatchReport::merged)
    }

    async fn project_part(&self, number: usize, streams: Vec<StreamBatch>) -> BatchReport {
        // The earlier parts send their calls before this part is loaded.
        for _ in 0..number {
            tokio::task::yield_now().await;
        }
        let mut streams = self.load(streams).await;
        self.register_objects(&mut streams).await;
        let mut reports = Vec::new();
        for (pattern, projection) in self.registry.iter() {
            self.run(pattern, &**projection, &mut streams, &mut reports).await;
        }
        self.finish(streams, reports).await
    }

    /// Loads the transitions concurrently: records that are not cached need reads.
    async fn load(&self, streams: Vec<StreamBatch>) -> Vec<ProjectedStream> {
        let recent = self.recent.as_deref();
        let loader = TransitionLoader {
            states: self.loader(),
            catalog: &self.catalog,
            recent,
            keeps_snapshots: self.stores_snapshots,
        };
        let streams = streams.into_iter().map(|StreamBatch { span, events }| async {
            // The state goes back into the cache only after all projections succeeded.
            let cached = self.cache.as_ref().and_then(|cache| lock(cache).take(&span.key));
            let transition = loader.load(&span, events, cached).await;
            ProjectedStream { span, transition }
        });
        futures::stream::iter(streams).buffered(CONCURRENT_LOADS).collect().await
    }

    pub(super) fn loader(&self) -> StateLoader<'_> {
        StateLoader {
            store: &*self.ports.store,
            snapshots: &*self.ports.snapshots,
            adapters: &self.adapters,
            snapshot_interval: self.snapshot_interval,
        }
    }

    /// Registers the objects of all records, also of those that wait for their base.
    async fn register_objects(&self, streams: &mut [ProjectedStream]) {
        let objects: HashSet<(Provider, EntityName)> = streams.iter().filter_map(ProjectedStream::object).collect();
        let new: Vec<(Provider, EntityName)> = objects.difference(&lock(&self.registered)).cloned().collect();
        if new.is_empty() {
            return;
        }
        match self.ports.objects.register(&new).await {
            Ok(()) => lock(&self.registered).extend(new),
            Err(error) => {
                for stream in streams {
                    if stream.object().is_some_and(|object| new.contains(&object)) {
                        stream.transition = Err(ProjectionFailure::of_shared_call(&error));
                    }
                }
            }
        }
    }

    async fn run(
        &self,
        pattern: &EventPattern,
        projection: &dyn Projection,
        streams: &mut [ProjectedStream],
        reports: &mut Vec<JobReport>,
    ) {
        let matching = streams.iter().filter_map(|stream| stream.matching(pattern));
        let inputs: Vec<_> = matching.map(|transition| self.input(projection.name(), transition)).collect();
        let results = projection.run(&inputs).await;
        let jobs: Vec<ProjectionJob> = inputs.into_iter().map(|input| input.job).collect();
        let matching = streams.iter_mut().filter(|stream| stream.matching(pattern).is_some());
        for ((stream, result), job) in matching.zip(results).zip(jobs) {
            match result {
                Ok(outcome) => reports.push(JobReport { job, outcome }),
                Err(ProjectionFailure::Outage(error)) if self.parks_unpublished && projection.name() == BROADCAST => {
                    stream.transition = Err(ProjectionFailure::Poison(format!("not published: {error}")));
                }
                Err(failure) => stream.transition = Err(failure),
            }
        }
    }

    fn input<'a>(&self, projection: &'static str, transition: &'a StateTransition) -> ProjectionInput<'a> {
        let versions = transition.events.iter().map(|read| read.event.version);
        let job = ProjectionJob {
            job_id: self.ports.ids.fresh(),
            projection,
            key: transition.after.key().clone(),
            from_version: versions.clone().min().unwrap_or(Version::FIRST),
            to_version: versions.max().unwrap_or(Version::FIRST),
            correlation_id: transition.events.last().and_then(|read| read.event.metadata.correlation_id.clone()),
            created_at: self.ports.clock.now(),
        };
        ProjectionInput { job, transition }
    }

    /// Parks what failed, records the jobs, and stores and caches the states of what succeeded.
    async fn finish(&self, streams: Vec<ProjectedStream>, reports: Vec<JobReport>) -> BatchReport {
        let mut report = BatchReport::default();
        let mut projected = Vec::new();
        for ProjectedStream { span, transition } in streams {
            match transition {
                Ok(transition) => projected.push(transition),
                Err(ProjectionFailure::Outage(error)) => {
                    let lowest = span.lowest();
                    report.failed.push((span.key, lowest, error));
                }
                Err(ProjectionFailure::Poison(reason)) => self.park_span(span, reason, &mut report).await,
            }
        }
        report.projected = projected.len();
        self.ports.jobs.record(&reports).await;
        self.store_snapshots(&projected).await;
        self.cache_states(projected);
        report
    }

    async fn park_span(&self, span: StreamSpan, reason: String, report: &mut BatchReport) {
        let lowest = span.lowest();
        let (key, correlation_id) = (span.key.clone(), span.correlation_id);
        match self.park(ParkRequest { key, versions: (lowest, span.highest), reason, correlation_id }).await {
            Ok(()) => report.parked += 1,
            Err(error) => report.failed.push((span.key, lowest, error)),
        }
    }

    async fn store_snapshots(&self, projected: &[StateTransition]) {
        if !self.stores_snapshots {
            return;
        }
        let due = projected.iter().flat_map(|transition| transition.snapshots_due(self.snapshot_interval));
        let snapshots: Vec<Snapshot> = due.collect();
        if !snapshots.is_empty()
            && let Err(error) = self.ports.snapshots.put(snapshots).await
        {
            // A snapshot only saves reads, and the next interval stores another.
            tracing::warn!(%error, "snapshots were not stored");
        }
    }

    fn cache_states(&self, projected: Vec<StateTransition>) {
        let Some(cache) = &self.cache else { return };
        let mut cache = lock(cache);
        for StateTransition { after: aggregate, entity, .. } in projected {
            let entity = aggregate.has_base().then_some(entity);
            cache.put(CachedState { aggregate, entity });
        }
    }

    /// Parks versions of a record, so that they can be redriven later.
    pub async fn park(&self, request: ParkRequest) -> Result<(), PortError> {
        let ParkRequest { key, versions: (from_version, to_version), reason, correlation_id } = request;
        let now = self.ports.clock.now();
        let parked =
            ParkedProjection { key: key.clone(), from_version, to_version, reason: reason.clone(), parked_at: now };
        self.ports.parked.park(parked).await?;
        tracing::error!(entity_key = %key, version = from_version.get(), correlation_id, reason, "projection parked");
        let job = ProjectionJob {
            job_id: self.ports.ids.fresh(),
            projection: "all",
            key,
            from_version,
            to_version,
            correlation_id,
            created_at: now,
        };
        self.ports.jobs.record(&[JobReport { job, outcome: JobOutcome::Parked { reason } }]).await;
        Ok(())
    }

    pub fn parked(&self) -> &dyn ParkedProjections {
        &*self.ports.parked
    }
}
