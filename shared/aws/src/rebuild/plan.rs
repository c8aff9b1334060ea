//! The plan of a rebuild, and how far it has come: all that the next run needs to go on.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::event_store::ScanKey;
use annals_application::ports::{PortError, PortErrorKind};
use annals_domain::definition::{Catalog, EntitySchema, current_digest};
use annals_domain::identity::{EntityName, Provider};
use annals_domain::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::rebuild::report::TargetReport;

/// The name of the work in the state store: one rebuild at a time.
pub(crate) const WORK: &str = "rebuild";

/// How many failed records are named; beyond, they are counted.
const FAILURES_NAMED: usize = 100;

/// A rebuild.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebuildPlan {
    /// Its id.
    pub id: Uuid,
    /// The entity types that are rebuilt.
    pub targets: Vec<RebuildTarget>,
    /// When it began.
    pub started_at: Timestamp,
    /// From when on every projection knows of it, so that the table may be scanned.
    pub scan_from: Timestamp,
    /// How far each segment of the table is.
    pub segments: Vec<SegmentProgress>,
    /// What was done so far.
    pub counts: RebuildCounts,
    /// Records that could not be rebuilt, and why not.
    pub failed: Vec<FailedRecord>,
    /// The objects whose events were read; once all are, those of them that nothing had noted before.
    #[serde(default)]
    pub met: BTreeSet<(Provider, EntityName)>,
    /// Whether the aliases move although readers then miss records that could not be rebuilt.
    #[serde(default)]
    pub leaves_out_failed: bool,
    /// What the aliases moved between, once they have: only the old indices are left to be removed.
    pub swapped: Option<Vec<TargetReport>>,
}

/// One entity type of a rebuild.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebuildTarget {
    /// The type.
    pub aggregate_type: String,
    /// The index that answers until the end; `None` where there was none.
    pub from: Option<String>,
    /// The index that is filled.
    pub to: String,
    /// The digest of the definition it is filled by.
    #[serde(default)]
    pub digest: String,
}

/// A record that could not be rebuilt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRecord {
    /// Its key, as the events table has it.
    pub entity_key: String,
    /// Why not.
    pub reason: String,
}

/// What others than the rebuild itself need of a plan: all that a plan of any release has.
#[derive(Debug, Deserialize)]
struct Outline {
    targets: Vec<RebuildTarget>,
}

/// How far a segment is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentProgress {
    /// The last item of the last stream whose document is in the new index.
    #[serde(rename = "behind")]
    pub written_through: Option<ScanKey>,
    /// Whether nothing is left.
    pub is_done: bool,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebuildCounts {
    /// Events read.
    pub events: u64,
    /// Streams met.
    pub streams: u64,
    /// Documents written, or found newer.
    pub indexed: u64,
    /// Records that wait for their base.
    pub awaiting_base: u64,
    /// Records that could not be rebuilt.
    pub failed: u64,
    /// Those of them that readers found when they were met.
    #[serde(default)]
    pub missed: u64,
}

impl RebuildTarget {
    /// Whether its index may hold records of an object, whichever CRM they are of.
    pub(crate) fn may_hold(&self, object: &EntityName, catalog: &Catalog) -> bool {
        let is_its = |provider| catalog.schema(provider, object).aggregate_type().as_str() == self.aggregate_type;
        Provider::ALL.into_iter().any(is_its)
    }

    /// What it is the index of.
    pub(crate) fn schema(&self, catalog: &Catalog) -> EntitySchema {
        let named = catalog.named(&self.aggregate_type);
        named.map_or_else(
            || EntitySchema::Open(EntityName::new(self.aggregate_type.as_str())),
            |definition| EntitySchema::Defined(Arc::clone(definition)),
        )
    }
}

impl RebuildPlan {
    /// The target of a type.
    pub(crate) fn target(&self, aggregate_type: &str) -> Option<&RebuildTarget> {
        self.targets.iter().find(|target| target.aggregate_type == aggregate_type)
    }

    /// The types without a definition that records were met of, and that are not rebuilt.
    pub(crate) fn left_out(&self, catalog: &Catalog) -> BTreeSet<String> {
        let schemas = self.met.iter().map(|(provider, object)| catalog.schema(*provider, object));
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
        let room = FAILURES_NAMED.saturating_sub(self.failed.len());
        self.failed.extend(failed.into_iter().take(room));
    }

    pub(crate) fn to_text(&self) -> Result<String, PortError> {
        serde_json::to_string(self).map_err(|error| {
            PortError::new(PortErrorKind::Rejected, WORK, "the plan cannot be written").caused_by(error)
        })
    }

    pub(crate) fn of_text(text: &str) -> Result<Self, PortError> {
        let mut plan: Self = serde_json::from_str(text).map_err(unreadable)?;
        for target in &mut plan.targets {
            target.digest = current_digest(&target.digest).to_owned();
        }
        Ok(plan)
    }

    /// Only what is filled, of a plan of any release.
    pub(crate) fn targets_of(text: &str) -> Result<Vec<RebuildTarget>, PortError> {
        Ok(serde_json::from_str::<Outline>(text).map_err(unreadable)?.targets)
    }
}

fn unreadable(error: serde_json::Error) -> PortError {
    PortError::new(PortErrorKind::Corrupt, WORK, "the plan cannot be read").caused_by(error)
}
