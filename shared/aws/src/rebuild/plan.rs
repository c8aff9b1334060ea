//! The plan of a rebuild and its progress: all that the next run needs to continue.

use std::collections::BTreeSet;

use annals_application::ports::{PortError, PortErrorKind};
use annals_domain::definition::{Catalog, current_digest};
use annals_domain::identity::{EntityName, Provider};
use annals_domain::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event_store::ScanKey;
use crate::rebuild::target::{RebuildTarget, TargetReport};

/// The name of the work in the state store. One name, and so one rebuild at a time.
pub(crate) const WORK: &str = "rebuild";

/// The number of failed records in a plan. More are only counted.
const MAX_LISTED_FAILURES: usize = 100;

/// A rebuild and its progress, stored as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebuildPlan {
    pub id: Uuid,
    /// The entity types that are rebuilt.
    pub targets: Vec<RebuildTarget>,
    pub started_at: Timestamp,
    /// When every projection knows the plan, so that the scan may start.
    pub scan_from: Timestamp,
    pub segments: Vec<SegmentProgress>,
    pub counts: RebuildCounts,
    /// Records that could not be rebuilt; the first hundred.
    pub failed: Vec<FailedRecord>,
    /// The objects whose events were read. At the end: those that were not registered before.
    #[serde(default, rename = "met")]
    pub objects: BTreeSet<(Provider, EntityName)>,
    /// Whether the aliases move although readers then miss records that could not be rebuilt.
    #[serde(default)]
    pub leaves_out_failed: bool,
    /// The result, once the aliases have moved: only the old indices are left to be deleted.
    pub swapped: Option<Vec<TargetReport>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRecord {
    pub entity_key: String,
    pub reason: String,
}

/// The part of a plan that others than the rebuild need. The plans of all releases have it.
#[derive(Debug, Deserialize)]
struct PlanOutline {
    targets: Vec<RebuildTarget>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentProgress {
    /// The last event of the last stream that is written to the new index.
    #[serde(rename = "behind")]
    pub written_through: Option<ScanKey>,
    pub is_done: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebuildCounts {
    pub events: u64,
    pub streams: u64,
    /// Documents written, or found in a newer version.
    pub indexed: u64,
    /// Records that wait for their base.
    pub awaiting_base: u64,
    /// Records that could not be rebuilt.
    pub failed: u64,
    /// Those of the failed records that readers found in the old index.
    #[serde(default)]
    pub missed: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebuildReport {
    pub targets: Vec<TargetReport>,
    pub counts: RebuildCounts,
    /// Records that could not be rebuilt; the first hundred.
    pub failed: Vec<FailedRecord>,
    /// Types without a definition whose records were found and that were not registered before: a rebuild of all
    /// types did not include them.
    pub left_out: BTreeSet<String>,
    /// The time from start to end in milliseconds, interruptions included.
    pub took_ms: i64,
}

impl RebuildPlan {
    pub(crate) fn target(&self, aggregate_type: &str) -> Option<&RebuildTarget> {
        self.targets.iter().find(|target| target.aggregate_type == aggregate_type)
    }

    /// The entity types as a list for messages.
    pub(crate) fn types(&self) -> String {
        self.targets.iter().map(|target| target.aggregate_type.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The types without a definition whose records were found and that are not rebuilt.
    fn left_out(&self, catalog: &Catalog) -> BTreeSet<String> {
        let schemas = self.objects.iter().map(|(provider, object)| catalog.schema(*provider, object));
        let open = schemas.filter(|schema| schema.definition().is_none());
        let types = open.map(|schema| schema.aggregate_type().as_str().to_owned());
        types.filter(|name| self.target(name).is_none()).collect()
    }

    pub(crate) fn add(&mut self, counts: RebuildCounts, failed: Vec<FailedRecord>) {
        self.counts.events += counts.events;
        self.counts.streams += counts.streams;
        self.counts.indexed += counts.indexed;
        self.counts.awaiting_base += counts.awaiting_base;
        self.counts.failed += failed.len() as u64;
        self.counts.missed += counts.missed;
        let room = MAX_LISTED_FAILURES.saturating_sub(self.failed.len());
        self.failed.extend(failed.into_iter().take(room));
    }

    pub(crate) fn report(&self, targets: Vec<TargetReport>, catalog: &Catalog, now: Timestamp) -> RebuildReport {
        RebuildReport {
            targets,
            counts: self.counts,
            failed: self.failed.clone(),
            left_out: self.left_out(catalog),
            took_ms: now.millis() - self.started_at.millis(),
        }
    }

    pub(crate) fn to_json(&self) -> Result<String, PortError> {
        serde_json::to_string(self).map_err(|error| {
            PortError::new(PortErrorKind::Rejected, WORK, "the plan cannot be serialised").caused_by(error)
        })
    }

    pub(crate) fn from_json(text: &str) -> Result<Self, PortError> {
        let mut plan: Self = serde_json::from_str(text).map_err(unreadable)?;
        for target in &mut plan.targets {
            target.definition = current_digest(&target.definition).to_owned();
        }
        Ok(plan)
    }

    pub(crate) fn targets_from_json(text: &str) -> Result<Vec<RebuildTarget>, PortError> {
        Ok(serde_json::from_str::<PlanOutline>(text).map_err(unreadable)?.targets)
    }
}

fn unreadable(error: serde_json::Error) -> PortError {
    PortError::new(PortErrorKind::Corrupt, WORK, "the stored plan cannot be read").caused_by(error)
}
