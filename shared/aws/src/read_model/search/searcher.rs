//! Reads documents: one by its id, a page of a query, or the number of a query's results.
//!
//! A result is complete: where a shard did not respond, there is an error and not a part of the result.

use std::borrow::Cow;

use annals_application::ports::{EntityQuery, PortError, PortErrorKind, ReadDocument};
use annals_application::queries::MAX_RESULT_WINDOW;
use annals_domain::definition::EntitySchema;
use annals_domain::identity::{AggregateId, EntityKey};
use annals_domain::position::Version;
use bytes::Bytes;
use opensearch::http::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::read_model::index::IndexCatalog;
use crate::read_model::search::query::TranslatedQuery;
use crate::read_model::transport::{Response, Transport};

const SCAN_PAGE: u64 = 200;

/// Reads documents. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Searcher {
    transport: Transport,
    indices: IndexCatalog,
}

#[derive(Deserialize)]
struct SearchPage<'a> {
    #[serde(borrow)]
    hits: Hits<'a>,
}

#[derive(Deserialize)]
struct Hits<'a> {
    #[serde(borrow)]
    hits: Vec<Hit<'a>>,
}

/// One document, as a search or a read by id returns it.
#[derive(Deserialize)]
struct Hit<'a> {
    #[serde(borrow, rename = "_index")]
    index: Cow<'a, str>,
    #[serde(borrow, rename = "_source")]
    source: Source<'a>,
    /// The sort values, from which the next page continues.
    #[serde(borrow, default)]
    sort: Option<&'a RawValue>,
}

/// The fields of a document that are read.
#[derive(Deserialize)]
struct Source<'a> {
    aggregate_id: AggregateId,
    version: u64,
    #[serde(borrow)]
    entity_name: Cow<'a, str>,
    #[serde(borrow)]
    entity: &'a RawValue,
    #[serde(borrow, default)]
    search_text: Cow<'a, str>,
}

impl Source<'_> {
    fn document(&self) -> ReadDocument {
        let Self { aggregate_id, version, entity, .. } = self;
        ReadDocument { aggregate_id: *aggregate_id, version: Version::new(*version), json: (*entity).to_owned() }
    }
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

struct ScanRange {
    skip: u64,
    take: u64,
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
        Ok(is_of_schema.then(|| source.document()))
    }

    pub(crate) async fn search(&self, query: &EntityQuery) -> Result<Vec<ReadDocument>, PortError> {
        let translated = TranslatedQuery::of(query)?;
        let alias = self.indices.alias(&query.schema);
        let (offset, limit) = (query.offset, query.limit);
        if offset.saturating_add(limit) > MAX_RESULT_WINDOW {
            let message = format!("pages end at result {MAX_RESULT_WINDOW}: narrow the query with a filter");
            return Err(PortError::new(PortErrorKind::Rejected, alias, message));
        }
        let has_index = self.indices.serves(&query.schema, &translated.fields).await?;
        if !has_index || translated.is_impossible || limit == 0 {
            return Ok(Vec::new());
        }
        if translated.words.has_unchecked_words() {
            let (found, _) = self.scan(&alias, &translated, ScanRange { skip: offset, take: limit }).await?;
            return Ok(found);
        }
        let response = self.page(&alias, &translated.page_body(offset, limit)).await?;
        let Some(response) = response else { return Ok(Vec::new()) };
        let SearchPage { hits: Hits { hits } } = documents(&response, &alias)?;
        if let Some(hit) = hits.first() {
            self.indices.forget_unless(&alias, &hit.index);
        }
        Ok(hits.iter().map(|hit| hit.source.document()).collect())
    }

    /// The number of documents that a query finds.
    pub(crate) async fn count(&self, query: &EntityQuery) -> Result<u64, PortError> {
        let translated = TranslatedQuery::of(query)?;
        let alias = self.indices.alias(&query.schema);
        let has_index = self.indices.serves(&query.schema, &translated.fields).await?;
        if !has_index || translated.is_impossible {
            return Ok(0);
        }
        if translated.words.has_unchecked_words() {
            return Ok(self.scan(&alias, &translated, ScanRange { skip: u64::MAX, take: 0 }).await?.1);
        }
        self.count_body(&alias, &translated.count_body()).await
    }

    /// The documents of a schema that a request body finds; none without an index.
    pub(crate) async fn documents_of(
        &self,
        schema: &EntitySchema,
        body: &Value,
    ) -> Result<Vec<ReadDocument>, PortError> {
        let alias = self.indices.alias(schema);
        if !self.indices.serves(schema, &[]).await? {
            return Ok(Vec::new());
        }
        let Some(response) = self.page(&alias, body).await? else { return Ok(Vec::new()) };
        let SearchPage { hits: Hits { hits } } = documents(&response, &alias)?;
        Ok(hits.iter().map(|hit| hit.source.document()).collect())
    }

    /// The number of documents of a schema that a request body finds.
    pub(crate) async fn count_of(&self, schema: &EntitySchema, body: &Value) -> Result<u64, PortError> {
        let alias = self.indices.alias(schema);
        if self.indices.serves(schema, &[]).await? { self.count_body(&alias, body).await } else { Ok(0) }
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

    /// Reads the hits of a query page by page and checks the words that OpenSearch could not. Returns the matches in
    /// `range`, and how many matches there were up to the last of these.
    async fn scan(
        &self,
        alias: &str,
        query: &TranslatedQuery,
        range: ScanRange,
    ) -> Result<(Vec<ReadDocument>, u64), PortError> {
        let mut body = query.page_body(0, SCAN_PAGE);
        let (mut found, mut matched) = (Vec::new(), 0_u64);
        loop {
            let Some(response) = self.page(alias, &body).await? else { return Ok((found, matched)) };
            let SearchPage { hits: Hits { hits } } = documents(&response, alias)?;
            for hit in hits.iter().filter(|hit| query.words.matches(&hit.source.search_text)) {
                matched += 1;
                if matched > range.skip {
                    found.push(hit.source.document());
                }
                if range.take > 0 && found.len() as u64 == range.take {
                    return Ok((found, matched));
                }
            }
            let last = hits.last().and_then(|hit| hit.sort).filter(|_| hits.len() as u64 == SCAN_PAGE);
            let Some(last) = last else { return Ok((found, matched)) };
            body["search_after"] = serde_json::from_str(last.get()).unwrap_or_default();
        }
    }

    /// One page of hits; `None` without an index.
    async fn page(&self, alias: &str, body: &Value) -> Result<Option<Response>, PortError> {
        let path = format!("/{alias}/_search?allow_partial_search_results=false");
        let response = self.read(alias, Method::Post, &path, Some(body)).await?;
        Ok(if response.is_missing_index() { None } else { Some(response) })
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

fn is_not_found(response: &Response) -> bool {
    #[derive(Deserialize)]
    struct GetBody {
        found: bool,
    }
    serde_json::from_slice::<GetBody>(&response.body).is_ok_and(|body| !body.found)
}

fn documents<'a, T: Deserialize<'a>>(response: &'a Response, alias: &str) -> Result<T, PortError> {
    if !response.is_success() {
        return Err(response.error(alias));
    }
    serde_json::from_slice(&response.body).map_err(|error| {
        let message = "the index contains a document that Annals did not write";
        PortError::new(PortErrorKind::Corrupt, alias, message).caused_by(error)
    })
}
