//! Mapped entities: what readers see.
//!
//! An entity is derived from events by its definition and never stored as truth: another definition gives another
//! entity from the same events. Each field value has exactly one JSON form.

use std::sync::Arc;

use jiff::civil::Date;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Number, Value};

use crate::aggregate::heap_of;
use crate::change::Stale;
use crate::definition::{EntityDefinition, EntitySchema, Field, SystemField};
use crate::identity::{AggregateId, AggregateType, EntityName, ExternalId, Provider};
use crate::position::Version;
use crate::timestamp::Timestamp;

/// The largest integer that every JSON reader keeps exactly (most read numbers as 64-bit floats): 2^53.
const SAFE_INTEGER: u64 = 1 << 53;

/// Estimated bytes that the allocator and the counters of a shared text take.
const ALLOCATION_BYTES: usize = 32;

#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    Null,
    /// A text, an id or a reference. Shared, because most texts do not change when their entity does.
    Text(Arc<str>),
    List(Vec<String>),
    Timestamp(Timestamp),
    Date(Date),
    Bool(bool),
    Number(Number),
    /// An exact decimal in plain digits.
    Decimal(String),
    /// A raw value of an object without a definition.
    Raw(Value),
}

impl Serialize for FieldValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Decimal(digits) => serializer.serialize_str(digits),
            Self::List(items) => items.serialize(serializer),
            Self::Timestamp(timestamp) => timestamp.serialize(serializer),
            Self::Date(date) => serializer.collect_str(date),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) if is_unsafe_integer(number) => serializer.collect_str(number),
            Self::Number(number) => number.serialize(serializer),
            Self::Raw(value) => value.serialize(serializer),
        }
    }
}

impl FieldValue {
    /// Estimated bytes on the heap.
    fn heap(&self) -> usize {
        match self {
            Self::Null | Self::Timestamp(_) | Self::Date(_) | Self::Bool(_) => 0,
            Self::Text(text) => ALLOCATION_BYTES + text.len(),
            Self::Decimal(digits) => ALLOCATION_BYTES + digits.len(),
            Self::Number(number) => ALLOCATION_BYTES + number.as_str().len(),
            Self::List(items) => items.iter().map(|item| size_of::<String>() + ALLOCATION_BYTES + item.len()).sum(),
            Self::Raw(value) => heap_of(value),
        }
    }

    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

pub(crate) fn is_unsafe_integer(number: &Number) -> bool {
    let text = number.as_str();
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_whole = digits.bytes().all(|b| b.is_ascii_digit());
    is_whole && digits.parse::<u64>().map_or(true, |n| n > SAFE_INTEGER)
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MappingWarning {
    pub field: Arc<str>,
    /// The value that was found and the type that was expected.
    pub message: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    pub aggregate_type: AggregateType,
    pub entity_name: EntityName,
    pub aggregate_id: AggregateId,
    pub provider: Provider,
    pub external_id: ExternalId,
    /// The version of the newest event applied.
    pub version: Version,
    /// When the CRM created the record, where an event states it.
    pub created_at: Option<Timestamp>,
    /// The timestamp of the newest change applied.
    pub updated_at: Option<Timestamp>,
    pub is_deleted: bool,
    /// Whether any field may have changed since the values shown.
    pub stale: Option<Stale>,
    /// The fields with a known value, in the order of the definition.
    pub fields: Vec<(Arc<str>, FieldValue)>,
    pub warnings: Vec<MappingWarning>,
    /// Fields whose new value no event carried; they wait for a refetch.
    pub unknown: Vec<Arc<str>>,
}

impl Entity {
    /// Estimated bytes of memory.
    pub fn weight(&self) -> usize {
        let fields = self.fields.iter().map(|(_, value)| size_of::<(Arc<str>, FieldValue)>() + value.heap());
        size_of::<Self>() + fields.sum::<usize>()
    }

    pub fn field(&self, name: &str) -> Option<&FieldValue> {
        self.fields.iter().find(|(field, _)| &**field == name).map(|(_, value)| value)
    }

    /// All fields of its definition, in their order, each with its value where that is known.
    pub fn fields_of<'a>(
        &'a self,
        definition: &'a EntityDefinition,
    ) -> impl Iterator<Item = (&'a Field, Option<&'a FieldValue>)> {
        // The known fields are in the order of the definition, so the next one is almost always the one looked for.
        let mut known = self.fields.iter().peekable();
        definition.fields.iter().map(move |field| {
            let next = known.next_if(|(name, _)| *name == field.name).map(|(_, value)| value);
            (field, next.or_else(|| self.field(&field.name)))
        })
    }

    /// The mapped fields as JSON: all fields of the schema, null where the value is not known.
    pub fn data(&self, schema: &EntitySchema) -> Map<String, Value> {
        self.as_data(schema).to_map()
    }

    /// The same, serialised without building a map first.
    pub fn as_data<'a>(&'a self, schema: &'a EntitySchema) -> EntityJson<'a> {
        EntityJson { entity: self, schema, with_system: false }
    }

    /// The mapped fields and the system fields: the JSON that readers get.
    pub fn to_json(&self, schema: &EntitySchema) -> Map<String, Value> {
        self.as_json(schema).to_map()
    }

    /// The same, serialised without building a map first.
    pub fn as_json<'a>(&'a self, schema: &'a EntitySchema) -> EntityJson<'a> {
        EntityJson { entity: self, schema, with_system: true }
    }
}

/// An entity, serialised with or without its system fields.
#[derive(Debug, Clone, Copy)]
pub struct EntityJson<'a> {
    entity: &'a Entity,
    schema: &'a EntitySchema,
    with_system: bool,
}

impl EntityJson<'_> {
    fn to_map(self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        }
    }

    fn fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let Some(definition) = self.schema.definition() else {
            let mut fields = self.entity.fields.iter().filter(|(name, _)| self.shows(name));
            return fields.try_for_each(|(name, value)| map.serialize_entry(&**name, value));
        };
        let mut fields = self.entity.fields_of(definition);
        fields.try_for_each(|(field, value)| map.serialize_entry(&*field.name, &value))
    }

    /// Whether a field of an object without a definition is written: not if a system field of its name is.
    fn shows(&self, name: &str) -> bool {
        !self.with_system || SystemField::named(name).is_none_or(SystemField::is_mapped)
    }

    fn system<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let entity = self.entity;
        map.serialize_entry(SystemField::AggregateId.name(), &entity.aggregate_id)?;
        map.serialize_entry(SystemField::AggregateType.name(), &entity.aggregate_type)?;
        map.serialize_entry(SystemField::Provider.name(), &entity.provider)?;
        map.serialize_entry(SystemField::Version.name(), &entity.version)?;
        map.serialize_entry(SystemField::CreatedAt.name(), &entity.created_at)?;
        map.serialize_entry(SystemField::UpdatedAt.name(), &entity.updated_at)?;
        map.serialize_entry(SystemField::Stale.name(), &entity.stale)?;
        map.serialize_entry(SystemField::Warnings.name(), &entity.warnings)?;
        map.serialize_entry(SystemField::Unknown.name(), &entity.unknown)
    }
}

impl Serialize for EntityJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.fields(&mut map)?;
        if self.with_system {
            self.system(&mut map)?;
        }
        map.end()
    }
}
