//! How far an audit is.

use annals_domain::identity::AggregateId;
use annals_domain::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What an audit compares next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AuditPlace {
    /// The CRM's records up to a time, after a cursor.
    Records {
        until: Timestamp,
        after: Option<String>,
    },
    /// The records that are alive here, for those that the CRM does not have.
    Deletions {
        after: Option<AggregateId>,
    },
    End,
}

/// The part of an audit that is done, so that another process goes on with the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AuditCheckpoint {
    pub(super) audit_id: Uuid,
    pub(super) place: AuditPlace,
    pub(super) compared: u64,
    pub(super) changing: u64,
    pub(super) different: u64,
}

/// What is kept of a requested audit until it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RequestCheckpoint {
    /// The time of the request. The audit of another request starts from the beginning.
    pub(super) requested_at: Timestamp,
    /// What is done; `None` before the first page.
    pub(super) done: Option<AuditCheckpoint>,
    /// The failures in a row since the last page.
    pub(super) failures: u32,
}
