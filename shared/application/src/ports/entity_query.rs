//! A query over the entities of one schema: checked when it is made, so that adapters only translate it.

use std::sync::Arc;

use annals_domain::definition::{EntitySchema, FieldType, SystemField};
use annals_domain::identity::AggregateId;
use annals_domain::timestamp::Timestamp;
use serde::{Serialize, Serializer};

use super::bounded_page::MAX_PAGE_BYTES;
use super::field_selection::FieldSelection;

/// A field that a query may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryField {
    /// Any but the id.
    System(SystemField),
    /// A field of the definition, or the id of an object without one.
    Mapped(Arc<str>, FieldType),
}

impl QueryField {
    /// The field of a schema with that name, if a query may name it.
    pub fn of(schema: &EntitySchema, name: &str) -> Option<Self> {
        let defined = schema.definition().and_then(|definition| definition.field(name));
        match (SystemField::named(name), defined) {
            (Some(SystemField::Id), None) if schema.definition().is_none() => {
                Some(Self::Mapped(SystemField::Id.name().into(), FieldType::Id))
            }
            (Some(SystemField::Id) | None, defined) => {
                defined.map(|field| Self::Mapped(Arc::clone(&field.name), field.field_type))
            }
            (Some(system), _) => system.query_type().map(|_| Self::System(system)),
        }
    }

    /// All fields of a schema that a query may name, in the order of their names.
    pub fn all(schema: &EntitySchema) -> Vec<Self> {
        let defined = schema.definition().into_iter().flat_map(|definition| &definition.fields);
        let mut names: Vec<&str> = defined.map(|field| &*field.name).collect();
        // A closure, since the name of a system field is `&'static str` and the others are not.
        names.extend(SystemField::ALL.into_iter().map(|field| -> &str { field.name() }));
        names.sort_unstable();
        names.dedup();
        names.into_iter().filter_map(|name| Self::of(schema, name)).collect()
    }

    pub fn name(&self) -> &str {
        match self {
            Self::System(field) => field.name(),
            Self::Mapped(name, _) => name,
        }
    }

    pub fn field_type(&self) -> FieldType {
        match self {
            // Only fields with a query type are made.
            Self::System(field) => field.query_type().unwrap_or(FieldType::String),
            Self::Mapped(_, field_type) => *field_type,
        }
    }
}

impl Serialize for QueryField {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A value in a query, of the type of the field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum QueryValue {
    /// For texts, ids, references and elements of lists.
    Text(String),
    Timestamp(Timestamp),
    /// As `YYYY-MM-DD`.
    Date(String),
    Bool(bool),
    /// For numbers, and for decimals to 15 digits. Finite.
    Number(f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Comparison {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// What a field must be. On a list, one of its elements.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Condition {
    Equals(QueryValue),
    /// Also true without a value. On a list, none of its elements equals it.
    Differs(QueryValue),
    /// Equals one of the values.
    OneOf(Vec<QueryValue>),
    /// For numbers, decimals, dates and timestamps. False without a value.
    Compares(Comparison, QueryValue),
    /// The folded text contains this folded text. For texts, ids and references.
    Contains(String),
    /// The folded text starts with this folded text. For texts, ids and references.
    StartsWith(String),
    /// Whether there is a value. An empty list is none.
    Exists(bool),
}

/// One condition on one field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Filter {
    pub field: QueryField,
    pub condition: Condition,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum SortOrder {
    Ascending,
    Descending,
}

/// A key of the order of results. Nulls are last in both orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sort {
    pub field: QueryField,
    pub order: SortOrder,
}

/// A place in the order of results: that of an entity with these values, which may have changed since.
#[derive(Debug, Clone, PartialEq)]
pub struct SortPosition {
    /// One for each key of the sort, of its type.
    pub values: Vec<Option<QueryValue>>,
    pub aggregate_id: AggregateId,
}

#[derive(Debug, Clone, PartialEq)]
pub enum PageStart {
    /// So many results come before the page.
    Offset(u64),
    /// The page has what comes after this place.
    After(SortPosition),
}

/// A query over the entities of one schema. Equal sort keys are ordered by aggregate id, ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct EntityQuery {
    pub schema: EntitySchema,
    /// All must match.
    pub filters: Vec<Filter>,
    /// Folded words. The search text must contain all of them.
    pub words: Vec<String>,
    pub include_deleted: bool,
    pub sort: Vec<Sort>,
    pub start: PageStart,
    pub limit: u64,
    /// The most bytes of the page's documents, as JSON, after the selection of their fields.
    pub max_bytes: usize,
    /// The fields that the documents have; `None` for all.
    pub fields: Option<FieldSelection>,
}

impl EntityQuery {
    /// The first `limit` entities of a schema that are not deleted, by aggregate id.
    pub fn first(schema: EntitySchema, limit: u64) -> Self {
        Self {
            schema,
            filters: Vec::new(),
            words: Vec::new(),
            include_deleted: false,
            sort: Vec::new(),
            start: PageStart::Offset(0),
            limit,
            max_bytes: MAX_PAGE_BYTES,
            fields: None,
        }
    }
}
