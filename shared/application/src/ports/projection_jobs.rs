//! Projection jobs: the work of a projection on a record, and its outcome.
//!
//! A job is an internal message, not a domain event.

use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use annals_domain::services::broadcast::BroadcastDecision;
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use serde::Serialize;
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProjectionJob {
    pub job_id: Uuid,
    pub projection: &'static str,
    pub key: EntityKey,
    /// The lowest version among the events that caused the job.
    pub from_version: Version,
    /// The projection must reach at least this version.
    pub to_version: Version,
    /// The correlation id of the newest event.
    pub correlation_id: Option<String>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum JobOutcome {
    /// This or a newer version is indexed.
    Indexed,
    /// The entity has no base yet, so it is not visible.
    AwaitsBase,
    /// Published or not, as the broadcast rule decided.
    Broadcast {
        decision: BroadcastDecision,
    },
    Refetch {
        /// Whether a refetch task was requested.
        asked: bool,
    },
    Parked {
        reason: String,
    },
}

/// A job that has ended. One that will be tried again, because a store did not answer, has no report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobReport {
    pub job: ProjectionJob,
    pub outcome: JobOutcome,
}

/// Where operators read what became of each job.
#[async_trait]
pub trait ProjectionJobs: Send + Sync {
    /// Records jobs that have ended, several of one record among them. It cannot fail, since no projection may depend on it.
    async fn record(&self, reports: &[JobReport]);
}
