//! The read model: entities, searchable.
//!
//! Promises that a document never goes back to an older version, whatever the order of calls, and
//! that every adapter answers a query alike.

use std::sync::Arc;

use annals_domain::definition::EntitySchema;
use annals_domain::entity::Entity;
use annals_domain::identity::{AggregateId, EntityKey};
use annals_domain::position::Version;
use annals_domain::search_text::search_text;
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use serde_json::value::RawValue;

use super::PortError;

/// An entity to index.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its schema.
    pub schema: EntitySchema,
    /// The entity.
    pub entity: Arc<Entity>,
    /// The folded text that searches look into.
    pub search_text: String,
}

impl Document {
    /// The document of an entity of that schema.
    pub fn of(entity: Arc<Entity>, schema: EntitySchema) -> Self {
        Self { search_text: search_text(&entity, &schema), schema, entity }
    }

    /// The stream that it was made from.
    pub fn key(&self) -> EntityKey {
        EntityKey { entity_name: self.entity.entity_name.clone(), aggregate_id: self.entity.aggregate_id }
    }
}

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexOutcome {
    /// It is indexed.
    Indexed,
    /// A document of this or a newer version is there.
    AlreadyNewer,
    /// This document cannot be indexed; others can.
    Refused(String),
}

/// A value in a query, of the field's own type.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryValue {
    /// Of a text, id or reference, or of any element of a list.
    Text(String),
    /// Of a datetime.
    Timestamp(Timestamp),
    /// Of a date, as `YYYY-MM-DD`.
    Date(String),
    /// Of a bool.
    Bool(bool),
    /// Of a number, or of a decimal to 15 digits.
    Number(f64),
}

/// What a field must be.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Exactly this; of a list, any element is.
    Equals(QueryValue),
}

/// One condition on one field. The field is a mapped field, or a system field: `aggregate_id`,
/// `provider`, `version`, `created_at`, `updated_at`, `is_deleted` (and `id`, of an open schema).
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// The field's name; the caller has checked that the schema has it.
    pub field: Arc<str>,
    /// What it must be.
    pub condition: Condition,
}

/// One key of a sort.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    /// The field's name, as in a filter.
    pub field: Arc<str>,
    /// Whether from the highest down. Nulls are last either way.
    pub descending: bool,
}

/// A query over the entities of one schema. Ties of the sort go by aggregate id, ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct EntityQuery {
    /// The schema.
    pub schema: EntitySchema,
    /// All of them must hold.
    pub filters: Vec<Filter>,
    /// Folded words, each of which must occur in the search text.
    pub words: Vec<String>,
    /// Whether deleted entities count.
    pub include_deleted: bool,
    /// The order.
    pub sort: Vec<SortKey>,
    /// How many to pass over.
    pub offset: u64,
    /// How many to give.
    pub limit: u64,
}

/// An entity as indexed.
#[derive(Debug, Clone)]
pub struct ReadDocument {
    /// Its id.
    pub aggregate_id: AggregateId,
    /// Its version.
    pub version: Version,
    /// The whole entity as readers get it (`Entity::to_json`).
    pub json: Box<RawValue>,
}

/// The search index.
#[async_trait]
pub trait ReadModel: Send + Sync {
    /// Indexes documents; one answer each, in their order.
    async fn index(&self, documents: Vec<Document>) -> Result<Vec<IndexOutcome>, PortError>;

    /// One entity of a schema, deleted or not.
    async fn get(&self, schema: &EntitySchema, id: AggregateId) -> Result<Option<ReadDocument>, PortError>;

    /// One page of a query.
    async fn search(&self, query: &EntityQuery) -> Result<Vec<ReadDocument>, PortError>;

    /// How many entities a query finds, whatever its page.
    async fn count(&self, query: &EntityQuery) -> Result<u64, PortError>;
}
