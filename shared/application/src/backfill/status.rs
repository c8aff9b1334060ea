//! The status of a backfill, as responses have it.

use annals_domain::identity::AggregateType;
use annals_domain::timestamp::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::ports::{BackfillJob, JobCounts, JobState};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BackfillStatus {
    pub id: Uuid,
    pub r#type: AggregateType,
    /// `full`, `since` or `ids`.
    pub mode: &'static str,
    pub state: JobState,
    pub reason: String,
    #[serde(flatten)]
    pub counts: JobCounts,
    /// Records read per second, while records are being read.
    pub rate: Option<f64>,
    /// The estimated time of completion.
    pub eta: Option<Timestamp>,
    /// The used part of the CRM's API limit, from 0 to 1.
    pub api_usage: Option<f64>,
    /// The time of the first read from the CRM.
    pub started_at: Option<Timestamp>,
    pub updated_at: Timestamp,
}

impl BackfillStatus {
    /// Without rate, completion time and API usage: they exist only while records are being read.
    pub(super) fn new(job: &BackfillJob, aggregate_type: AggregateType) -> Self {
        Self {
            id: job.id,
            r#type: aggregate_type,
            mode: job.mode.name(),
            state: job.state,
            reason: job.reason.clone(),
            counts: job.counts,
            rate: None,
            eta: None,
            api_usage: None,
            started_at: job.started_at,
            updated_at: job.updated_at.unwrap_or(job.created_at),
        }
    }
}
