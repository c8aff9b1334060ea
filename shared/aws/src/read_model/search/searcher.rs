//! Reads documents: one by its id, a page of a query, or the number of a query's results.
//!
//! A result is complete: where a shard did not respond, there is an error and not a part of the result.

use std::ops::ControlFlow;

use annals_application::ports::{EntityQuery, FoundPage, PageStart, PortError, PortErrorKind, ReadDocument};
use annals_application::queries::MAX_RESULT_WINDOW;
use annals_domain::definition::EntitySchema;
use annals_domain::identity::{AggregateId, EntityKey};
use bytes::Bytes;
use opensearch::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::read_model::index::{IndexCatalog, ServingIndex};
use crate::read_model::search::hit_page::{HitPage, SearchResult};
use crate::read_model::search::hits::{Hit, PortionEnd, Portions, documents, found_documents};
use crate::read_model::search::multi_get::MultiGetBody;
use crate::read_model::search::order::HitOrder;
use crate::read_model::search::query::TranslatedQuery;
use crate::read_model::transport::{Limited, Response, Transport};

/// The hits of a portion of a walk that looks at all of them.
const SCAN_PORTION: u64 = 200;

/// Reads documents. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Searcher {
    transport: Transport,
    indices: IndexCatalog,
}

#[derive(Deserialize)]
struct CountBody {
    count: u64,
    #[serde(rename = "_shards")]
    shards: Shards,
}

#[derive(Deserialize)]
struct Shards {
    failed: u64,
}

impl Searcher {
    pub(crate) fn new(transport: Transport, indices: IndexCatalog) -> Self {
        Self { transport, indices }
    }

    /// One document by its id, as it was written last.
    pub(crate) async fn get(&self, schema: &EntitySchema, id: AggregateId) -> Result<Option<ReadDocument>, PortError> {
        let alias = self.indices.alias(schema);
        let path = format!("/{alias}/_doc/{id}");
        let response = self.read(&alias, Method::Get, &path, None).await?;
        if response.status == 404 && (response.is_missing_index() || is_not_found(&response)) {
            return Ok(None);
        }
        let Hit { index, source, .. } = documents(&response, &alias)?;
        self.indices.forget_unless(&alias, &index);
        // Objects without a definition may share an index.
        let is_of_schema = match schema {
            EntitySchema::Defined(_) => true,
            EntitySchema::Open(object) => object.name.as_str() == source.entity_name,
        };
        Ok(is_of_schema.then(|| source.document(source.entity.to_owned())))
    }

    /// A page and the number of matches, mostly in one call.
    pub(crate) async fn search(&self, query: &EntityQuery) -> Result<FoundPage, PortError> {
        let Some(translated) = TranslatedQuery::of(query) else { return Ok(FoundPage::empty()) };
        check_window(&self.indices.alias(&query.schema), &query.start, query.limit)?;
        let fields = [translated.fields.clone(), HitOrder::fields(query)].concat();
        let Some(mut index) = self.indices.serving_fields(&query.schema, &fields).await? else {
            return Ok(FoundPage::empty());
        };
        loop {
            match self.search_in(&index, query, &translated).await {
                Ok(SearchResult::Page(page)) => return Ok(page),
                // It is searched again in the order of the text.
                Ok(SearchResult::WithoutHalves) => index.set_incomplete_halves(),
                // The request may be refused because it is for another index than the one that serves now.
                Err(error) if error.kind == PortErrorKind::Rejected => {
                    let successor = self.indices.successor(&query.schema, &fields, &index).await?;
                    index = successor.ok_or(error)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn search_in(
        &self,
        index: &ServingIndex,
        query: &EntityQuery,
        translated: &TranslatedQuery,
    ) -> Result<SearchResult, PortError> {
        let (alias, order) = (self.indices.alias(&query.schema), HitOrder::of(query, index));
        let mut page = HitPage::new(query, &order);
        let count = if translated.has_unchecked() {
            self.scan(&alias, translated, &order, &mut page).await?
        } else {
            let first = query.limit.saturating_add(1);
            let portions = Portions::new(translated.body(), &order, &query.start, first);
            self.walk(&alias, portions, |hit| page.add(hit)).await?
        };
        Ok(page.finish(count))
    }

    /// The number of documents that a query finds.
    pub(crate) async fn count(&self, query: &EntityQuery) -> Result<u64, PortError> {
        let Some(translated) = TranslatedQuery::of(query) else { return Ok(0) };
        let alias = self.indices.alias(&query.schema);
        if self.indices.serving_fields(&query.schema, &translated.fields).await?.is_none() {
            return Ok(0);
        }
        if translated.has_unchecked() {
            return self.count_checked(&alias, &translated).await;
        }
        self.count_body(&alias, &translated.body()).await
    }

    /// The documents of a schema that a request body finds; none without an index.
    pub(crate) async fn documents_of(
        &self,
        schema: &EntitySchema,
        body: &Value,
    ) -> Result<Vec<ReadDocument>, PortError> {
        let alias = self.indices.alias(schema);
        if self.indices.serving(schema).await?.is_none() {
            return Ok(Vec::new());
        }
        match self.page(&alias, body, None).await? {
            Limited::Read(response) if !response.is_missing_index() => found_documents(&response, &alias),
            _ => Ok(Vec::new()),
        }
    }

    /// The number of documents of a schema that a request body finds.
    pub(crate) async fn count_of(&self, schema: &EntitySchema, body: &Value) -> Result<u64, PortError> {
        let alias = self.indices.alias(schema);
        match self.indices.serving(schema).await? {
            Some(_) => self.count_body(&alias, body).await,
            None => Ok(0),
        }
    }

    /// The number of documents in an index as of its last refresh, deleted entities included.
    pub async fn count_all(&self, index: &str) -> Result<u64, PortError> {
        self.count_body(index, &json!({ "query": { "match_all": {} } })).await
    }

    /// The number of documents of an index or alias that a request body finds; zero without an index.
    async fn count_body(&self, name: &str, body: &Value) -> Result<u64, PortError> {
        let response = self.read(name, Method::Post, &format!("/{name}/_count"), Some(body)).await?;
        if response.is_missing_index() {
            return Ok(0);
        }
        if !response.is_success() {
            return Err(response.error(name));
        }
        let CountBody { count, shards } = response.json(name)?;
        if shards.failed > 0 {
            let message = format!("{} shards did not respond", shards.failed);
            return Err(PortError::new(PortErrorKind::Unavailable, name, message));
        }
        Ok(count)
    }

    /// Those of the records that readers of a schema find by their id.
    pub async fn existing(&self, schema: &EntitySchema, keys: &[EntityKey]) -> Result<Vec<EntityKey>, PortError> {
        let alias = self.indices.alias(schema);
        let ids: Vec<String> = keys.iter().map(|key| key.aggregate_id.to_string()).collect();
        let path = format!("/{alias}/_mget?_source=false");
        let response = self.transport.send_json(&alias, Method::Post, &path, &json!({ "ids": ids })).await?;
        if response.is_missing_index() {
            return Ok(Vec::new());
        }
        let MultiGetBody { docs } = response.json(&alias)?;
        if docs.len() != keys.len() {
            let message = format!("{} ids were sent, but the response has {}", keys.len(), docs.len());
            return Err(PortError::new(PortErrorKind::OutcomeUnknown, alias, message));
        }
        let found = keys.iter().zip(docs).map(|(key, doc)| Ok(doc.exists(&alias)?.then(|| key.clone())));
        found.filter_map(Result::transpose).collect()
    }

    /// Fills a page with the hits that match what OpenSearch could not check. Returns the number of all of
    /// them, for which it looks at every hit.
    async fn scan(
        &self,
        alias: &str,
        query: &TranslatedQuery,
        order: &HitOrder<'_>,
        page: &mut HitPage<'_>,
    ) -> Result<u64, PortError> {
        let (start, mut skip) = match &page.query.start {
            PageStart::Offset(offset) => (PageStart::Offset(0), *offset),
            after @ PageStart::After(_) => (after.clone(), 0),
        };
        let portions = Portions::new(query.body(), order, &start, SCAN_PORTION);
        let taken = self.walk(alias, portions, |hit| {
            if !is_match(query, hit)? {
                return Ok(ControlFlow::Continue(()));
            }
            if skip > 0 {
                skip -= 1;
                return Ok(ControlFlow::Continue(()));
            }
            page.add(hit)
        });
        taken.await?;
        self.count_checked(alias, query).await
    }

    /// The number of hits that match what OpenSearch could not check.
    async fn count_checked(&self, alias: &str, query: &TranslatedQuery) -> Result<u64, PortError> {
        let portions = Portions::new(query.body(), &HitOrder::by_id(), &PageStart::Offset(0), SCAN_PORTION);
        let mut count = 0;
        let counted = self.walk(alias, portions, |hit| {
            count += u64::from(is_match(query, hit)?);
            Ok(ControlFlow::Continue(()))
        });
        counted.await?;
        Ok(count)
    }

    /// Calls `take` with each hit, in order, until it breaks. Returns how many documents the query finds.
    async fn walk(
        &self,
        alias: &str,
        mut portions: Portions,
        mut take: impl FnMut(&Hit<'_>) -> Result<ControlFlow<()>, PortError> + Send,
    ) -> Result<u64, PortError> {
        let mut total = None;
        loop {
            let max_bytes = portions.max_bytes();
            let response = match self.page(alias, portions.body(), max_bytes).await? {
                Limited::Read(response) => response,
                Limited::TooLarge(bytes) => {
                    portions.shrink(bytes);
                    continue;
                }
            };
            if response.is_missing_index() {
                return Ok(0);
            }
            let end = portions.take(&response, alias, &mut total, |hit| {
                self.indices.forget_unless(alias, &hit.index);
                take(hit)
            });
            if let PortionEnd::End = end? {
                return Ok(total.unwrap_or_default());
            }
        }
    }

    async fn page(&self, alias: &str, body: &Value, max_bytes: Option<u64>) -> Result<Limited, PortError> {
        let path = format!("/{alias}/_search?allow_partial_search_results=false");
        let body = Bytes::from(body.to_string());
        let limited = self.transport.read_limited(alias, Method::Post, &path, Some(body.clone()), max_bytes).await?;
        match limited {
            Limited::Read(response) if response.is_missing_index() => {
                self.indices.forget(alias);
                self.transport.read_limited(alias, Method::Post, &path, Some(body), max_bytes).await
            }
            limited => Ok(limited),
        }
    }

    /// Sends a read, and once more where the index is missing: a rebuild may have swapped it meanwhile.
    async fn read(&self, name: &str, method: Method, path: &str, body: Option<&Value>) -> Result<Response, PortError> {
        let body = body.map(|body| Bytes::from(body.to_string()));
        let response = self.transport.read(name, method, path, body.clone()).await?;
        if !response.is_missing_index() {
            return Ok(response);
        }
        self.indices.forget(name);
        self.transport.read(name, method, path, body).await
    }
}

/// Whether a hit matches what OpenSearch could not check.
fn is_match(query: &TranslatedQuery, hit: &Hit<'_>) -> Result<bool, PortError> {
    query.matches(&hit.source.search_text, hit.source.entity).map_err(|error| hit.corrupt(error))
}

/// Refuses a page that OpenSearch would refuse.
fn check_window(alias: &str, start: &PageStart, limit: u64) -> Result<(), PortError> {
    match start {
        PageStart::Offset(offset) if offset.saturating_add(limit) >= MAX_RESULT_WINDOW => {
            let message = format!("pages end before result {MAX_RESULT_WINDOW}: continue by cursor");
            Err(PortError::new(PortErrorKind::Rejected, alias, message))
        }
        _ => Ok(()),
    }
}

fn is_not_found(response: &Response) -> bool {
    #[derive(Deserialize)]
    struct GetBody {
        found: bool,
    }
    serde_json::from_slice::<GetBody>(&response.body).is_ok_and(|body| !body.found)
}
