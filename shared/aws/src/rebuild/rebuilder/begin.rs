//! The beginning: new indices, and the plan that tells everyone of them.
//!
//! Promises that a plan is there only with all its indices, and that an index which is in no plan goes with
//! the next rebuild of its type.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::read_model::IndexAdmin;
use annals_application::ports::Lease;
use annals_domain::definition::EntitySchema;

use super::{RebuildError, RebuildRequest, Rebuilder, WORK};
use crate::rebuild::plan::{RebuildCounts, RebuildPlan, RebuildTarget, SegmentProgress};

impl Rebuilder {
    /// Begins a rebuild of one entity type, or of all. `resume` does the work.
    pub async fn begin(&self, request: &RebuildRequest<'_>) -> Result<RebuildPlan, RebuildError> {
        let schemas = self.schemas(request.name).await?;
        let lease = self.take_lease().await?.ok_or(RebuildError::AlreadyRunning)?;
        let begun = self.plan(&lease, schemas, request).await;
        let released = self.ports.leases.release(WORK, lease.token).await;
        let plan = begun?;
        released?;
        Ok(plan)
    }

    async fn plan(
        &self,
        lease: &Lease,
        schemas: Vec<EntitySchema>,
        request: &RebuildRequest<'_>,
    ) -> Result<RebuildPlan, RebuildError> {
        if let Some(text) = &lease.checkpoint {
            return Err(RebuildError::Unfinished(Box::new(RebuildPlan::of_text(text)?)));
        }
        let mut targets = Vec::new();
        for schema in schemas {
            targets.push(self.target(&schema).await?);
            // Each takes its time, and there may be many.
            self.hold(lease.token, None).await?;
        }
        let now = self.ports.clock.now();
        let known_after = i64::try_from(self.settings.known_after.as_millis()).unwrap_or(i64::MAX);
        let segments = vec![SegmentProgress::default(); usize::try_from(self.settings.segments).unwrap_or(1)];
        let plan = RebuildPlan {
            id: self.ports.ids.fresh(),
            targets,
            started_at: now,
            scan_from: now.plus_millis(known_after),
            segments,
            counts: RebuildCounts::default(),
            failed: Vec::new(),
            met: BTreeSet::new(),
            leaves_out_failed: request.leaves_out_failed,
            swapped: None,
        };
        self.keep(lease.token, &plan).await?;
        Ok(plan)
    }

    /// A new index for a schema. One that neither serves nor is in a plan was left by a rebuild that was killed
    /// while it began: this one removes it.
    async fn target(&self, schema: &EntitySchema) -> Result<RebuildTarget, RebuildError> {
        let indices = &self.ports.indices;
        let from = indices.current(schema).await?;
        for left in indices.numbered(schema).await?.into_iter().filter(|index| Some(index) != from.as_ref()) {
            tracing::warn!(index = left, "removing what an earlier rebuild left");
            indices.delete(&left).await?;
        }
        let to = indices.create_numbered(schema).await?;
        let (aggregate_type, digest) = (schema.aggregate_type().as_str().to_owned(), IndexAdmin::digest(schema));
        Ok(RebuildTarget { aggregate_type, from, to, digest: digest.to_owned() })
    }

    /// Whether what is wished for is all in a plan, by the definitions of today.
    pub async fn covers(&self, plan: &RebuildPlan, request: &RebuildRequest<'_>) -> Result<bool, RebuildError> {
        let is_in = |schema: &EntitySchema| {
            let target = plan.target(schema.aggregate_type().as_str());
            target.is_some_and(|target| target.digest == IndexAdmin::digest(schema))
        };
        Ok(self.schemas(request.name).await?.iter().all(is_in))
    }

    /// The schemas of that name, or of all definitions and all objects that were met without one.
    async fn schemas(&self, name: Option<&str>) -> Result<Vec<EntitySchema>, RebuildError> {
        let catalog = &self.ports.catalog;
        let noted = self.ports.objects.registered().await?;
        let open = noted.into_iter().map(|(provider, object)| catalog.schema(provider, &object));
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
}
