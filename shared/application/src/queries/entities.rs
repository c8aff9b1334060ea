//! The queries over entities: one entity, a page of entities, their number, and an entity's history.

use std::sync::Arc;

use annals_domain::definition::{Catalog, EntitySchema, SystemField};
use annals_domain::provider_adapter::ProviderAdapters;
use annals_domain::search_text::query_words;

use super::error::QueryError;
use super::filter::{InvalidParameter, filter_by, sort_by};
use super::history::HistoryEvent;
use super::history_reader::{HistoryOf, HistoryReader};
use super::history_request::HistoryRequest;
use super::page::Page;
use super::paging::{MAX_PAGE_OFFSET, PageNumbers};
use super::past_state::PastStates;
use super::resolve::Resolver;
use super::time_travel::TimeTravel;
use crate::ports::{EntityQuery, EventStore, MAX_PAGE_BYTES, ObjectRegistry, ReadDocument, ReadModel, SnapshotStore};

/// The sort of a list if the request names no other.
const DEFAULT_SORT: &str = "-created_at";

/// The ports that queries read.
#[derive(Clone)]
pub struct QueryPorts {
    /// Read for histories, and to tell an unknown entity from one without its creation.
    pub store: Arc<dyn EventStore>,
    /// Lets a later page of a history start at a snapshot.
    pub snapshots: Arc<dyn SnapshotStore>,
    /// Names the entity types without a definition.
    pub objects: Arc<dyn ObjectRegistry>,
    /// Read for entities, lists and counts.
    pub read_model: Arc<dyn ReadModel>,
}

/// A request for a list of entities. A parameter that is `None` has its default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListRequest {
    /// Words that must all occur in the entity's search text.
    pub search_term: Option<String>,
    /// Pairs of a field and its value. All of them must match.
    pub equals: Vec<(String, String)>,
    /// Whether deleted entities are included. A filter on `is_deleted` includes them too.
    pub include_deleted: bool,
    /// Field names separated by commas, each with a leading `-` for descending order. Default:
    /// `-created_at`.
    pub sort: Option<String>,
    /// The number of the page, from 1. Default: 1. The page must start before result
    /// [`MAX_PAGE_OFFSET`].
    pub page: Option<u64>,
    /// The number of entities on a page, from 1 to [`MAX_PAGE_SIZE`](super::MAX_PAGE_SIZE). Default:
    /// [`DEFAULT_PAGE_SIZE`](super::DEFAULT_PAGE_SIZE).
    pub page_size: Option<u64>,
}

/// A page of entities.
#[derive(Debug)]
pub struct EntityPage {
    /// The entities of the page, in the requested order.
    pub documents: Vec<ReadDocument>,
    /// The number of entities on all pages.
    pub count: u64,
    /// The number of this page, from 1.
    pub page: u64,
    /// The largest number of entities on a page.
    pub page_size: u64,
}

/// The queries over entities.
///
/// Entity types and ids are given as requests have them: a type by its plural, its singular or the
/// provider's object; an entity by its aggregate id or its external id.
#[derive(Clone)]
pub struct EntityQueries {
    ports: QueryPorts,
    resolver: Resolver,
    history: HistoryReader,
    time_travel: TimeTravel,
}

impl EntityQueries {
    /// Queries by these definitions. The adapters are those of the installed providers.
    pub fn new(ports: QueryPorts, catalog: Arc<Catalog>, adapters: ProviderAdapters) -> Self {
        let history = HistoryReader::new(&ports.store, &ports.snapshots, adapters.clone());
        let (store, snapshots) = (Arc::clone(&ports.store), Arc::clone(&ports.snapshots));
        let states = PastStates { store, snapshots, adapters: adapters.clone() };
        let resolver = Resolver::new(Arc::clone(&ports.objects), catalog, adapters);
        let time_travel = TimeTravel { resolver: resolver.clone(), states, max_bytes: MAX_PAGE_BYTES };
        Self { ports, resolver, history, time_travel }
    }

    /// The queries over the past of entities.
    pub fn time_travel(&self) -> &TimeTravel {
        &self.time_travel
    }

    /// The same with another limit of the bytes of a page's results, as JSON.
    #[must_use]
    pub fn with_page_bytes(mut self, max_bytes: usize) -> Self {
        self.history.max_bytes = max_bytes;
        self.time_travel.max_bytes = max_bytes;
        self
    }

    /// The entity definitions.
    pub fn catalog(&self) -> &Catalog {
        &self.resolver.catalog
    }

    /// The schema of an entity type: a definition's, or that of an object which has records. Fails with
    /// [`QueryError::UnknownType`] if there is neither.
    pub async fn schema(&self, entity_type: &str) -> Result<EntitySchema, QueryError> {
        self.resolver.schema(entity_type).await
    }

    /// One entity, deleted or not. Fails with [`QueryError::NotFound`] if no event of it is stored, and
    /// with [`QueryError::AwaitingBase`] if its creation has not arrived yet.
    pub async fn get(&self, entity_type: &str, id: &str) -> Result<ReadDocument, QueryError> {
        let resolved = self.resolver.resolve(entity_type, id).await?;
        for key in &resolved.keys {
            if let Some(document) = self.ports.read_model.get(&resolved.schema, key.aggregate_id).await? {
                return Ok(document);
            }
        }
        let heads = self.ports.store.heads(&resolved.keys).await?;
        if heads.into_iter().flatten().any(|head| head.base.is_none()) {
            return Err(QueryError::awaiting_base(resolved.schema.aggregate_type(), id));
        }
        Err(QueryError::not_found(resolved.schema.aggregate_type(), id))
    }

    /// A page of entities. Fails with [`QueryError::InvalidParameters`] if the request is invalid.
    pub async fn list(&self, entity_type: &str, request: &ListRequest) -> Result<EntityPage, QueryError> {
        let (query, page) = self.query(entity_type, request).await?;
        let documents = self.ports.read_model.search(&query).await?;
        let count = self.ports.read_model.count(&query).await?;
        Ok(EntityPage { documents, count, page, page_size: query.limit })
    }

    /// The number of entities in a list, on all its pages. Fails as [`Self::list`] does.
    pub async fn count(&self, entity_type: &str, request: &ListRequest) -> Result<u64, QueryError> {
        let (query, _) = self.query(entity_type, request).await?;
        Ok(self.ports.read_model.count(&query).await?)
    }

    /// A page of one entity's events. Works also for an entity whose creation has not
    /// arrived yet. Fails with [`QueryError::NotFound`] if no event of it is stored.
    pub async fn history(
        &self,
        entity_type: &str,
        id: &str,
        request: &HistoryRequest,
    ) -> Result<Page<HistoryEvent>, QueryError> {
        let page = request.page_numbers()?;
        let resolved = self.resolver.resolve(entity_type, id).await?;
        let heads = self.ports.store.heads(&resolved.keys).await?;
        let mut streams = resolved.keys.iter().zip(heads);
        let Some((key, head)) = streams.find_map(|(key, head)| Some((key, head?))) else {
            return Err(QueryError::not_found(resolved.schema.aggregate_type(), id));
        };
        let of = HistoryOf { schema: &resolved.schema, key, head: &head, request };
        self.history.read(&of, page).await
    }

    /// The checked query of a list, and the number of its page.
    async fn query(&self, entity_type: &str, request: &ListRequest) -> Result<(EntityQuery, u64), QueryError> {
        let schema = self.resolver.schema(entity_type).await?;
        let mut invalid = Vec::new();
        let mut filters = Vec::new();
        for (field, value) in &request.equals {
            filter_by(&schema, field, value).map_or_else(|no| invalid.push(no), |filter| filters.push(filter));
        }
        let sort = sort_by(&schema, request.sort.as_deref().unwrap_or(DEFAULT_SORT));
        let sort = sort.map_err(|no| invalid.push(no)).unwrap_or_default();
        let page = PageNumbers::checked(request.page, request.page_size, &mut invalid);
        let (offset, limit) = (page.offset(), page.page_size);
        if invalid.is_empty() && offset >= MAX_PAGE_OFFSET {
            let message = format!("only the first {MAX_PAGE_OFFSET} results have pages; narrow the list with a filter");
            invalid.push(InvalidParameter::new("page", message));
        }
        if !invalid.is_empty() {
            return Err(QueryError::InvalidParameters(invalid));
        }
        let filters_deleted = filters.iter().any(|filter| &*filter.field == SystemField::IsDeleted.name());
        let words = request.search_term.as_deref().map(query_words).unwrap_or_default();
        let include_deleted = request.include_deleted || filters_deleted;
        Ok((EntityQuery { schema, filters, words, include_deleted, sort, offset, limit }, page.page))
    }
}
