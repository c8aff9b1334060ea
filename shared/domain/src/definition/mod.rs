//! Entity definitions: what a business entity consists of, as data.
//!
//! Mapping, index, columns, filters and schemas of an entity type all follow from its definition. A definition is
//! read once, at start, and rejected as a whole if one line of it is invalid.

mod catalog;
mod digest;
mod field_type;
mod load;
mod raw;
mod read_interval;
mod system_field;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::catalog::{Catalog, EntitySchema, OpenObject};
pub use self::digest::{current_digest, former_digests};
pub use self::field_type::FieldType;
pub use self::load::{DefinitionError, DefinitionFile};
pub use self::read_interval::{InvalidReadInterval, ReadInterval};
pub use self::system_field::SystemField;
use crate::identity::{AggregateType, EntityName, Provider};
use crate::path::Path;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationInput {
    /// The record's external id, which change events carry in their header only.
    ExternalId,
    /// Whether the record is deleted, as the aggregate's lifecycle has it.
    IsDeleted,
    Path(Path),
}

/// How a field's value is computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// One value, converted to the field's type.
    Copy(OperationInput),
    /// The first value that is neither null nor empty.
    FirstOf(Vec<OperationInput>),
    /// A text cut at a separator; blanks around the parts and empty parts are dropped.
    Split(OperationInput, String),
    /// A timestamp, from RFC 3339 or epoch milliseconds.
    Datetime(OperationInput),
    /// A day, from a date, a timestamp or epoch milliseconds.
    Date(OperationInput),
    /// True or false, also as texts.
    Bool(OperationInput),
    /// A number, also as a text.
    Number(OperationInput),
    /// An exact decimal, also as a text.
    Decimal(OperationInput),
}

impl Operation {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Copy(_) => "copy",
            Self::FirstOf(_) => "first_of",
            Self::Split(..) => "split",
            Self::Datetime(_) => "datetime",
            Self::Date(_) => "date",
            Self::Bool(_) => "bool",
            Self::Number(_) => "number",
            Self::Decimal(_) => "decimal",
        }
    }

    /// What it reads, in order.
    pub fn inputs(&self) -> &[OperationInput] {
        match self {
            Self::FirstOf(inputs) => inputs,
            Self::Copy(input)
            | Self::Split(input, _)
            | Self::Datetime(input)
            | Self::Date(input)
            | Self::Bool(input)
            | Self::Number(input)
            | Self::Decimal(input) => std::slice::from_ref(input),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name, in snake case.
    pub name: Arc<str>,
    pub field_type: FieldType,
    pub searchable: bool,
    /// How its value is computed from each provider's records.
    pub sources: BTreeMap<Provider, Operation>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BroadcastRule {
    /// Changes of an entity in one of these statuses are not published. Lowercase; compared without case.
    pub quiet_statuses: Vec<String>,
    /// Whether the change into a quiet status is still published.
    pub publishes_leaving: bool,
}

/// How the records of a type are read from their CRM without an event that asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncRule {
    /// How often what was modified is read; `None` if the type has no interval of its own.
    pub modified: Option<ReadInterval>,
    /// The same for everything: calculated fields, and ids for deletions.
    pub everything: Option<ReadInterval>,
    /// Fields of the definition that change without their record being modified, though the CRM does not say so.
    pub calculated: Vec<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityDefinition {
    /// The singular name: `client`.
    pub aggregate_type: AggregateType,
    /// The plural name, in paths: `clients`.
    pub plural: String,
    pub objects: BTreeMap<Provider, EntityName>,
    pub fields: Vec<Field>,
    pub status_field: Option<Arc<str>>,
    /// The expected statuses; empty if any status is.
    pub statuses: Vec<String>,
    /// The field that holds the id of its parent, an entity of the same type.
    pub parent_field: Option<Arc<str>>,
    pub broadcast: BroadcastRule,
    /// A digest of all fields above, in hexadecimal. Stable across compilers and releases.
    pub digest: String,
    /// No part of the digest: it changes no document.
    pub sync: SyncRule,
}

impl EntityDefinition {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| &*field.name == name)
    }

    /// The names that mean its object at a provider: the plural, the singular and the object's own.
    pub fn names_at(&self, provider: Provider) -> impl Iterator<Item = &str> {
        let object = self.objects.get(&provider).map(EntityName::as_str);
        [&*self.plural, self.aggregate_type.as_str()].into_iter().chain(object)
    }
}
