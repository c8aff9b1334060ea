//! Leases: the right to do one piece of work for some time, with a checkpoint of how far it is.

use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use uuid::Uuid;

use super::PortError;

/// The right to do one piece of work until it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The name of the work.
    pub work: String,
    /// Identifies the holder.
    pub token: Uuid,
    /// The last checkpoint that any holder stored.
    pub checkpoint: Option<String>,
}

/// Gives each piece of work, identified by its name, to one holder at a time.
///
/// A lease keeps two processes apart as long as their clocks differ by less than its duration. What
/// must never happen twice needs a condition of its own. Each call is one atomic write. If the
/// response to a write is lost, repeating `release` or `finish` returns `false`.
#[async_trait]
pub trait LeaseStore: Send + Sync {
    /// Acquires the lease until `until`. `None`: another token holds it at `now`. The holder may
    /// acquire its own lease again.
    async fn acquire(
        &self,
        work: &str,
        token: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Lease>, PortError>;

    /// Extends the lease to `until`, and stores the checkpoint if one is given. `false`: the token
    /// does not hold the lease, and nothing is stored.
    async fn renew(
        &self,
        work: &str,
        token: Uuid,
        until: Timestamp,
        checkpoint: Option<&str>,
    ) -> Result<bool, PortError>;

    /// Frees the lease at once and keeps its checkpoint for the next holder. `false`: the token does
    /// not hold it.
    async fn release(&self, work: &str, token: Uuid) -> Result<bool, PortError>;

    /// Deletes lease and checkpoint: the work is done. `false`: the token does not hold the lease.
    async fn finish(&self, work: &str, token: Uuid) -> Result<bool, PortError>;

    /// The checkpoint of a piece of work, whoever holds its lease.
    async fn checkpoint(&self, work: &str) -> Result<Option<String>, PortError>;
}
