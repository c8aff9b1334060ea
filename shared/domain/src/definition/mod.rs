//! Entity definitions: what a business entity is made of, as data.
//!
//! Promises that everything about an entity type follows from its definition: mapping, index,
//! columns, filters and schemas. A definition is read once, at start, and refused whole if a line
//! of it does not fit.

mod catalog;
mod digest;
mod field_type;
mod load;
mod raw;
mod system_field;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::catalog::{Catalog, EntitySchema};
pub use self::digest::{current_digest, former_digests};
pub use self::field_type::FieldType;
pub use self::load::{DefinitionError, DefinitionFile};
pub use self::system_field::SystemField;
use crate::identity::{AggregateType, EntityName, Provider};
use crate::path::Path;

/// Where a value is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaf {
    /// The record's external id, which change events carry in their header only.
    ExternalId,
    /// Whether the record is deleted, which the lifecycle knows.
    IsDeleted,
    /// A leaf of the raw state.
    At(Path),
}

/// How a field's value is made of leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// One leaf, converted to the field's type.
    Copy(Leaf),
    /// The first leaf that is neither null nor empty.
    FirstOf(Vec<Leaf>),
    /// A text cut at a separator; blanks around the parts and empty parts are dropped.
    Split(Leaf, String),
    /// A timestamp, from RFC 3339 or epoch milliseconds.
    Datetime(Leaf),
    /// A day, from a date, a timestamp or epoch milliseconds.
    Date(Leaf),
    /// True or false, also as texts.
    Bool(Leaf),
    /// A number, also as a text.
    Number(Leaf),
    /// An exact decimal, also as a text.
    Decimal(Leaf),
}

impl Operation {
    /// The operation's name in a definition.
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

    /// The leaves it reads, in order.
    pub fn leaves(&self) -> &[Leaf] {
        match self {
            Self::FirstOf(leaves) => leaves,
            Self::Copy(leaf)
            | Self::Split(leaf, _)
            | Self::Datetime(leaf)
            | Self::Date(leaf)
            | Self::Bool(leaf)
            | Self::Number(leaf)
            | Self::Decimal(leaf) => std::slice::from_ref(leaf),
        }
    }
}

/// One field of an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name, in snake case.
    pub name: Arc<str>,
    /// Its type.
    pub field_type: FieldType,
    /// Whether a search looks into it.
    pub searchable: bool,
    /// How each provider's records fill it.
    pub sources: BTreeMap<Provider, Operation>,
}

/// Which changes are announced.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BroadcastRule {
    /// Statuses in which an entity is not announced, compared without case.
    pub quiet_statuses: Vec<String>,
    /// Whether the change into a quiet status is still announced.
    pub announce_leaving: bool,
}

/// One entity type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityDefinition {
    /// The singular name: `client`.
    pub aggregate_type: AggregateType,
    /// The plural name, in paths: `clients`.
    pub plural: String,
    /// The provider's object it is made of.
    pub objects: BTreeMap<Provider, EntityName>,
    /// Its fields, in the order of the file.
    pub fields: Vec<Field>,
    /// The field that is its status.
    pub status_field: Option<Arc<str>>,
    /// The statuses that are expected; empty where any is.
    pub statuses: Vec<String>,
    /// The field that names its parent of the same type.
    pub parent_field: Option<Arc<str>>,
    /// Which changes are announced.
    pub broadcast: BroadcastRule,
    /// A digest of all of the above, in hexadecimal. Stable across compilers and releases.
    pub digest: String,
}

impl EntityDefinition {
    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| &*field.name == name)
    }
}
