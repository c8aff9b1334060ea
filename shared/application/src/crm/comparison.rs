//! In what a state differs from a record as the CRM has it.
//!
//! Fields of a definition are compared as readers see them, so that two spellings of one date are equal. All others are
//! compared leaf by leaf.

use std::collections::BTreeSet;

use annals_domain::aggregate::{Aggregate, FieldReading};
use annals_domain::change::{Change, FieldWrite, WriteContent};
use annals_domain::definition::{EntitySchema, Operation, OperationInput};
use annals_domain::entity::Entity;
use annals_domain::mapping;
use annals_domain::path::Path;
use annals_domain::position::{Position, Rank};
use annals_domain::provider_adapter::ProviderAdapter;
use annals_domain::timestamp::Timestamp;
use serde_json::Value;

/// In what a state differs from an image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Differences {
    /// Paths that the image writes.
    pub paths: BTreeSet<Path>,
    /// The names of the mapped fields that differ; of objects without a definition, the paths.
    pub fields: BTreeSet<String>,
    /// Whether the record exists, or that its fields are certain.
    pub whole: bool,
}

impl Differences {
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.fields.is_empty() && !self.whole
    }
}

/// In what `state` differs from the record as `image` states it.
pub fn differences(
    state: &Aggregate,
    image: &Change,
    schema: &EntitySchema,
    adapter: &dyn ProviderAdapter,
) -> Differences {
    let mut alone = Aggregate::new(state.key().clone(), state.provider(), state.external_id().clone());
    alone.apply(state.version(), image);
    let mut found = Differences {
        whole: state.lifecycle() != alone.lifecycle() || state.stale().is_some() || !state.has_base(),
        ..Differences::default()
    };
    if alone.is_deleted() && state.is_deleted() {
        // Nobody sees the fields of a deleted record change any more.
        return Differences { whole: found.whole, ..Differences::default() };
    }
    let mut mapped = BTreeSet::new();
    if let Some(definition) = schema.definition() {
        let (here, there) = (mapping::map(state, schema, adapter), mapping::map(&alone, schema, adapter));
        for field in &definition.fields {
            let Some(operation) = field.sources.get(&adapter.provider()) else { continue };
            let written: BTreeSet<Path> = image.all_writes().filter_map(|write| read_by(operation, write)).collect();
            if !written.is_empty() && !same_field(&here, &there, &field.name) {
                found.fields.insert(field.name.to_string());
                found.paths.extend(written.iter().cloned());
            }
            mapped.extend(written);
        }
    }
    // Change events carry neither: the external id and the lifecycle stand for them.
    let is_implied = |path: &str| path == adapter.id_field() || Some(path) == adapter.deleted_field();
    for write in image.all_writes().filter(|write| !mapped.contains(&write.path) && !is_implied(write.path.as_str())) {
        if !shows(state, write) {
            found.fields.insert(write.path.to_string());
            found.paths.insert(write.path.clone());
        }
    }
    found
}

/// The path of a write, if the operation reads it.
fn read_by(operation: &Operation, write: &FieldWrite) -> Option<Path> {
    let reads = |input: &OperationInput| matches!(input, OperationInput::Path(path) if path.overlaps(&write.path));
    operation.inputs().iter().any(reads).then(|| write.path.clone())
}

fn same_field(here: &Entity, there: &Entity, name: &str) -> bool {
    let warnings = |entity: &Entity| entity.warnings.iter().any(|warning| &*warning.field == name);
    let unknown = |entity: &Entity| entity.unknown.iter().any(|unknown| &**unknown == name);
    let value =
        |entity: &Entity| entity.field(name).map(annals_domain::entity::FieldValue::to_json).unwrap_or_default();
    value(here) == value(there) && warnings(here) == warnings(there) && unknown(here) == unknown(there)
}

fn shows(state: &Aggregate, write: &FieldWrite) -> bool {
    let WriteContent::Value(stated) = &write.content else { return true };
    match state.read(&write.path) {
        FieldReading::Absent => stated.is_null(),
        FieldReading::Known(value) => *value == *stated || same_time(&value, stated),
        FieldReading::Unknown | FieldReading::Struct { .. } => false,
    }
}

/// Events spell times as numbers, records as texts.
fn same_time(one: &Value, other: &Value) -> bool {
    let time = |value: &Value| match value {
        Value::String(text) => text.parse::<Timestamp>().ok(),
        Value::Number(number) => number.as_i64().and_then(Timestamp::from_number),
        _ => None,
    };
    time(one).is_some_and(|one| Some(one) == time(other))
}

/// How an image stands to a contradicting write of the state it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Precedence {
    /// The image was read after it: the image is right.
    Image,
    /// It may have been committed while the image was read.
    Unsettled,
    /// It is a later reading than the image.
    Write,
}

/// Compares a write at `written` with an image that was read at `fetched_at`. A change event that was committed before
/// `settled_before` is in the image.
pub(super) fn precedence(written: Position, fetched_at: Timestamp, settled_before: Timestamp) -> Precedence {
    if written.rank == Rank::Change {
        return if written.timestamp <= settled_before { Precedence::Image } else { Precedence::Unsettled };
    }
    match written.commit_number.map(|read_at| read_at.cmp(&fetched_at.millis())) {
        Some(std::cmp::Ordering::Greater) => Precedence::Write,
        Some(std::cmp::Ordering::Equal) => Precedence::Unsettled,
        Some(std::cmp::Ordering::Less) | None => Precedence::Image,
    }
}

/// The newest write at, above or below a path.
pub(super) fn newest_write(state: &Aggregate, path: &Path) -> Option<Position> {
    let overlapping = state.paths().filter(|other| other.overlaps(path));
    overlapping.filter_map(|other| state.set_by(other.as_str())).max()
}
