//! The indices that a rebuild fills, as projection reads them from the plan before it writes.
//!
//! The plan is cached for ten seconds of the clock: Lambda may freeze a function between two invocations, and time
//! that only passes while it runs would not notice. Where the plan cannot be read after that, the write fails: a
//! document that missed the new index would be older there after the swap.

use std::sync::Arc;
use std::time::Duration;

use annals_application::ports::{Clock, LeaseStore, PortError};
use annals_domain::definition::EntitySchema;
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use tokio::sync::Mutex;

use crate::read_model::DualWriteTargets;
use crate::rebuild::plan::{RebuildPlan, WORK};
use crate::rebuild::target::RebuildTarget;

pub(crate) const PLAN_CACHE_TIME: Duration = Duration::from_secs(10);

/// The indices that a rebuild fills.
pub struct LiveTargets {
    leases: Arc<dyn LeaseStore>,
    clock: Arc<dyn Clock>,
    cache_time: Duration,
    cached: Mutex<Option<CachedTargets>>,
}

struct CachedTargets {
    read_at: Timestamp,
    targets: Vec<RebuildTarget>,
}

impl LiveTargets {
    pub fn new(leases: Arc<dyn LeaseStore>, clock: Arc<dyn Clock>) -> Self {
        Self::cached_for(leases, clock, PLAN_CACHE_TIME)
    }

    pub fn cached_for(leases: Arc<dyn LeaseStore>, clock: Arc<dyn Clock>, cache_time: Duration) -> Self {
        Self { leases, clock, cache_time, cached: Mutex::default() }
    }

    /// Whether a cached plan may be used. After the clock was set back its age is unknown.
    fn is_fresh(&self, cached: &CachedTargets, now: Timestamp) -> bool {
        let age = u128::try_from(now.millis() - cached.read_at.millis());
        age.is_ok_and(|age| age < self.cache_time.as_millis())
    }

    async fn read(&self) -> Result<Vec<RebuildTarget>, PortError> {
        let Some(text) = self.leases.checkpoint(WORK).await? else { return Ok(Vec::new()) };
        RebuildPlan::targets_from_json(&text)
    }
}

#[async_trait]
impl DualWriteTargets for LiveTargets {
    async fn targets(&self, schema: &EntitySchema) -> Result<Vec<String>, PortError> {
        let mut cached = self.cached.lock().await;
        let now = self.clock.now();
        if !cached.as_ref().is_some_and(|cached| self.is_fresh(cached, now)) {
            // The time before the read: the plan may have changed while it was read.
            *cached = Some(CachedTargets { read_at: now, targets: self.read().await? });
        }
        let targets = cached.iter().flat_map(|cached| &cached.targets);
        let aggregate_type = schema.aggregate_type();
        Ok(targets.filter(|target| target.aggregate_type == aggregate_type.as_str()).map(|t| t.to.clone()).collect())
    }
}
