//! The read model: the searchable entities.
//!
//! A document is never replaced by an older version, in any order of calls. All adapters return the
//! same documents for a query. A document is read by its id at once, and may be found by searches and counts
//! later (OpenSearch: within a second).

use std::sync::Arc;

use annals_domain::definition::EntitySchema;
use annals_domain::entity::Entity;
use annals_domain::identity::{AggregateId, EntityKey};
use annals_domain::position::Version;
use annals_domain::search_text::search_text;
use async_trait::async_trait;
use serde_json::value::RawValue;

use super::PortError;
use super::bounded_page::PageEnd;
use super::entity_query::{EntityQuery, SortPosition};

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

/// An entity as it was read.
#[derive(Debug, Clone)]
pub struct ReadDocument {
    pub aggregate_id: AggregateId,
    pub version: Version,
    /// The entity as `Entity::to_json` writes it, or its selected fields.
    pub json: Box<RawValue>,
}

/// A page of the entities that a query finds.
#[derive(Debug)]
pub struct FoundPage {
    pub documents: Vec<ReadDocument>,
    /// The number of matches on all pages.
    pub count: u64,
    pub end: PageEnd,
    /// The place of the last document, where there is one.
    pub last: Option<SortPosition>,
    /// The first entity that did not fit on the page, where its bytes ended it.
    pub ended_at: Option<AggregateId>,
}

impl FoundPage {
    /// What a query finds where there is nothing.
    pub fn empty() -> Self {
        Self { documents: Vec::new(), count: 0, end: PageEnd::Last, last: None, ended_at: None }
    }
}

#[async_trait]
pub trait ReadModel: Send + Sync {
    /// Returns one outcome per document, in their order. Idempotent. After an error some of them may be indexed.
    async fn index(&self, documents: Vec<Document>) -> Result<Vec<IndexOutcome>, PortError>;

    /// The newest indexed document of an entity, deleted or not; `None` if none is indexed in this schema.
    async fn get(&self, schema: &EntitySchema, id: AggregateId) -> Result<Option<ReadDocument>, PortError>;

    /// A page, as [`BoundedPage`](super::BoundedPage) ends it, and the number of matches on all pages.
    async fn search(&self, query: &EntityQuery) -> Result<FoundPage, PortError>;

    /// The number of matches on all pages.
    async fn count(&self, query: &EntityQuery) -> Result<u64, PortError>;
}
