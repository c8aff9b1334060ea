//! What one event says of its record, in the fold's own terms.
//!
//! Promises that a `Change` depends on its event alone: never on what the aggregate holds, on when
//! it arrived, or on what came before. An adapter makes it; the aggregate applies it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::path::Path;
use crate::position::{Position, Rank};
use crate::text_diff::TextDiff;
use crate::timestamp::Timestamp;

/// Whether the record stands at its CRM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lifecycle {
    /// It is there.
    Active,
    /// It was deleted, or its absence was confirmed.
    Deleted,
}

/// What is written at a path.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// The value, null included.
    Whole(Value),
    /// It changed, but the event does not carry to what.
    Unknown,
    /// A long text's difference from the value before it.
    Diff(TextDiff),
}

/// One leaf's part of a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// Where.
    pub path: Path,
    /// What.
    pub content: Content,
}

impl Write {
    /// A whole value at a path.
    pub fn whole(path: Path, value: Value) -> Self {
        Self { path, content: Content::Whole(value) }
    }
}

/// When the record was created, as far as one event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Creation {
    /// The CRM's own field says so.
    Stated(Timestamp),
    /// The creation's commit timestamp, where no field says it.
    Committed(Timestamp),
}

impl Creation {
    /// The timestamp.
    pub fn timestamp(self) -> Timestamp {
        match self {
            Self::Stated(timestamp) | Self::Committed(timestamp) => timestamp,
        }
    }
}

/// Why the whole record should be read from the CRM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefetchReason {
    /// Changes came, but nothing yet that states the whole record.
    MissingBase,
    /// The CRM says that something changed, not what.
    Gap,
    /// Which fields changed could not be read.
    UndecodableFields,
    /// A field is named as changed and not carried.
    NotCarried,
    /// A restored record whose empty fields were left out.
    RestoredInPart,
    /// A creation that carries no fields.
    BodilessCreation,
    /// A text's differences do not lead to the value they promise.
    BrokenText,
    /// An update newer than the record's deletion.
    AliveAfterDeletion,
    /// A change of the very timestamp that an image states.
    AtAnImagesInstant,
    /// Other records were merged into this one.
    MergeSurvivor,
}

/// What one event says.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where it stands at the source.
    pub position: Position,
    /// What it says of the record's life, if anything.
    pub lifecycle: Option<Lifecycle>,
    /// Whether it states the whole record, so that later parts have something to stand on.
    pub is_base: bool,
    /// What it says of the record's creation.
    pub creation: Option<Creation>,
    /// Its leaves.
    pub writes: Vec<Write>,
    /// Whether it by itself asks for the whole record. An image never does.
    pub asks_refetch: Option<RefetchReason>,
}

impl Change {
    /// Whether this is a record read from the CRM, not a change event.
    pub fn is_image(&self) -> bool {
        self.position.rank != Rank::Change
    }
}
