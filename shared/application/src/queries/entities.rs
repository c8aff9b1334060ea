//! The queries over entities: one entity, a page of entities, their number, and an entity's history.

use std::sync::Arc;
use std::time::Duration;

use annals_domain::definition::{Catalog, EntitySchema};
use annals_domain::identity::AggregateId;
use annals_domain::position::Version;
use annals_domain::provider_adapter::ProviderAdapters;
use tokio::time::timeout;

use super::error::QueryError;
use super::history::HistoryEvent;
use super::history_reader::{HistoryOf, HistoryReader};
use super::history_request::HistoryRequest;
use super::list_query::ListQuery;
use super::list_request::ListRequest;
use super::moment::MomentRequest;
use super::page::Page;
use super::past_state::PastStates;
use super::query_ports::QueryPorts;
use super::resolve::Resolver;
use super::time_travel::TimeTravel;
use crate::log_chain;
use crate::ports::{MAX_PAGE_BYTES, PortError, PortErrorKind, ReadDocument};

/// How long the read model may take for one document. A function has 18 seconds for a request, in which the entity must
/// still be read from its events.
const DOCUMENT_TIME: Duration = Duration::from_secs(3);

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
        let history = HistoryReader::new(&ports, adapters.clone());
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
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.resolver.catalog
    }

    /// The schema of an entity type: a definition's, or that of an object which has records. Fails with
    /// [`QueryError::UnknownType`] if there is neither.
    pub async fn schema(&self, entity_type: &str) -> Result<EntitySchema, QueryError> {
        self.resolver.schema(entity_type).await
    }

    /// One entity, deleted or not; from its events if the read model does not answer within three seconds. Fails with
    /// [`QueryError::NotFound`] if no event of it is stored, and with [`QueryError::AwaitingBase`] if its creation has not
    /// arrived yet.
    pub async fn get(&self, entity_type: &str, id: &str) -> Result<ReadDocument, QueryError> {
        let resolved = self.resolver.resolve(entity_type, id).await?;
        for key in &resolved.keys {
            match self.document(&resolved.schema, key.aggregate_id).await {
                Ok(Some(document)) => return self.in_answer(&resolved.schema, document),
                Ok(None) => {}
                Err(error) if error.is_retryable() => {
                    tracing::warn!(error = %log_chain(&error), "entity answered from its events");
                    return self.time_travel.get(entity_type, id, &MomentRequest::default()).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        let heads = self.ports.store.heads(&resolved.keys).await?;
        if heads.into_iter().flatten().any(|head| head.base.is_none()) {
            return Err(QueryError::awaiting_base(resolved.schema.aggregate_type(), id));
        }
        Err(QueryError::not_found(resolved.schema.aggregate_type(), id))
    }

    /// One entity of at least a version: from its events where the read model does not have that version yet. Fails with
    /// [`QueryError::NotAtMoment`] if no event of that version is stored.
    pub async fn get_at_least(
        &self,
        entity_type: &str,
        id: &str,
        version: Version,
    ) -> Result<ReadDocument, QueryError> {
        match self.get(entity_type, id).await {
            Ok(document) if document.version >= version => return Ok(document),
            Ok(_) | Err(QueryError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        let newest = self.time_travel.get(entity_type, id, &MomentRequest::default()).await?;
        if newest.version < version {
            let schema = self.schema(entity_type).await?;
            return Err(QueryError::no_version(schema.aggregate_type(), id, version, newest.version));
        }
        Ok(newest)
    }

    /// A page of entities. Fails with [`QueryError::InvalidParameters`] if the request is invalid, and with
    /// [`QueryError::TooLarge`] if an entity alone is larger than a page.
    pub async fn list(&self, entity_type: &str, request: &ListRequest) -> Result<Page<ReadDocument>, QueryError> {
        let list = self.list_query(entity_type, request).await?;
        list.page(self.ports.read_model.search(&list.query).await?)
    }

    /// The number of entities in a list, on all its pages. Fails as [`Self::list`] does.
    pub async fn count(&self, entity_type: &str, request: &ListRequest) -> Result<u64, QueryError> {
        let list = self.list_query(entity_type, request).await?;
        Ok(self.ports.read_model.count(&list.query).await?)
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
        let of = |key| HistoryOf { schema: &resolved.schema, key, request };
        let not_found = || QueryError::not_found(resolved.schema.aggregate_type(), id);
        if let Some(from_date) = request.starts_at_date() {
            for key in &resolved.keys {
                if let Some(page) = self.history.read_from_date(&of(key), from_date, page).await? {
                    return Ok(page);
                }
            }
            return Err(not_found());
        }
        let heads = self.ports.store.heads(&resolved.keys).await?;
        let mut streams = resolved.keys.iter().zip(heads);
        let (key, head) = streams.find_map(|(key, head)| Some((key, head?))).ok_or_else(not_found)?;
        self.history.read(&of(key), &head, page).await
    }

    /// A document of the read model. One that hangs counts as one that cannot be reached.
    async fn document(&self, schema: &EntitySchema, id: AggregateId) -> Result<Option<ReadDocument>, PortError> {
        let late = || PortError::new(PortErrorKind::Unavailable, "read model", "no response in time");
        timeout(DOCUMENT_TIME, self.ports.read_model.get(schema, id)).await.unwrap_or_else(|_| Err(late()))
    }

    /// Refuses an entity that is larger than an answer may be.
    fn in_answer(&self, schema: &EntitySchema, document: ReadDocument) -> Result<ReadDocument, QueryError> {
        let bytes = document.json.get().len();
        if bytes <= self.history.max_bytes {
            return Ok(document);
        }
        let (aggregate_type, id) = (schema.aggregate_type(), document.aggregate_id);
        let remedy = format!("list it by `filter=aggregate_id:eq:{id}` with `fields`, or read it with `annals get`");
        Err(QueryError::TooLarge { what: format!("the {aggregate_type}"), bytes, remedy })
    }

    async fn list_query(&self, entity_type: &str, request: &ListRequest) -> Result<ListQuery, QueryError> {
        ListQuery::of(self.resolver.schema(entity_type).await?, request, self.history.max_bytes)
    }
}
