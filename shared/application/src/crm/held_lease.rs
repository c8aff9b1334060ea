//! The lease of a piece of work that is done in steps until a deadline.

use std::sync::Arc;

use annals_domain::timestamp::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use uuid::Uuid;

use super::timing::lease_end;
use crate::ports::{LeaseStore, PortError, PortErrorKind};

/// A lease that this process holds.
pub(crate) struct HeldLease {
    leases: Arc<dyn LeaseStore>,
    work: String,
    token: Uuid,
    until: Timestamp,
}

impl HeldLease {
    /// Acquires the lease of `work` until a little after the deadline; with the last checkpoint, if there is one that
    /// this release understands: otherwise the work starts again. `None`: another process holds the lease.
    pub(crate) async fn acquire<C: DeserializeOwned>(
        leases: &Arc<dyn LeaseStore>,
        work: String,
        token: Uuid,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<Option<(Self, Option<C>)>, PortError> {
        let until = lease_end(now, deadline);
        let Some(lease) = leases.acquire(&work, token, now, until).await? else { return Ok(None) };
        let checkpoint = lease.checkpoint.and_then(|text| serde_json::from_str(&text).ok());
        Ok(Some((Self { leases: Arc::clone(leases), work, token, until }, checkpoint)))
    }

    /// Stores the checkpoint. `false`: another process holds the lease now.
    pub(crate) async fn keep(&self, checkpoint: &impl Serialize) -> Result<bool, PortError> {
        let text = serde_json::to_string(checkpoint).map_err(|error| {
            let message = "a checkpoint cannot be written";
            PortError::new(PortErrorKind::Rejected, self.work.clone(), message).caused_by(error)
        })?;
        self.leases.renew(&self.work, self.token, self.until, Some(&text)).await
    }

    /// Frees the lease. The next holder goes on at the checkpoint.
    pub(crate) async fn release(&self) -> Result<(), PortError> {
        self.leases.release(&self.work, self.token).await.map(drop)
    }

    /// Frees the lease and deletes the checkpoint: the work is done.
    pub(crate) async fn finish(&self) -> Result<(), PortError> {
        self.leases.finish(&self.work, self.token).await.map(drop)
    }
}
