//! What a rebuild has changed, to be told.

use std::collections::BTreeSet;

use crate::read_model::IndexAdmin;
use annals_application::ports::PortError;
use annals_domain::definition::Catalog;
use annals_domain::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use crate::rebuild::plan::{FailedRecord, RebuildCounts, RebuildPlan, RebuildTarget};

/// A finished rebuild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebuildReport {
    /// Per entity type.
    pub targets: Vec<TargetReport>,
    /// What was done.
    pub counts: RebuildCounts,
    /// Records that could not be rebuilt, and why not; the first hundred.
    pub failed: Vec<FailedRecord>,
    /// Types without a definition of which records were met that nothing had noted: where all types were wished
    /// for, these were not among them.
    pub left_out: BTreeSet<String>,
    /// How long it took, in milliseconds, with all its interruptions.
    pub took_ms: i64,
}

/// One entity type's part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetReport {
    /// The type.
    pub aggregate_type: String,
    /// The index that answered before, and how many documents it had.
    pub before: Option<(String, u64)>,
    /// The index that answers now, and how many documents it has.
    pub after: (String, u64),
}

impl RebuildReport {
    pub(crate) fn of(plan: &RebuildPlan, targets: Vec<TargetReport>, catalog: &Catalog, now: Timestamp) -> Self {
        Self {
            targets,
            counts: plan.counts,
            failed: plan.failed.clone(),
            left_out: plan.left_out(catalog),
            took_ms: now.millis() - plan.started_at.millis(),
        }
    }
}

impl TargetReport {
    /// How many documents a type's indices have, before the alias moves.
    pub(crate) async fn counted(target: &RebuildTarget, indices: &IndexAdmin) -> Result<Self, PortError> {
        indices.refresh(&target.to).await?;
        let before = match &target.from {
            Some(from) => Some((from.clone(), indices.count(from).await?)),
            None => None,
        };
        let after = (target.to.clone(), indices.count(&target.to).await?);
        Ok(Self { aggregate_type: target.aggregate_type.clone(), before, after })
    }
}
