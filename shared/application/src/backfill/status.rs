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
    /// Rate and completion time exist only while records are being read.
    pub(super) fn new(job: &BackfillJob, aggregate_type: AggregateType) -> Self {
        let updated_at = job.updated_at.unwrap_or(job.created_at);
        let rate = job.pace.records_per_1000_seconds.filter(|_| job.state == JobState::Running);
        Self {
            id: job.id,
            r#type: aggregate_type,
            mode: job.mode.name(),
            state: job.state,
            reason: job.reason.clone(),
            counts: job.counts,
            rate: rate.map(thousandths),
            eta: rate.and_then(|rate| completion(job, rate, updated_at)),
            api_usage: job.pace.api_usage_per_mille.map(thousandths),
            started_at: job.started_at,
            updated_at,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number for people")]
fn thousandths(number: u64) -> f64 {
    number as f64 / 1_000.0
}

/// When all records are read, at `rate` records in a thousand seconds.
fn completion(job: &BackfillJob, rate: u64, now: Timestamp) -> Option<Timestamp> {
    let left = job.counts.total?.checked_sub(job.counts.processed)?;
    let millis = left.checked_mul(1_000_000)?.checked_div(rate)?;
    Some(now.plus_millis(i64::try_from(millis).ok()?))
}
