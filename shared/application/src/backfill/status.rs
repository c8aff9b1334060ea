//! How a backfill stands, as it is answered.

use annals_domain::identity::AggregateType;
use annals_domain::timestamp::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::ports::{BackfillJob, JobCounts, JobState};

/// A job, for whoever asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BackfillStatus {
    pub id: Uuid,
    /// The entity type that its object's records are.
    pub r#type: AggregateType,
    /// Which records it reads: full, since or ids.
    pub mode: &'static str,
    pub state: JobState,
    /// Why it is in that state.
    pub reason: String,
    /// What it has come to.
    #[serde(flatten)]
    pub counts: JobCounts,
    /// How many records a second it reads, where it does.
    pub rate: Option<f64>,
    /// When it is likely to end, where that can be told.
    pub eta: Option<Timestamp>,
    /// How much of what the CRM grants it has used, from 0 to 1, where the CRM says.
    pub api_usage: Option<f64>,
    /// When the first record was asked for.
    pub started_at: Option<Timestamp>,
    pub updated_at: Timestamp,
}

impl BackfillStatus {
    /// A job's. Rate, end and usage are known of one that reads alone.
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
