//! Maps the raw state of a record to its entity, by the definition.
//!
//! The entity depends on the state and the schema only, and mapping never fails. A value that does not convert is left
//! out and reported as a warning; a field that was never written is left out; an unknown one is listed as unknown.

mod convert;
mod explain;
mod remap;

use std::sync::Arc;

use serde_json::Value;

use self::convert::convert;
pub use self::explain::{FieldExplanation, explain};
pub use self::remap::remap;
use crate::aggregate::{Aggregate, FieldReading};
use crate::definition::{EntityDefinition, EntitySchema, Field, FieldType, Operation, OperationInput, SystemField};
use crate::entity::{Entity, FieldValue, MappingWarning};
use crate::number::readable;
use crate::provider_adapter::ProviderAdapter;

#[derive(Debug, Clone, PartialEq)]
enum MappingResult {
    Absent,
    Unknown,
    Value(FieldValue),
    Unconvertible(String),
}

impl MappingResult {
    /// Whether a later choice counts instead.
    fn is_empty(&self) -> bool {
        match self {
            Self::Absent | Self::Value(FieldValue::Null) => true,
            Self::Value(FieldValue::Text(text)) => text.is_empty(),
            // If the first choice is unknown, so is the field: a later choice may not be the right one.
            Self::Unknown | Self::Value(_) | Self::Unconvertible(_) => false,
        }
    }
}

pub fn map(aggregate: &Aggregate, schema: &EntitySchema, adapter: &dyn ProviderAdapter) -> Entity {
    let mut entity = system(aggregate, schema);
    match schema {
        EntitySchema::Defined(definition) => map_defined(&mut entity, aggregate, definition, adapter),
        EntitySchema::Open(_) => map_open(&mut entity, aggregate),
    }
    entity
}

fn system(aggregate: &Aggregate, schema: &EntitySchema) -> Entity {
    Entity {
        aggregate_type: schema.aggregate_type(),
        entity_name: aggregate.key().entity_name.clone(),
        aggregate_id: aggregate.key().aggregate_id,
        provider: aggregate.provider(),
        external_id: aggregate.external_id().clone(),
        version: aggregate.version(),
        created_at: aggregate.created_at(),
        updated_at: aggregate.newest().map(|position| position.timestamp),
        is_deleted: aggregate.is_deleted(),
        stale: aggregate.stale(),
        fields: Vec::new(),
        warnings: Vec::new(),
        unknown: Vec::new(),
    }
}

/// The text of one field, if it maps to one. For rules that need a field or two.
pub fn text_of(aggregate: &Aggregate, field: &Field, adapter: &dyn ProviderAdapter) -> Option<Arc<str>> {
    let operation = field.sources.get(&aggregate.provider())?;
    match field_of(aggregate, field, operation, adapter) {
        MappingResult::Value(FieldValue::Text(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

fn map_defined(
    entity: &mut Entity,
    aggregate: &Aggregate,
    definition: &EntityDefinition,
    adapter: &dyn ProviderAdapter,
) {
    entity.fields.reserve(definition.fields.len());
    for field in &definition.fields {
        let Some(operation) = field.sources.get(&aggregate.provider()) else { continue };
        add_result(entity, field, field_of(aggregate, field, operation, adapter));
    }
}

fn add_result(entity: &mut Entity, field: &Field, mapped: MappingResult) {
    let name = Arc::clone(&field.name);
    match mapped {
        MappingResult::Absent => {}
        MappingResult::Unknown => entity.unknown.push(name),
        MappingResult::Value(value) => entity.fields.push((name, value)),
        MappingResult::Unconvertible(message) => entity.warnings.push(MappingWarning { field: name, message }),
    }
}

fn map_open(entity: &mut Entity, aggregate: &Aggregate) {
    let id = FieldValue::Text(aggregate.external_id().as_str().into());
    entity.fields.push((SystemField::Id.name().into(), id));
    entity.fields.push((SystemField::IsDeleted.name().into(), FieldValue::Bool(aggregate.is_deleted())));
    entity.fields.extend(own_fields(aggregate).map(|(name, value)| (name.into(), FieldValue::Raw(readable(value)))));
    entity.unknown.extend(aggregate.unknown_paths().into_iter().map(|path| path.as_str().into()));
}

/// The record's own fields, where no definition names them.
fn own_fields(aggregate: &Aggregate) -> impl Iterator<Item = (String, Value)> {
    let is_system = |name: &str| SystemField::named(name).is_some_and(SystemField::is_mapped);
    aggregate.raw().into_iter().filter(move |(name, _)| !is_system(name))
}

fn field_of(
    aggregate: &Aggregate,
    field: &Field,
    operation: &Operation,
    adapter: &dyn ProviderAdapter,
) -> MappingResult {
    let mut mapped = MappingResult::Absent;
    for input in operation.inputs() {
        mapped = map_input(aggregate, input, field.field_type, operation, adapter);
        if !mapped.is_empty() {
            break;
        }
    }
    mapped
}

fn map_input(
    aggregate: &Aggregate,
    input: &OperationInput,
    field_type: FieldType,
    operation: &Operation,
    adapter: &dyn ProviderAdapter,
) -> MappingResult {
    let path = match input {
        OperationInput::ExternalId => {
            return MappingResult::Value(FieldValue::Text(aggregate.external_id().as_str().into()));
        }
        OperationInput::IsDeleted => return MappingResult::Value(FieldValue::Bool(aggregate.is_deleted())),
        OperationInput::Path(path) => path,
    };
    let converted = match aggregate.read(path) {
        FieldReading::Absent => return MappingResult::Absent,
        FieldReading::Unknown => return MappingResult::Unknown,
        FieldReading::Known(value) => convert(&value, field_type, operation),
        FieldReading::Struct { known, is_whole } => {
            match adapter.struct_text(&known).filter(|_| field_type.is_text()) {
                Some(_) if !is_whole => return MappingResult::Unknown,
                Some(text) => convert(&Value::String(text), field_type, operation),
                None => Err(format!("a struct is not a {}", field_type.as_str())),
            }
        }
    };
    converted.map_or_else(|message| MappingResult::Unconvertible(format!("{path}: {message}")), MappingResult::Value)
}
