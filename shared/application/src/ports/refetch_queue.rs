//! Refetch tasks: records that must be read from their CRM, because events alone do not make them whole.

use std::collections::BTreeSet;

use annals_domain::change::RefetchReason;
use annals_domain::identity::{EntityKey, ExternalId, Provider};
use annals_domain::position::{EventId, Version};
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortError;

/// A record that must be read again from its CRM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefetchTask {
    pub key: EntityKey,
    pub provider: Provider,
    /// The record's id at its provider.
    pub external_id: ExternalId,
    pub reasons: BTreeSet<RefetchReason>,
    /// The earliest time at which the record should be read.
    pub due_at: Timestamp,
    /// How many reads of the record have failed.
    pub attempts: u32,
    /// The version of the newest event that asked; 0 for tasks of earlier releases.
    #[serde(default)]
    pub version: Version,
    /// The id of that event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<EventId>,
}

impl RefetchTask {
    /// One task from two of the same record: all reasons, the earlier due time, the higher number of
    /// attempts, the newer event that asked.
    #[must_use]
    pub fn merged_with(mut self, other: &Self) -> Self {
        self.reasons.extend(&other.reasons);
        self.due_at = self.due_at.min(other.due_at);
        self.attempts = self.attempts.max(other.attempts);
        if other.version > self.version {
            (self.version, self.asked_by) = (other.version, other.asked_by);
        }
        self
    }

    /// The task as it is stored after it was postponed to the due time and attempts of `to`; `None` if a newer event
    /// has asked since.
    #[must_use]
    pub fn postponed(self, to: &Self) -> Option<Self> {
        (self.version <= to.version).then_some(Self { due_at: to.due_at, attempts: to.attempts, ..self })
    }
}

/// The queue of refetch tasks, with at most one task a record.
///
/// No reason is lost when several callers enqueue or remove at the same time. All calls are
/// idempotent. After an error, some of the named records may be done.
#[async_trait]
pub trait RefetchQueue: Send + Sync {
    /// Adds tasks. A task is merged with the stored one of the same record, if there is one
    /// ([`RefetchTask::merged_with`]).
    async fn enqueue(&self, tasks: Vec<RefetchTask>) -> Result<(), PortError>;

    /// Up to `limit` tasks of a provider, those with the earliest due time first, including tasks that are not due yet.
    async fn earliest(&self, provider: Provider, limit: usize) -> Result<Vec<RefetchTask>, PortError>;

    /// The number of tasks. Counting stops at `at_most`, to limit its cost.
    async fn count(&self, at_most: usize) -> Result<usize, PortError>;

    /// Removes the tasks of these records that no event above the given version has asked for: what was read may not
    /// include what a newer event reports. A record without a task is no error.
    async fn finish(&self, up_to: &[(EntityKey, Version)]) -> Result<(), PortError>;

    /// Sets due time and attempts of stored tasks to those of these, except where an event above their version has asked
    /// since. Adds no task.
    async fn postpone(&self, tasks: &[RefetchTask]) -> Result<(), PortError>;

    /// Removes one reason from the tasks of these records, and a task that has no reason left.
    async fn remove_reason(&self, keys: &[EntityKey], reason: RefetchReason) -> Result<(), PortError>;
}
