//! Starts, continues and ends a rebuild.
//!
//! One process at a time works on it. The aliases move only when every index is filled, and only if readers miss
//! no record that they found before, unless the request allows that. Every step can be repeated by the process
//! that continues.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use annals_application::ports::{PortError, PortErrorKind};
use annals_domain::definition::EntitySchema;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

use crate::read_model::IndexCatalog;
use crate::rebuild::error::RebuildError;
use crate::rebuild::lease::RebuildLease;
use crate::rebuild::plan::{RebuildCounts, RebuildPlan, RebuildReport, SegmentProgress, WORK};
use crate::rebuild::segment_walk::SegmentWalk;
use crate::rebuild::settings::{RebuildPorts, RebuildSettings};
use crate::rebuild::target::{RebuildTarget, TargetReport};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RebuildRequest<'a> {
    /// The name of one entity type; all types without a name.
    pub name: Option<&'a str>,
    /// Whether the aliases move although readers then miss records that could not be rebuilt.
    pub leaves_out_failed: bool,
}

#[derive(Debug)]
pub enum RebuildOutcome {
    NoneStarted,
    /// The run was interrupted; another one continues.
    Interrupted(Box<RebuildPlan>),
    Finished(RebuildReport),
}

/// Is called with the progress of a rebuild.
pub type OnProgress<'a> = dyn Fn(&RebuildPlan) + Send + Sync + 'a;

/// Rebuilds indices from the events table.
#[derive(Clone)]
pub struct Rebuilder {
    ports: RebuildPorts,
    settings: RebuildSettings,
}

impl Rebuilder {
    pub fn new(ports: RebuildPorts, settings: RebuildSettings) -> Self {
        Self { ports, settings }
    }

    /// Starts a rebuild: creates the new indices and stores the plan. [`resume`](Self::resume) does the work.
    pub async fn begin(&self, request: &RebuildRequest<'_>) -> Result<RebuildPlan, RebuildError> {
        let schemas = self.schemas(request.name).await?;
        let lease = self.acquire_lease().await?;
        let begun = self.store_plan(&lease, schemas, request).await;
        let released = lease.release().await;
        let plan = begun?;
        released?;
        Ok(plan)
    }

    /// Continues the rebuild that was started, to its end or until `until` completes. An interrupted run keeps its
    /// progress and frees the lease.
    pub async fn resume(
        &self,
        until: impl Future<Output = ()> + Send,
        on_progress: &OnProgress<'_>,
    ) -> Result<RebuildOutcome, RebuildError> {
        if self.ports.leases.checkpoint(WORK).await?.is_none() {
            return Ok(RebuildOutcome::NoneStarted);
        }
        let lease = self.acquire_lease().await?;
        let plan = match self.read_plan(lease.plan()) {
            Ok(Some(plan)) => Arc::new(Mutex::new(plan)),
            none => {
                lease.release().await?;
                return none.map(|_| RebuildOutcome::NoneStarted);
            }
        };
        let outcome = self.run(&lease, &plan, until, on_progress).await;
        if !matches!(
            outcome,
            Ok(RebuildOutcome::Finished(_)) | Err(RebuildError::RecordsFailed(_) | RebuildError::LeaseLost)
        ) {
            // Where this fails, too, the next run can start once the lease has expired.
            let plan = plan.lock().await.clone();
            if lease.store(&plan).await.is_ok() {
                lease.release().await?;
            }
        }
        outcome
    }

    /// Gives up the rebuild that was started, by whatever release: deletes the indices that it filled. Returns
    /// whether there was one.
    pub async fn abandon(&self) -> Result<bool, RebuildError> {
        let lease = self.acquire_lease().await?;
        let Some(text) = lease.plan() else {
            lease.release().await?;
            return Ok(false);
        };
        self.discard(&lease, &RebuildPlan::targets_from_json(text)?).await?;
        Ok(true)
    }

    /// The plan and progress of the rebuild that was started; an error where this process could not continue it.
    pub async fn unfinished(&self) -> Result<Option<RebuildPlan>, RebuildError> {
        self.read_plan(self.ports.leases.checkpoint(WORK).await?.as_deref())
    }

    /// Whether a plan includes everything that is requested, by the definitions of this process.
    pub async fn covers(&self, plan: &RebuildPlan, request: &RebuildRequest<'_>) -> Result<bool, RebuildError> {
        let is_covered = |schema: &EntitySchema| {
            let target = plan.target(schema.aggregate_type().as_str());
            target.is_some_and(|target| target.is_of(schema))
        };
        Ok(self.schemas(request.name).await?.iter().all(is_covered))
    }

    async fn acquire_lease(&self) -> Result<RebuildLease<'_>, RebuildError> {
        RebuildLease::acquire(&self.ports, 6 * self.settings.checkpoint_interval).await
    }

    /// The stored plan. A plan by other definitions or with another layout is an error: this process would fill the
    /// indices with other documents than they say.
    fn read_plan(&self, text: Option<&str>) -> Result<Option<RebuildPlan>, RebuildError> {
        let Some(text) = text else { return Ok(None) };
        let plan = RebuildPlan::from_json(text)?;
        if !plan.targets.iter().all(|target| target.is_current(&self.ports.catalog)) {
            return Err(RebuildError::DefinitionsChanged(Box::new(plan)));
        }
        Ok(Some(plan))
    }

    /// The schema of that name, or those of all definitions and of all registered objects without a definition.
    async fn schemas(&self, name: Option<&str>) -> Result<Vec<EntitySchema>, RebuildError> {
        let catalog = &self.ports.catalog;
        let registered = self.ports.objects.registered().await?;
        let open = registered.into_iter().map(|(provider, object)| catalog.schema(provider, &object));
        let open = open.filter(|schema| schema.definition().is_none());
        let defined = catalog.definitions().iter().map(|definition| EntitySchema::Defined(Arc::clone(definition)));
        let mut all: BTreeMap<String, EntitySchema> = BTreeMap::new();
        for schema in defined.chain(open) {
            all.entry(schema.aggregate_type().as_str().to_owned()).or_insert(schema);
        }
        let mut all = all.into_values();
        let Some(name) = name else { return Ok(all.collect()) };
        if let Some(definition) = catalog.named(name) {
            return Ok(vec![EntitySchema::Defined(Arc::clone(definition))]);
        }
        let is_named = |schema: &EntitySchema| {
            schema.definition().is_none() && schema.aggregate_type().as_str() == name.to_ascii_lowercase()
        };
        let found = all.find(is_named).map(|schema| vec![schema]);
        found.ok_or_else(|| RebuildError::UnknownType(name.to_owned()))
    }

    /// Creates the new indices, then stores the plan: a stored plan always has all its indices.
    async fn store_plan(
        &self,
        lease: &RebuildLease<'_>,
        schemas: Vec<EntitySchema>,
        request: &RebuildRequest<'_>,
    ) -> Result<RebuildPlan, RebuildError> {
        if let Some(text) = lease.plan() {
            return Err(RebuildError::Unfinished(Box::new(RebuildPlan::from_json(text)?)));
        }
        let mut targets = Vec::new();
        for schema in schemas {
            targets.push(self.create_target(&schema).await?);
            // There may be many types, and each takes its time.
            lease.renew().await?;
        }
        let now = self.ports.clock.now();
        let known_after = i64::try_from(self.settings.known_after.as_millis()).unwrap_or(i64::MAX);
        let plan = RebuildPlan {
            id: self.ports.ids.fresh(),
            targets,
            started_at: now,
            scan_from: now.plus_millis(known_after),
            segments: vec![SegmentProgress::default(); usize::try_from(self.settings.segments).unwrap_or(1)],
            counts: RebuildCounts::default(),
            failed: Vec::new(),
            objects: BTreeSet::new(),
            leaves_out_failed: request.leaves_out_failed,
            swapped: None,
        };
        lease.store(&plan).await?;
        Ok(plan)
    }

    /// Creates a new index for a schema. Deletes the indices that neither serve nor are in a plan: they are left
    /// from a rebuild that was killed while it started.
    async fn create_target(&self, schema: &EntitySchema) -> Result<RebuildTarget, RebuildError> {
        let indices = self.ports.search.indices();
        let from = indices.current(schema).await?;
        for index in indices.numbered(schema).await?.into_iter().filter(|index| Some(index) != from.as_ref()) {
            tracing::warn!(index, "deleting an index left from an earlier rebuild");
            indices.delete(&index).await?;
        }
        let to = indices.create_numbered(schema).await?;
        let aggregate_type = schema.aggregate_type().as_str().to_owned();
        let definition = IndexCatalog::digest(schema).to_owned();
        Ok(RebuildTarget { aggregate_type, from, to, definition, layout: IndexCatalog::layout() })
    }

    /// Scans all segments, then moves the aliases.
    async fn run(
        &self,
        lease: &RebuildLease<'_>,
        plan: &Arc<Mutex<RebuildPlan>>,
        until: impl Future<Output = ()> + Send,
        on_progress: &OnProgress<'_>,
    ) -> Result<RebuildOutcome, RebuildError> {
        let mut walks = self.spawn_walks(plan).await;
        let mut until = std::pin::pin!(until);
        // By the clock, however many segments end meanwhile: the lease lasts for six of these intervals.
        let mut ticks = tokio::time::interval(self.settings.checkpoint_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
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
                    lease.store(&plan).await?;
                }
                walked = walks.join_next() => match walked {
                    Some(walked) => walked.map_err(|error| segment_stopped(&error.to_string()))??,
                    None => break,
                },
            }
        }
        let mut plan = plan.lock().await;
        on_progress(&plan);
        self.complete(lease, &mut plan, until).await
    }

    /// Starts a task for each segment that is not done. A semaphore limits how many work at the same time.
    async fn spawn_walks(&self, shared: &Arc<Mutex<RebuildPlan>>) -> JoinSet<Result<(), PortError>> {
        let plan = Arc::new(shared.lock().await.clone());
        let wait = plan.scan_from.millis() - self.ports.clock.now().millis();
        let scan_from = Instant::now() + Duration::from_millis(u64::try_from(wait).unwrap_or(0));
        let slots = Arc::new(Semaphore::new(self.settings.concurrency));
        let mut walks = JoinSet::new();
        let open = (0_u32..).zip(&plan.segments).filter(|(_, segment)| !segment.is_done);
        for (number, _) in open {
            let max_pending_bytes = self.settings.max_pending_bytes;
            let walk =
                SegmentWalk::new(number, self.ports.clone(), Arc::clone(&plan), Arc::clone(shared), max_pending_bytes);
            let slots = Arc::clone(&slots);
            walks.spawn(async move {
                let _slot = slots.acquire_owned().await;
                tokio::time::sleep_until(scan_from).await;
                walk.run().await
            });
        }
        walks
    }

    /// Moves the aliases, unless readers would miss records, and deletes the old indices.
    async fn complete(
        &self,
        lease: &RebuildLease<'_>,
        plan: &mut RebuildPlan,
        until: impl Future<Output = ()> + Send,
    ) -> Result<RebuildOutcome, RebuildError> {
        let targets = match plan.swapped.clone() {
            Some(targets) => targets,
            None => self.swap(lease, plan).await?,
        };
        tokio::select! {
            () = until => return Ok(RebuildOutcome::Interrupted(Box::new(plan.clone()))),
            () = tokio::time::sleep(self.settings.old_index_retention) => {}
        }
        for from in plan.targets.iter().filter_map(|target| target.from.as_deref()) {
            self.ports.search.indices().delete(from).await?;
        }
        lease.finish().await?;
        Ok(RebuildOutcome::Finished(self.report(plan, targets)))
    }

    fn report(&self, plan: &RebuildPlan, targets: Vec<TargetReport>) -> RebuildReport {
        plan.report(targets, &self.ports.catalog, self.ports.clock.now())
    }

    /// Registers the objects that were found and not registered: a state table may be younger than the events.
    async fn register_objects(&self, plan: &mut RebuildPlan) -> Result<(), RebuildError> {
        for registered in self.ports.objects.registered().await? {
            plan.objects.remove(&registered);
        }
        let new: Vec<_> = plan.objects.iter().cloned().collect();
        Ok(self.ports.objects.register(&new).await?)
    }

    /// Moves the aliases to the new indices.
    async fn swap(&self, lease: &RebuildLease<'_>, plan: &mut RebuildPlan) -> Result<Vec<TargetReport>, RebuildError> {
        let RebuildPorts { search, catalog, .. } = &self.ports;
        self.register_objects(plan).await?;
        if plan.counts.missed > 0 && !plan.leaves_out_failed {
            self.discard(lease, &plan.targets).await?;
            return Err(RebuildError::RecordsFailed(Box::new(self.report(plan, Vec::new()))));
        }
        // The first document of a type, or one after its index was lost, may have created an index since the plan
        // was stored. Its documents were written to the new index, too, or are among the events that were read.
        for target in &mut plan.targets {
            let serving = search.indices().current(&target.schema(catalog)).await?;
            if serving.as_ref() != Some(&target.to) {
                target.from = serving;
            }
        }
        lease.store(plan).await?;
        let mut reports = Vec::new();
        for target in &plan.targets {
            reports.push(target.report(search).await?);
        }
        for target in &plan.targets {
            search.indices().swap(&target.schema(catalog), target.from.as_deref(), &target.to).await?;
        }
        // With the counts: the process that continues from here may find the old indices deleted.
        plan.swapped = Some(reports.clone());
        lease.store(plan).await?;
        Ok(reports)
    }

    /// Deletes the new indices, except one that serves already, and then the plan. In this order, so that the next
    /// rebuild finds their numbers free. Projection skips an index that is deleted.
    async fn discard(&self, lease: &RebuildLease<'_>, targets: &[RebuildTarget]) -> Result<(), RebuildError> {
        let RebuildPorts { search, catalog, .. } = &self.ports;
        for target in targets {
            let serving = search.indices().current(&target.schema(catalog)).await?;
            if serving.as_ref() != Some(&target.to) {
                search.indices().delete(&target.to).await?;
            }
        }
        lease.finish().await
    }
}

fn segment_stopped(reason: &str) -> PortError {
    PortError::new(PortErrorKind::Unavailable, WORK, format!("a segment stopped: {reason}"))
}
