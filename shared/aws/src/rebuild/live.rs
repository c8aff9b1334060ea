//! What projection asks before it writes: the indices that are being filled.
//!
//! Promises an answer at most ten seconds old, by the clock on the wall: a function that Lambda froze
//! between two invocations may find that another has stood still. Where the plan cannot be read once that
//! has passed, the write fails: a document that missed the new index would be older there after the swap.

use std::sync::Arc;
use std::time::Duration;

use crate::read_model::DualWriteTargets;
use annals_application::ports::{Clock, LeaseStore, PortError};
use annals_domain::definition::EntitySchema;
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use tokio::sync::Mutex;

use crate::rebuild::plan::{RebuildPlan, RebuildTarget, WORK};

/// How long a plan that was read stands.
pub(crate) const STANDS_FOR: Duration = Duration::from_secs(10);

/// The indices that are being filled.
pub struct LiveTargets {
    leases: Arc<dyn LeaseStore>,
    clock: Arc<dyn Clock>,
    stands_for: Duration,
    known: Mutex<Option<Known>>,
}

/// What was read, and when it was asked for.
struct Known {
    asked_at: Timestamp,
    targets: Vec<RebuildTarget>,
}

impl LiveTargets {
    /// As the plan in that state store has them.
    pub fn new(leases: Arc<dyn LeaseStore>, clock: Arc<dyn Clock>) -> Self {
        Self::cached_for(leases, clock, STANDS_FOR)
    }

    /// The same, read again after another time.
    pub fn cached_for(leases: Arc<dyn LeaseStore>, clock: Arc<dyn Clock>, stands_for: Duration) -> Self {
        Self { leases, clock, stands_for, known: Mutex::default() }
    }

    /// A clock that was set back says nothing of how old an answer is.
    fn is_fresh(&self, known: &Known, now: Timestamp) -> bool {
        let age = u128::try_from(now.millis() - known.asked_at.millis());
        age.is_ok_and(|age| age < self.stands_for.as_millis())
    }

    async fn read(&self) -> Result<Vec<RebuildTarget>, PortError> {
        let Some(text) = self.leases.checkpoint(WORK).await? else { return Ok(Vec::new()) };
        RebuildPlan::targets_of(&text)
    }
}

#[async_trait]
impl DualWriteTargets for LiveTargets {
    async fn targets(&self, schema: &EntitySchema) -> Result<Vec<String>, PortError> {
        let mut known = self.known.lock().await;
        let now = self.clock.now();
        if !known.as_ref().is_some_and(|known| self.is_fresh(known, now)) {
            // The moment before the read: what is answered may be as old as that.
            *known = Some(Known { asked_at: now, targets: self.read().await? });
        }
        let targets = known.iter().flat_map(|known| &known.targets);
        let aggregate_type = schema.aggregate_type();
        Ok(targets.filter(|target| target.aggregate_type == aggregate_type.as_str()).map(|t| t.to.clone()).collect())
    }
}
