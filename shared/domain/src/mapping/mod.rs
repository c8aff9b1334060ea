//! From raw state to mapped entity, as the definition says.
//!
//! Promises that the entity depends on the state and the schema alone. A value that does not
//! convert is left out and reported; a source that is absent is left out; one that is unknown is
//! named as such. Nothing here fails.

mod again;
mod convert;

use std::sync::Arc;

use serde_json::Value;

pub use self::again::map_again;
use self::convert::convert;
use crate::aggregate::{Aggregate, Reading};
use crate::definition::{EntityDefinition, EntitySchema, Field, FieldType, Leaf, Operation, SystemField};
use crate::entity::{Entity, FieldValue, MappingWarning};
use crate::provider_adapter::ProviderAdapter;

/// A field's value as mapped.
#[derive(Debug, Clone, PartialEq)]
enum Mapped {
    Absent,
    Unknown,
    Value(FieldValue),
    Unconvertible(String),
}

/// Maps a record's state to its entity.
pub fn map(aggregate: &Aggregate, schema: &EntitySchema, adapter: &dyn ProviderAdapter) -> Entity {
    let mut entity = system(aggregate, schema);
    match schema {
        EntitySchema::Defined(definition) => map_defined(&mut entity, aggregate, definition, adapter),
        EntitySchema::Open(_) => map_open(&mut entity, aggregate),
    }
    entity
}

/// An entity without its fields.
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
        fields: Vec::new(),
        warnings: Vec::new(),
        unknown: Vec::new(),
    }
}

/// The text of one field, where it maps to one; for rules that look at a field or two.
pub fn text_of(aggregate: &Aggregate, field: &Field, adapter: &dyn ProviderAdapter) -> Option<Arc<str>> {
    let operation = field.sources.get(&aggregate.provider())?;
    match field_of(aggregate, field, operation, adapter) {
        Mapped::Value(FieldValue::Text(text)) if !text.is_empty() => Some(text),
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
        keep(entity, field, field_of(aggregate, field, operation, adapter));
    }
}

/// Puts a field's result behind those before it.
fn keep(entity: &mut Entity, field: &Field, mapped: Mapped) {
    let name = Arc::clone(&field.name);
    match mapped {
        Mapped::Absent => {}
        Mapped::Unknown => entity.unknown.push(name),
        Mapped::Value(value) => entity.fields.push((name, value)),
        Mapped::Unconvertible(message) => entity.warnings.push(MappingWarning { field: name, message }),
    }
}

fn map_open(entity: &mut Entity, aggregate: &Aggregate) {
    let id = FieldValue::Text(aggregate.external_id().as_str().into());
    entity.fields.push((SystemField::Id.name().into(), id));
    entity.fields.push((SystemField::IsDeleted.name().into(), FieldValue::Bool(aggregate.is_deleted())));
    let own =
        aggregate.raw().into_iter().filter(|(name, _)| !SystemField::named(name).is_some_and(SystemField::is_mapped));
    entity.fields.extend(own.map(|(name, value)| (name.into(), FieldValue::Raw(value))));
    entity.unknown.extend(aggregate.unknown_paths().map(|path| path.as_str().into()));
}

fn field_of(aggregate: &Aggregate, field: &Field, operation: &Operation, adapter: &dyn ProviderAdapter) -> Mapped {
    let mut mapped = Mapped::Absent;
    for leaf in operation.leaves() {
        mapped = map_leaf(aggregate, leaf, field.field_type, operation, adapter);
        let is_empty = match &mapped {
            Mapped::Absent | Mapped::Value(FieldValue::Null) => true,
            Mapped::Value(FieldValue::Text(text)) => text.is_empty(),
            // A first choice that is not known leaves the answer unknown: a later one may not be it.
            Mapped::Unknown | Mapped::Value(_) | Mapped::Unconvertible(_) => false,
        };
        if !is_empty {
            break;
        }
    }
    mapped
}

fn map_leaf(
    aggregate: &Aggregate,
    leaf: &Leaf,
    field_type: FieldType,
    operation: &Operation,
    adapter: &dyn ProviderAdapter,
) -> Mapped {
    let path = match leaf {
        Leaf::ExternalId => return Mapped::Value(FieldValue::Text(aggregate.external_id().as_str().into())),
        Leaf::IsDeleted => return Mapped::Value(FieldValue::Bool(aggregate.is_deleted())),
        Leaf::At(path) => path,
    };
    let converted = match aggregate.read(path) {
        Reading::Absent => return Mapped::Absent,
        Reading::Unknown => return Mapped::Unknown,
        Reading::Known(value) => convert(&value, field_type, operation),
        Reading::Struct(leaves) => match adapter.struct_text(&leaves).filter(|_| field_type.is_text()) {
            Some(text) => convert(&Value::String(text), field_type, operation),
            None => Err(format!("a struct of {} does not fit", field_type.as_str())),
        },
    };
    converted.map_or_else(|message| Mapped::Unconvertible(format!("{path}: {message}")), Mapped::Value)
}
