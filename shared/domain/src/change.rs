//! What one event says about its record, in the terms of the aggregate.
//!
//! A `Change` depends on its event alone: not on the aggregate, not on the time of arrival, not on earlier events. An
//! adapter reads it from the event; the aggregate applies it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::path::Path;
use crate::position::{Position, Rank};
use crate::text_diff::TextDiff;
use crate::timestamp::Timestamp;

/// Whether the record exists in its CRM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lifecycle {
    Active,
    /// It was deleted, or the CRM confirmed that it does not exist.
    Deleted,
}

#[derive(Debug, Clone, PartialEq)]
pub enum WriteContent {
    /// A full value, null included.
    Value(Value),
    /// The value changed, but the event does not carry the new one.
    Unknown,
    /// The difference of a long text from its previous value.
    Diff(TextDiff),
}

#[derive(Debug, Clone, PartialEq)]
pub struct FieldWrite {
    pub path: Path,
    pub content: WriteContent,
}

impl FieldWrite {
    pub fn of_value(path: Path, value: Value) -> Self {
        Self { path, content: WriteContent::Value(value) }
    }
}

/// When the record was created, by what one event states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CreationTime {
    /// By the CRM's own field.
    Stated(Timestamp),
    /// The commit timestamp of the creation, where no field states the time.
    Committed(Timestamp),
}

impl CreationTime {
    pub fn timestamp(self) -> Timestamp {
        match self {
            Self::Stated(timestamp) | Self::Committed(timestamp) => timestamp,
        }
    }
}

/// Why a record must be read again from the CRM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefetchReason {
    /// Changes arrived, but no event states the whole record.
    MissingBase,
    /// The CRM reports that something changed, but not what.
    Gap,
    /// The list of changed fields could not be decoded.
    UndecodableFields,
    /// A field is listed as changed, but its value is not in the event.
    NotCarried,
    /// A restoration whose event leaves out empty fields.
    RestoredInPart,
    BodilessCreation,
    /// The differences of a text do not give the value whose hash they name.
    BrokenText,
    /// An update newer than the record's deletion.
    AliveAfterDeletion,
    /// A change has the same timestamp as a record image, which may not include it.
    AtAnImagesInstant,
    /// Other records were merged into this one.
    MergeSurvivor,
}

/// What a record image states as of the time at which it was read, later than the record's last modification: calculated
/// fields, which change without it, and what older events contradict.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    pub position: Position,
    /// Whether the lifecycle and the whole record stand there too.
    pub is_whole: bool,
    pub writes: Vec<FieldWrite>,
}

/// What one event says about its record.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its order at the source.
    pub position: Position,
    /// The lifecycle that it states, if it states one.
    pub lifecycle: Option<Lifecycle>,
    /// Whether it states the whole record.
    pub is_base: bool,
    /// When the record was created, if it states that.
    pub creation: Option<CreationTime>,
    pub writes: Vec<FieldWrite>,
    /// Why this change by itself requires a refetch, if it does. A record image never does.
    pub asks_refetch: Option<RefetchReason>,
    /// Only a record image has one. Boxed, because most changes have none.
    pub observation: Option<Box<Observation>>,
}

/// A record of which any field may have changed since its newest values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stale {
    pub reason: RefetchReason,
    /// The timestamp of the newest change that says so.
    pub since: Timestamp,
}

impl Change {
    /// Whether this is a record image, not a change event.
    pub fn is_image(&self) -> bool {
        self.position.rank != Rank::Change
    }

    /// All its writes, wherever they stand in the order of the source.
    pub fn all_writes(&self) -> impl Iterator<Item = &FieldWrite> {
        self.writes.iter().chain(self.observation.iter().flat_map(|observation| &observation.writes))
    }

    /// Why any field of the record may have changed, if this change says so without saying which.
    pub fn uncertain_record(&self) -> Option<RefetchReason> {
        let reason = self.asks_refetch?;
        let is_uncertain = matches!(reason, RefetchReason::Gap | RefetchReason::UndecodableFields);
        (is_uncertain && self.lifecycle != Some(Lifecycle::Deleted)).then_some(reason)
    }
}
