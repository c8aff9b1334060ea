//! The read model: the searchable entities.
//!
//! A document is never replaced by an older version, in any order of calls. All adapters return the
//! same documents for a query.

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
    pub schema: EntitySchema,
    pub entity: Arc<Entity>,
    /// The folded text that searches match.
    pub search_text: String,
}

impl Document {
    pub fn of(entity: Arc<Entity>, schema: EntitySchema) -> Self {
        Self { search_text: search_text(&entity, &schema), schema, entity }
    }

    /// The key of the stream that the entity was built from.
    pub fn key(&self) -> EntityKey {
        EntityKey { entity_name: self.entity.entity_name.clone(), aggregate_id: self.entity.aggregate_id }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexOutcome {
    Indexed,
    /// This or a newer version is already indexed.
    AlreadyNewer,
    /// This document cannot be indexed, for this reason; others can.
    Refused(String),
}

/// A value in a query, of the type of the field.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryValue {
    /// For texts, ids, references and elements of lists.
    Text(String),
    Timestamp(Timestamp),
    /// As `YYYY-MM-DD`.
    Date(String),
    Bool(bool),
    /// For numbers, and for decimals to 15 digits.
    Number(f64),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// The field equals the value; for a list, one of its elements does.
    Equals(QueryValue),
}

/// One condition on one field. The field is a mapped field, or a system field: `aggregate_id`,
/// `provider`, `version`, `created_at`, `updated_at`, `is_deleted` (and `id`, of an open schema).
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// The caller has checked that the schema has this field.
    pub field: Arc<str>,
    pub condition: Condition,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    /// As in [`Filter`].
    pub field: Arc<str>,
    /// Nulls are last in both directions.
    pub descending: bool,
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
    pub sort: Vec<SortKey>,
    pub offset: u64,
    pub limit: u64,
}

#[derive(Debug, Clone)]
pub struct ReadDocument {
    pub aggregate_id: AggregateId,
    pub version: Version,
    /// The entity as `Entity::to_json` writes it.
    pub json: Box<RawValue>,
}

#[async_trait]
pub trait ReadModel: Send + Sync {
    /// Returns one outcome per document, in their order.
    async fn index(&self, documents: Vec<Document>) -> Result<Vec<IndexOutcome>, PortError>;

    /// Also returns deleted entities.
    async fn get(&self, schema: &EntitySchema, id: AggregateId) -> Result<Option<ReadDocument>, PortError>;

    async fn search(&self, query: &EntityQuery) -> Result<Vec<ReadDocument>, PortError>;

    /// The number of matches; `offset` and `limit` are ignored.
    async fn count(&self, query: &EntityQuery) -> Result<u64, PortError>;
}
