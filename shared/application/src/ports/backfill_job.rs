//! Backfill jobs: reads of an object's records from its CRM, and how each stands.
//!
//! Promises that what was asked for never changes with how it stands: the two are told apart by
//! [`BackfillJob::stands_as`] and [`BackfillJob::standing_as`].

use std::fmt;

use annals_domain::identity::{EntityName, ExternalId, Provider};
use annals_domain::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How many records a page of a backfill has where nothing else is asked for.
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
    /// Someone stopped it for a while.
    Paused,
    /// All was read.
    Done,
    /// It ended early, for its reason.
    Failed,
    /// Someone ended it early.
    Cancelled,
}

impl JobState {
    /// Its name.
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

    /// Whether nothing comes after it.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    /// Whether it would go on by itself if it could.
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
    /// All of them.
    #[default]
    Full,
    /// Those that changed at a timestamp or after.
    Since(Timestamp),
    /// Those of these ids, canonical.
    Ids(Vec<ExternalId>),
}

impl BackfillMode {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Since(_) => "since",
            Self::Ids(_) => "ids",
        }
    }
}

/// What a job has come to, in records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JobCounts {
    /// How many there are to read, where that is known.
    pub total: Option<u64>,
    /// How many were read.
    pub processed: u64,
    /// Of those, not known before.
    pub created: u64,
    /// Of those, not as they were known.
    pub updated: u64,
    /// Of those, as they were known.
    pub unchanged: u64,
    /// Of those, found deleted.
    pub deleted: u64,
    /// Of those, refused.
    pub failed: u64,
    /// Known here and not met there.
    pub missing: u64,
}

/// A read of records of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackfillJob {
    /// Its id: made of what asked for it, so that the same asked again is the same job.
    pub id: Uuid,
    /// The CRM.
    pub provider: Provider,
    /// The object.
    pub entity_name: EntityName,
    /// Which records.
    #[serde(default)]
    pub mode: BackfillMode,
    /// How many are read at once.
    #[serde(default = "default_page_size")]
    pub page_size: u32,
    /// The input that asked for it, as it came.
    pub input: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Its state.
    pub state: JobState,
    /// Why it is in that state.
    pub reason: String,
    /// What it has come to.
    #[serde(default)]
    pub counts: JobCounts,
    /// When the first record was asked for.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// When it last changed; `None`: not since it was asked for.
    #[serde(default)]
    pub updated_at: Option<Timestamp>,
}

fn default_page_size() -> u32 {
    BACKFILL_PAGE_SIZE
}

impl BackfillJob {
    /// Whether it stands as another does: state, reason, counts and times of the two are the same.
    pub fn stands_as(&self, other: &Self) -> bool {
        let standing = |job: &Self| (job.state, job.counts, job.started_at, job.updated_at);
        standing(self) == standing(other) && self.reason == other.reason
    }

    /// The same job, standing as another does.
    pub fn standing_as(self, other: &Self) -> Self {
        Self {
            state: other.state,
            reason: other.reason.clone(),
            counts: other.counts,
            started_at: other.started_at,
            updated_at: other.updated_at,
            ..self
        }
    }
}
