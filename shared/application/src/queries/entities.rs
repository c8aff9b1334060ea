//! GetEntity, SearchEntities, CountEntities.
//!
//! Promises one way to name an entity type and an entity everywhere: plural, singular or the
//! provider's object; internal id or external id.

use std::sync::Arc;

use annals_domain::definition::{Catalog, EntitySchema};
use annals_domain::identity::{AggregateId, EntityKey, EntityName, Provider};
use annals_domain::provider_adapter::ProviderAdapters;
use annals_domain::search_text::query_words;
use uuid::Uuid;

use super::filter::{InvalidParameter, filter_by, sort_by};
use super::paging::{MAX_PAGE_OFFSET, PageNumbers};
use crate::ports::{EntityQuery, EventStore, ObjectRegistry, PortError, ReadDocument, ReadModel, SnapshotStore};

/// The sort where none is asked for.
const DEFAULT_SORT: &str = "-created_at";

/// What queries read.
#[derive(Clone)]
pub struct QueryPorts {
    /// Where events are.
    pub store: Arc<dyn EventStore>,
    pub snapshots: Arc<dyn SnapshotStore>,
    pub objects: Arc<dyn ObjectRegistry>,
    /// Where entities are.
    pub read_model: Arc<dyn ReadModel>,
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// No entity type has that name.
    #[error("there is no entity type `{0}`")]
    UnknownType(String),
    /// No entity has that id.
    #[error("there is no {aggregate_type} `{id}`")]
    NotFound {
        /// The type's name.
        aggregate_type: String,
        /// The id as it was asked for.
        id: String,
    },
    /// The entity waits for its base; its history answers.
    #[error("the {aggregate_type} `{id}` waits for its creation; its history is there")]
    AwaitingBase {
        /// The type's name.
        aggregate_type: String,
        /// The id as it was asked for.
        id: String,
    },
    /// Words of the query do not fit.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    InvalidParameters(Vec<InvalidParameter>),
    /// A stored event cannot be read.
    #[error("a stored event cannot be read")]
    Unreadable(#[source] annals_domain::provider_adapter::UnreadableEvent),
    /// A store failed.
    #[error("the query could not be answered")]
    Port(#[from] PortError),
}

/// A list as asked for. What is `None` has its default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListRequest {
    /// Words to search for.
    pub search_term: Option<String>,
    /// `(field, value)`: all must be equal.
    pub equals: Vec<(String, String)>,
    /// Whether deleted entities count.
    pub include_deleted: bool,
    /// Fields by comma, `-` for descending.
    pub sort: Option<String>,
    /// The page, from 1.
    pub page: Option<u64>,
    /// How many a page.
    pub page_size: Option<u64>,
}

/// A page of entities.
#[derive(Debug)]
pub struct EntityPage {
    /// The entities.
    pub documents: Vec<ReadDocument>,
    /// How many there are on all pages.
    pub count: u64,
    /// This page's number.
    pub page: u64,
    /// How many a page.
    pub page_size: u64,
}

/// An id as a request gives it, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedId {
    /// The schema of its type.
    pub schema: EntitySchema,
    /// The stream it may have, one a provider's object of the type.
    pub keys: Vec<EntityKey>,
}

/// The queries over entities.
#[derive(Clone)]
pub struct EntityQueries {
    pub(super) ports: QueryPorts,
    pub(super) catalog: Arc<Catalog>,
    pub(super) adapters: ProviderAdapters,
}

impl EntityQueries {
    /// Over these ports.
    pub fn new(ports: QueryPorts, catalog: Arc<Catalog>, adapters: ProviderAdapters) -> Self {
        Self { ports, catalog, adapters }
    }

    /// The definitions.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// One entity.
    pub async fn get(&self, entity_type: &str, id: &str) -> Result<ReadDocument, QueryError> {
        let lookup = self.lookup(entity_type, id).await?;
        for key in &lookup.keys {
            if let Some(document) = self.ports.read_model.get(&lookup.schema, key.aggregate_id).await? {
                return Ok(document);
            }
        }
        let aggregate_type = lookup.schema.aggregate_type().to_string();
        let heads = self.ports.store.heads(&lookup.keys).await?;
        if heads.into_iter().flatten().any(|head| head.base.is_none()) {
            return Err(QueryError::AwaitingBase { aggregate_type, id: id.to_owned() });
        }
        Err(QueryError::NotFound { aggregate_type, id: id.to_owned() })
    }

    /// A page of entities.
    pub async fn list(&self, entity_type: &str, request: &ListRequest) -> Result<EntityPage, QueryError> {
        let (query, page) = self.query(entity_type, request).await?;
        let documents = self.ports.read_model.search(&query).await?;
        let count = self.ports.read_model.count(&query).await?;
        Ok(EntityPage { documents, count, page, page_size: query.limit })
    }

    /// How many entities a list has.
    pub async fn count(&self, entity_type: &str, request: &ListRequest) -> Result<u64, QueryError> {
        let (query, _) = self.query(entity_type, request).await?;
        Ok(self.ports.read_model.count(&query).await?)
    }

    /// The schema that a name stands for: a definition's, or an object's of which there are records.
    pub async fn schema(&self, name: &str) -> Result<EntitySchema, QueryError> {
        if let Some(definition) = self.catalog.named(name) {
            return Ok(EntitySchema::Defined(Arc::clone(definition)));
        }
        let objects = self.ports.objects.registered().await?;
        let is_named = |object: &EntityName| object.as_str() == name || object.as_str().to_lowercase() == name;
        let found = objects.into_iter().find(|(_, object)| is_named(object));
        found.map(|(_, object)| EntitySchema::Open(object)).ok_or_else(|| QueryError::UnknownType(name.to_owned()))
    }

    /// The streams that an id may mean.
    pub async fn lookup(&self, entity_type: &str, id: &str) -> Result<ResolvedId, QueryError> {
        let schema = self.schema(entity_type).await?;
        let objects = self.objects(&schema);
        let keys = match Uuid::parse_str(id) {
            Ok(uuid) => objects.into_iter().map(|(_, object)| key(object, AggregateId::from_uuid(uuid))).collect(),
            Err(_) => self.keys_of_external(&objects, id),
        };
        if keys.is_empty() {
            return Err(QueryError::NotFound {
                aggregate_type: schema.aggregate_type().to_string(),
                id: id.to_owned(),
            });
        }
        Ok(ResolvedId { schema, keys })
    }

    /// The objects of a schema: a definition's, or its own for every provider there is.
    fn objects(&self, schema: &EntitySchema) -> Vec<(Provider, EntityName)> {
        match schema {
            EntitySchema::Defined(definition) => {
                definition.objects.iter().map(|(p, object)| (*p, object.clone())).collect()
            }
            EntitySchema::Open(object) => {
                self.adapters.iter().map(|adapter| (adapter.provider(), object.clone())).collect()
            }
        }
    }

    /// `001…` is asked of every provider whose ids look so; `hubspot:123` of that one.
    fn keys_of_external(&self, objects: &[(Provider, EntityName)], id: &str) -> Vec<EntityKey> {
        let named = id.split_once(':').and_then(|(name, id)| Some((name.parse::<Provider>().ok()?, id)));
        let (only, id) = named.map_or((None, id), |(provider, id)| (Some(provider), id));
        let of = |(provider, object): &(Provider, EntityName)| {
            let adapter = self.adapters.get(*provider).filter(|_| only.is_none_or(|only| only == *provider))?;
            let external = adapter.canonical_id(id)?;
            let aggregate_id = AggregateId::of(*provider, adapter.account(), object, &external);
            Some(key(object.clone(), aggregate_id))
        };
        objects.iter().filter_map(of).collect()
    }

    async fn query(&self, entity_type: &str, request: &ListRequest) -> Result<(EntityQuery, u64), QueryError> {
        let schema = self.schema(entity_type).await?;
        let mut rejected = Vec::new();
        let mut filters = Vec::new();
        for (field, value) in &request.equals {
            filter_by(&schema, field, value).map_or_else(|no| rejected.push(no), |filter| filters.push(filter));
        }
        let sort = sort_by(&schema, request.sort.as_deref().unwrap_or(DEFAULT_SORT));
        let sort = sort.unwrap_or_else(|no| {
            rejected.push(no);
            Vec::new()
        });
        let page = PageNumbers::checked(request.page, request.page_size, &mut rejected);
        let offset = page.offset();
        if rejected.is_empty() && offset >= MAX_PAGE_OFFSET {
            let message = format!("only the first {MAX_PAGE_OFFSET} results have pages; narrow the list with a filter");
            rejected.push(InvalidParameter::new("page", message));
        }
        if !rejected.is_empty() {
            return Err(QueryError::InvalidParameters(rejected));
        }
        let asks_deleted = filters.iter().any(|filter| &*filter.field == "is_deleted");
        let words = request.search_term.as_deref().map(query_words).unwrap_or_default();
        let include_deleted = request.include_deleted || asks_deleted;
        let limit = page.page_size;
        Ok((EntityQuery { schema, filters, words, include_deleted, sort, offset, limit }, page.page))
    }
}

fn key(entity_name: EntityName, aggregate_id: AggregateId) -> EntityKey {
    EntityKey { entity_name, aggregate_id }
}
