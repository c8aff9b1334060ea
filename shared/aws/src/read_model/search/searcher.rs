//! Reads documents: one by its id, a page of a query, or the number of a query's results.
//!
//! A result is complete: where a shard did not respond, there is an error and not a part of the result.

use std::ops::ControlFlow;

use annals_application::ports::{
    Added, BoundedPage, EntityQuery, FoundPage, PageStart, PortError, PortErrorKind, ReadDocument,
};
use annals_application::queries::MAX_RESULT_WINDOW;
use annals_domain::definition::EntitySchema;
use annals_domain::identity::{AggregateId, EntityKey};
use bytes::Bytes;
use opensearch::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::read_model::index::IndexCatalog;
use crate::read_model::search::hits::{Hit, PortionEnd, Portions, documents, found_documents};
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
        let alias = self.indices.alias(&query.schema);
        let first = query.limit.saturating_add(1);
        check_window(&alias, &query.start, query.limit)?;
        let fields = [translated.fields.clone(), HitOrder::fields(query)].concat();
        let Some(index) = self.indices.serving_fields(&query.schema, &fields).await? else {
            return Ok(FoundPage::empty());
        };
        let order = HitOrder::of(query, &index);
        let mut page = HitPage::new(query, &order);
        if translated.has_unchecked() {
            let count = self.scan(&alias, &translated, query, &order, &mut page).await?;
            return Ok(page.finish(count));
        }
        let portions = Portions::new(translated.body(), &order, &query.start, first);
        let count = self.walk(&alias, portions, |hit| page.add(hit)).await?;
        Ok(page.finish(count))
    }

    /// The number of documents that a query finds.
    pub(crate) async fn count(&self, query: &EntityQuery) -> Result<u64, PortError> {
        let Some(translated) = TranslatedQuery::of(query) else { return Ok(0) };
        let alias = self.indices.alias(&query.schema);
        let Some(index) = self.indices.serving_fields(&query.schema, &translated.fields).await? else {
            return Ok(0);
        };
        if translated.has_unchecked() {
            let unordered = EntityQuery::first(query.schema.clone(), 0);
            let order = HitOrder::of(&unordered, &index);
            let portions = Portions::new(translated.body(), &order, &PageStart::Offset(0), SCAN_PORTION);
            return self.count_checked(&alias, &translated, portions).await;
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
        let body: Value = response.json(&alias)?;
        let is_found = |id: &str| {
            let docs = body["docs"].as_array().map_or(&[][..], Vec::as_slice);
            docs.iter().any(|doc| doc["_id"] == id && doc["found"] == true)
        };
        Ok(keys.iter().zip(&ids).filter(|(_, id)| is_found(id)).map(|(key, _)| key.clone()).collect())
    }

    /// Fills a page with the hits that match what OpenSearch could not check. Returns the number of all of
    /// them, for which it looks at every hit.
    async fn scan(
        &self,
        alias: &str,
        query: &TranslatedQuery,
        asked: &EntityQuery,
        order: &HitOrder<'_>,
        page: &mut HitPage<'_>,
    ) -> Result<u64, PortError> {
        let (start, mut skip) = match &asked.start {
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
        let portions = Portions::new(query.body(), order, &PageStart::Offset(0), SCAN_PORTION);
        self.count_checked(alias, query, portions).await
    }

    /// The number of hits that match what OpenSearch could not check.
    async fn count_checked(&self, alias: &str, query: &TranslatedQuery, portions: Portions) -> Result<u64, PortError> {
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

/// A page that is filled with hits.
struct HitPage<'q> {
    query: &'q EntityQuery,
    order: &'q HitOrder<'q>,
    page: BoundedPage<ReadDocument>,
    /// The sort values of the last document.
    last: Option<String>,
    ended_at: Option<AggregateId>,
}

impl<'q> HitPage<'q> {
    fn new(query: &'q EntityQuery, order: &'q HitOrder<'q>) -> Self {
        Self { query, order, page: BoundedPage::new(query.limit, query.max_bytes), last: None, ended_at: None }
    }

    fn add(&mut self, hit: &Hit<'_>) -> Result<ControlFlow<()>, PortError> {
        let json = match &self.query.fields {
            Some(fields) => fields.of(hit.source.entity).map_err(|error| corrupt(hit, error))?,
            None => hit.source.entity.to_owned(),
        };
        let bytes = json.get().len();
        let (document, bytes) = (hit.source.document(json), bytes);
        let id = document.aggregate_id;
        if self.page.add(document, bytes) == Added::No {
            self.ended_at = Some(id);
            return Ok(ControlFlow::Break(()));
        }
        self.last = hit.sort.map(|sort| sort.get().to_owned());
        Ok(ControlFlow::Continue(()))
    }

    fn finish(self, count: u64) -> FoundPage {
        let last = self.last.and_then(|sort| self.order.position(&sort));
        let (documents, end) = self.page.finish();
        FoundPage { documents, count, end, last, ended_at: self.ended_at }
    }
}

/// Whether a hit matches what OpenSearch could not check.
fn is_match(query: &TranslatedQuery, hit: &Hit<'_>) -> Result<bool, PortError> {
    query.matches(&hit.source.search_text, hit.source.entity).map_err(|error| corrupt(hit, error))
}

fn corrupt(hit: &Hit<'_>, error: serde_json::Error) -> PortError {
    PortError::new(PortErrorKind::Corrupt, &*hit.index, "the entity of a document cannot be read").caused_by(error)
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
