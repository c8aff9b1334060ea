//! The lease of a rebuild: one process at a time works on it, and its plan is stored with the lease.

use std::time::Duration;

use annals_application::ports::PortError;
use annals_domain::timestamp::Timestamp;
use uuid::Uuid;

use crate::rebuild::error::RebuildError;
use crate::rebuild::plan::{RebuildPlan, WORK};
use crate::rebuild::settings::RebuildPorts;

pub(super) struct RebuildLease<'a> {
    ports: &'a RebuildPorts,
    token: Uuid,
    duration: Duration,
    plan: Option<String>,
}

impl<'a> RebuildLease<'a> {
    /// Acquires the lease; an error where another process holds it.
    pub(super) async fn acquire(ports: &'a RebuildPorts, duration: Duration) -> Result<Self, RebuildError> {
        let now = ports.clock.now();
        let lease = ports.leases.acquire(WORK, ports.ids.fresh(), now, end(now, duration)).await?;
        let lease = lease.ok_or(RebuildError::AlreadyRunning)?;
        Ok(Self { ports, token: lease.token, duration, plan: lease.checkpoint })
    }

    /// The plan that was stored when the lease was acquired, as JSON.
    pub(super) fn plan(&self) -> Option<&str> {
        self.plan.as_deref()
    }

    pub(super) async fn store(&self, plan: &RebuildPlan) -> Result<(), RebuildError> {
        self.extend(Some(&plan.to_json()?)).await
    }

    pub(super) async fn renew(&self) -> Result<(), RebuildError> {
        self.extend(None).await
    }

    async fn extend(&self, checkpoint: Option<&str>) -> Result<(), RebuildError> {
        let until = end(self.ports.clock.now(), self.duration);
        let is_ours = self.ports.leases.renew(WORK, self.token, until, checkpoint).await?;
        if is_ours { Ok(()) } else { Err(RebuildError::LeaseLost) }
    }

    /// Frees the lease and keeps the plan: another process may continue at once.
    pub(super) async fn release(&self) -> Result<(), PortError> {
        self.ports.leases.release(WORK, self.token).await.map(drop)
    }

    /// Deletes lease and plan. If the response to a first attempt was lost, the second one finds both deleted;
    /// another process would have stored its plan.
    pub(super) async fn finish(&self) -> Result<(), RebuildError> {
        let is_ours = self.ports.leases.finish(WORK, self.token).await?;
        if is_ours || self.ports.leases.checkpoint(WORK).await?.is_none() {
            Ok(())
        } else {
            Err(RebuildError::LeaseLost)
        }
    }
}

fn end(now: Timestamp, duration: Duration) -> Timestamp {
    now.plus_millis(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}
