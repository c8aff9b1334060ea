//! Mapped entities: what readers see.
//!
//! Promises typed values with one JSON form each. An entity is derived: it is never stored as
//! truth, and a changed definition gives another one from the same events.

use std::sync::Arc;

use jiff::civil::Date;
use serde::Serialize;
use serde_json::{Map, Number, Value, json};

use crate::definition::Shape;
use crate::identity::{AggregateId, AggregateType, EntityName, ExternalId, Provider};
use crate::instant::Instant;
use crate::position::Version;

/// The largest whole number that every JSON reader keeps: 2^53.
const SAFE_INTEGER: u64 = 1 << 53;

/// One field's value.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// Known to be empty.
    Null,
    /// A text, an id or a reference.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
    /// An instant.
    Instant(Instant),
    /// A day.
    Date(Date),
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// An exact decimal in plain digits.
    Decimal(String),
    /// A raw value of an object without a definition.
    Raw(Value),
}

impl FieldValue {
    /// The value's JSON.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Text(text) | Self::Decimal(text) => Value::String(text.clone()),
            Self::List(items) => json!(items),
            Self::Instant(instant) => Value::String(instant.to_string()),
            Self::Date(date) => Value::String(date.to_string()),
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(number) if is_unsafe_integer(number) => Value::String(number.to_string()),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Raw(value) => value.clone(),
        }
    }
}

fn is_unsafe_integer(number: &Number) -> bool {
    let text = number.as_str();
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_whole = digits.bytes().all(|b| b.is_ascii_digit());
    is_whole && digits.parse::<u64>().map_or(true, |n| n > SAFE_INTEGER)
}

/// A value that could not be mapped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MappingWarning {
    /// The entity's field.
    pub field: Arc<str>,
    /// What was there instead of what fits.
    pub message: String,
}

/// One entity as readers see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// Its type.
    pub aggregate_type: AggregateType,
    /// The provider's object.
    pub entity_name: EntityName,
    /// Its internal id.
    pub aggregate_id: AggregateId,
    /// The CRM.
    pub provider: Provider,
    /// Its id there.
    pub external_id: ExternalId,
    /// The version of the newest event in it.
    pub version: Version,
    /// When the CRM created it, as far as known.
    pub created_at: Option<Instant>,
    /// The instant of the newest change in it.
    pub updated_at: Option<Instant>,
    /// Whether it is deleted.
    pub is_deleted: bool,
    /// Its fields that are known, in the definition's order.
    pub fields: Vec<(Arc<str>, FieldValue)>,
    /// Values that could not be mapped.
    pub warnings: Vec<MappingWarning>,
    /// Fields that changed to something that is not known.
    pub unknown: Vec<Arc<str>>,
}

impl Entity {
    /// The value of a field, where it is known.
    pub fn field(&self, name: &str) -> Option<&FieldValue> {
        self.fields.iter().find(|(field, _)| &**field == name).map(|(_, value)| value)
    }

    /// Its mapped fields as JSON: all of its shape, null where not known.
    pub fn data(&self, shape: &Shape) -> Map<String, Value> {
        let mut data = Map::new();
        if let Some(definition) = shape.definition() {
            data.extend(definition.fields.iter().map(|field| (field.name.to_string(), Value::Null)));
        }
        data.extend(self.fields.iter().map(|(name, value)| (name.to_string(), value.to_json())));
        data
    }

    /// The whole entity as readers get it.
    pub fn to_json(&self, shape: &Shape) -> Map<String, Value> {
        let mut json = self.data(shape);
        let system = [
            ("aggregate_id", json!(self.aggregate_id)),
            ("aggregate_type", json!(self.aggregate_type)),
            ("provider", json!(self.provider)),
            ("version", json!(self.version)),
            ("created_at", json!(self.created_at)),
            ("updated_at", json!(self.updated_at)),
            ("warnings", json!(self.warnings)),
            ("unknown", json!(self.unknown)),
        ];
        json.extend(system.map(|(name, value)| (name.to_owned(), value)));
        json
    }
}
