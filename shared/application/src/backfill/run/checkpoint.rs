//! How far a job is. Stored after each page, with the lease of the job.

use annals_domain::identity::{AggregateId, ExternalId};
use annals_domain::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use crate::crm::OVERLAP_MS;
use crate::ports::{BackfillJob, BackfillMode, JobCounts, ReadWindow};

/// The part of a job that is being done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// Reads the records of the job's window.
    Window { cursor: Option<String>, read: u64 },
    /// Checks that all of the window was read.
    Verify { read: u64 },
    /// Reads what was modified while the window was read.
    Tail { until: Timestamp, cursor: Option<String> },
    /// Reads the records that the job names, from this index on.
    Ids { next: usize },
    /// Looks for records of the CRM that are not known here.
    Missing { until: Timestamp, cursor: Option<String> },
    /// Counts the records here that are not alive at the CRM.
    Compare { after: Option<AggregateId> },
    /// Confirms each of these, and marks it deleted.
    Delete { after: Option<AggregateId> },
    /// Compares the numbers of both sides.
    Certify,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    pub(super) phase: Phase,
    /// The end of the window, by the CRM's clock.
    pub(super) cutoff: Timestamp,
    /// The time of the last read, by the CRM's clock.
    pub(super) read_until: Timestamp,
    pub(super) counts: JobCounts,
    pub(super) page_size: u32,
    /// How often the window was read again because the CRM counts more records in it.
    pub(super) rereads: u8,
    /// The first of the CRM's records that could not be stored here.
    pub(super) not_stored: Vec<ExternalId>,
}

impl Checkpoint {
    /// The start of a job. `cutoff` is the CRM's time.
    pub(super) fn start(job: &BackfillJob, cutoff: Timestamp) -> Self {
        let phase = match &job.mode {
            BackfillMode::Full | BackfillMode::Since(_) => Phase::Window { cursor: None, read: 0 },
            BackfillMode::Ids(_) => Phase::Ids { next: 0 },
        };
        Self {
            phase,
            cutoff,
            read_until: cutoff,
            counts: JobCounts::default(),
            page_size: job.page_size,
            rereads: 0,
            not_stored: Vec::new(),
        }
    }

    pub(super) fn window(&self, mode: &BackfillMode) -> ReadWindow {
        match mode {
            BackfillMode::Since(from) => ReadWindow::Since { from: *from, until: self.cutoff.max(*from) },
            BackfillMode::Full | BackfillMode::Ids(_) => ReadWindow::Full { until: self.cutoff },
        }
    }

    /// The window of what was modified since the cutoff.
    pub(super) fn tail(&self, until: Timestamp) -> ReadWindow {
        ReadWindow::Since { from: self.cutoff.plus_millis(-OVERLAP_MS), until }
    }

    /// Starts the window again.
    pub(super) fn read_again(&mut self) {
        self.phase = Phase::Window { cursor: None, read: 0 };
        self.counts = JobCounts { total: self.counts.total, ..JobCounts::default() };
    }
}
