//! Backfill jobs: reads of an object's records from its CRM, and their progress.
//!
//! A job has two parts. The request (provider, object, mode, page size, input, time) never changes.
//! The progress (state, reason, counts, times, pace) does: [`BackfillJob::has_progress_of`] and
//! [`BackfillJob::with_progress_of`] compare and replace it.

use std::fmt;

use annals_domain::identity::{EntityName, ExternalId, Provider};
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::PortError;

/// The number of records a page of a backfill has by default.
pub const BACKFILL_PAGE_SIZE: u32 = 50;

/// The state of a backfill job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// It can start.
    Queued,
    /// Records are being read.
    Running,
    /// It waits for what its reason names.
    Waiting,
    /// Somebody paused it.
    Paused,
    /// All records were read.
    Done,
    /// It ended early, for its reason.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

impl JobState {
    pub const ALL: [Self; 7] =
        [Self::Queued, Self::Running, Self::Waiting, Self::Paused, Self::Done, Self::Failed, Self::Cancelled];

    /// The name that responses and stored jobs use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the state is final.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    /// Whether the job starts by itself as soon as it can.
    pub fn waits(self) -> bool {
        matches!(self, Self::Queued | Self::Waiting)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which records a job reads.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackfillMode {
    /// All of the object.
    #[default]
    Full,
    /// Those that changed at this time or later.
    Since(Timestamp),
    /// Those with these ids, in canonical form.
    Ids(Vec<ExternalId>),
}

impl BackfillMode {
    /// The name that requests and responses use.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Since(_) => "since",
            Self::Ids(_) => "ids",
        }
    }
}

/// A job's progress, in numbers of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JobCounts {
    /// How many there are to read, if that is known.
    pub total: Option<u64>,
    /// How many were read. The next five counts are parts of it.
    pub processed: u64,
    /// How many were new here.
    pub created: u64,
    /// How many differed from what was known here.
    pub updated: u64,
    /// How many were as known here.
    pub unchanged: u64,
    /// How many are deleted at the CRM.
    pub deleted: u64,
    /// How many were refused.
    pub failed: u64,
    /// How many are known here but were not found at the CRM.
    pub missing: u64,
}

/// How fast a job reads, and what it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JobPace {
    /// Records read in a thousand seconds, while records are being read.
    pub records_per_1000_seconds: Option<u64>,
    /// The used part of the CRM's API limit, in thousandths.
    pub api_usage_per_mille: Option<u64>,
    /// A waiting job does not start before.
    pub not_before: Option<Timestamp>,
    /// The attempts in a row that failed.
    pub failures: u32,
    /// Whether a person has agreed to mark as many records deleted as the job found.
    pub deletions: DeletionConsent,
}

/// Whether records that are missing at the CRM may be marked deleted, where they are many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeletionConsent {
    #[default]
    NotAsked,
    /// The job is paused until somebody resumes it.
    Asked,
    Given,
}

/// A job that reads records of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillJob {
    /// Derived from what asked for the job, so that the same request is the same job.
    pub id: Uuid,
    pub provider: Provider,
    pub entity_name: EntityName,
    #[serde(default)]
    pub mode: BackfillMode,
    /// How many records are read in one call.
    #[serde(default = "default_page_size")]
    pub page_size: u32,
    /// The request or change event that asked for the job, byte by byte.
    pub input: String,
    /// When the job was asked for.
    pub created_at: Timestamp,
    pub state: JobState,
    /// Why the job is in that state.
    pub reason: String,
    #[serde(default)]
    pub counts: JobCounts,
    /// When the first record was read.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// When the progress last changed; `None`: never.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
    #[serde(default)]
    pub pace: JobPace,
}

fn default_page_size() -> u32 {
    BACKFILL_PAGE_SIZE
}

impl BackfillJob {
    /// Whether state, reason, counts, times and pace of the two are the same.
    pub fn has_progress_of(&self, other: &Self) -> bool {
        let progress = |job: &Self| (job.state, job.counts, job.started_at, job.updated_at, job.pace);
        progress(self) == progress(other) && self.reason == other.reason
    }

    /// The same request, with the progress of another job.
    #[must_use]
    pub fn with_progress_of(self, other: &Self) -> Self {
        Self {
            state: other.state,
            reason: other.reason.clone(),
            counts: other.counts,
            started_at: other.started_at,
            updated_at: other.updated_at,
            pace: other.pace,
            ..self
        }
    }
}

/// Keeps backfill jobs. Jobs hold the inputs that asked for them, which are stored nowhere else.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// Adds a job. `false`: a job with this id exists, and stays as it is.
    async fn add(&self, job: BackfillJob) -> Result<bool, PortError>;

    /// Compare-and-swap: replaces the stored job's progress by that of `job` if it equals the
    /// progress of `expected`; the stored request stays. Idempotent.
    ///
    /// `true`: the stored progress equals that of `job` now, also if another caller wrote it.
    /// `false`: it equals neither, or there is no such job; nothing changed.
    async fn update(&self, job: &BackfillJob, expected: &BackfillJob) -> Result<bool, PortError>;

    /// Removes a job that has ended, with its input. A job that has not, or does not exist, is no error and stays.
    async fn remove_ended(&self, id: Uuid) -> Result<(), PortError>;

    /// All jobs, the newest first.
    async fn all(&self) -> Result<Vec<BackfillJob>, PortError>;

    /// The number of jobs that wait ([`JobState::waits`]), without reading their inputs.
    async fn count_waiting(&self) -> Result<usize, PortError>;
}
