//! Projection jobs: what is to be projected, and what became of it.
//!
//! A job is an internal message, not a domain event: it says how far a projection is to bring a
//! record, never what happened to it.

use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use annals_domain::services::broadcast::BroadcastDecision;
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use serde::Serialize;
use uuid::Uuid;

/// One projection's work on one record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProjectionJob {
    /// Its id.
    pub job_id: Uuid,
    /// The projection's name.
    pub projection: &'static str,
    /// The record.
    pub key: EntityKey,
    /// The lowest version that brought it about.
    pub from_version: Version,
    /// The version to bring the record to, at least.
    pub to_version: Version,
    /// What the newest event of it belongs together with.
    pub correlation_id: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What became of a job.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum JobOutcome {
    /// The document is indexed, or a newer one was.
    Indexed,
    /// The entity waits for its base and does not show.
    AwaitsBase,
    /// Announced, or not and why not.
    Broadcast {
        /// The broadcast rule's word.
        decision: BroadcastDecision,
    },
    /// A refetch task was asked for, or none was needed.
    Refetch {
        /// Whether.
        asked: bool,
    },
    /// The record's projection is parked with this reason.
    Parked {
        /// Why.
        reason: String,
    },
}

/// A job and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobReport {
    /// The job.
    pub job: ProjectionJob,
    /// What became of it.
    pub outcome: JobOutcome,
}

/// Where jobs' outcomes are recorded.
#[async_trait]
pub trait ProjectionJobs: Send + Sync {
    /// Records what became of jobs.
    async fn record(&self, reports: &[JobReport]);
}
