//! Hits: a page of them, all of them, or how many.
//!
//! Promises that an answer is whole: where a shard did not answer, there is an error and not a part
//! of the truth. A query that a call cannot carry whole is read hit by hit, in its order.

use std::borrow::Cow;

use annals_application::ports::{EntityQuery, PortError, PortErrorKind, ReadDocument};
use annals_application::queries::MAX_RESULT_WINDOW;
use annals_domain::definition::EntitySchema;
use annals_domain::identity::AggregateId;
use annals_domain::position::Version;
use opensearch::http::Method;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::read_model::call::Answer;
use crate::read_model::connect::OpenSearch;
use crate::read_model::failure::refused;
use crate::read_model::query::Plan;

/// How many hits are looked through at once.
const LOOKED_THROUGH: u64 = 200;

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    hits: Hits<'a>,
}

#[derive(Deserialize)]
struct Hits<'a> {
    #[serde(borrow)]
    hits: Vec<Hit<'a>>,
}

/// A document as OpenSearch gives it.
#[derive(Deserialize)]
struct Hit<'a> {
    #[serde(borrow, rename = "_index")]
    index: Cow<'a, str>,
    #[serde(borrow, rename = "_source")]
    source: Source<'a>,
    /// Where it stands in the order.
    #[serde(borrow, default)]
    sort: Option<&'a RawValue>,
}

/// What of a document is read.
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
struct Counted {
    count: u64,
    #[serde(rename = "_shards")]
    shards: Shards,
}

#[derive(Deserialize)]
struct Shards {
    failed: u64,
}

/// What hits a query wants.
struct Wanted {
    skip: u64,
    take: u64,
}

impl OpenSearch {
    /// One document by its id, as it was last written.
    pub(crate) async fn get(&self, schema: &EntitySchema, id: AggregateId) -> Result<Option<ReadDocument>, PortError> {
        let alias = self.alias(schema);
        let path = format!("/{alias}/_doc/{id}");
        let answer = self.read(&alias, Method::Get, &path, None).await?;
        if answer.status == 404 && (answer.misses_index() || says_not_found(&answer)) {
            return Ok(None);
        }
        let hit: Hit<'_> = documents(&answer, &alias)?;
        self.notice(&alias, &hit.index);
        let is_of_schema = match schema {
            EntitySchema::Defined(_) => true,
            EntitySchema::Open(object) => object.as_str() == hit.source.entity_name,
        };
        Ok(is_of_schema.then(|| hit.source.document()))
    }

    /// One page of a query.
    pub(crate) async fn search(&self, query: &EntityQuery) -> Result<Vec<ReadDocument>, PortError> {
        let plan = Plan::of(query)?;
        let alias = self.alias(&query.schema);
        let (offset, limit) = (query.offset, query.limit);
        if offset.saturating_add(limit) > MAX_RESULT_WINDOW {
            let message = format!("pages reach {MAX_RESULT_WINDOW} results; narrow the query by a filter");
            return Err(PortError::new(PortErrorKind::Rejected, alias, message));
        }
        let seen = self.seen_with(&query.schema, &plan.named).await?;
        if seen.is_none() || !plan.can_hold || limit == 0 {
            return Ok(Vec::new());
        }
        if !plan.search.unasked.is_empty() {
            let (found, _) = self.scan(&alias, &plan, Wanted { skip: offset, take: limit }).await?;
            return Ok(found);
        }
        let answer = self.page(&alias, &plan.to_page(offset, limit)).await?;
        let Some(answer) = answer else { return Ok(Vec::new()) };
        let Page { hits: Hits { hits } } = documents(&answer, &alias)?;
        if let Some(hit) = hits.first() {
            self.notice(&alias, &hit.index);
        }
        Ok(hits.iter().map(|hit| hit.source.document()).collect())
    }

    /// How many documents a query finds.
    pub(crate) async fn count(&self, query: &EntityQuery) -> Result<u64, PortError> {
        let plan = Plan::of(query)?;
        let alias = self.alias(&query.schema);
        let seen = self.seen_with(&query.schema, &plan.named).await?;
        if seen.is_none() || !plan.can_hold {
            return Ok(0);
        }
        if !plan.search.unasked.is_empty() {
            return Ok(self.scan(&alias, &plan, Wanted { skip: u64::MAX, take: 0 }).await?.1);
        }
        self.count_in(&alias, &plan.to_count()).await
    }

    /// How many documents of an index or alias fit a body; none where it is not there.
    pub(crate) async fn count_in(&self, name: &str, body: &Value) -> Result<u64, PortError> {
        let answer = self.read(name, Method::Post, &format!("/{name}/_count"), Some(body)).await?;
        if answer.misses_index() {
            return Ok(0);
        }
        if !answer.is_success() {
            return Err(refused(name, &answer));
        }
        let Counted { count, shards } = answer.read(name)?;
        if shards.failed > 0 {
            let message = format!("{} shards did not answer", shards.failed);
            return Err(PortError::new(PortErrorKind::Unavailable, name, message));
        }
        Ok(count)
    }

    /// Looks through a query's hits for the words it could not be asked; gives those wanted, and how
    /// many there were until they were found.
    async fn scan(&self, alias: &str, plan: &Plan, wanted: Wanted) -> Result<(Vec<ReadDocument>, u64), PortError> {
        let mut body = plan.to_page(0, LOOKED_THROUGH);
        let (mut found, mut matched) = (Vec::new(), 0_u64);
        loop {
            let Some(answer) = self.page(alias, &body).await? else { return Ok((found, matched)) };
            let Page { hits: Hits { hits } } = documents(&answer, alias)?;
            for hit in hits.iter().filter(|hit| plan.search.holds_in(&hit.source.search_text)) {
                matched += 1;
                if matched > wanted.skip {
                    found.push(hit.source.document());
                }
                if wanted.take > 0 && found.len() as u64 == wanted.take {
                    return Ok((found, matched));
                }
            }
            let last = hits.last().and_then(|hit| hit.sort).filter(|_| hits.len() as u64 == LOOKED_THROUGH);
            let Some(last) = last else { return Ok((found, matched)) };
            body["search_after"] = serde_json::from_str(last.get()).unwrap_or_default();
        }
    }

    /// One page; `None` where there is no index.
    async fn page(&self, alias: &str, body: &Value) -> Result<Option<Answer>, PortError> {
        let path = format!("/{alias}/_search?allow_partial_search_results=false");
        let answer = self.read(alias, Method::Post, &path, Some(body)).await?;
        Ok(if answer.misses_index() { None } else { Some(answer) })
    }

    /// A read, made once more where an index was missed: a rebuild may have swapped it meanwhile.
    async fn read(&self, name: &str, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, PortError> {
        let body = body.map(|body| bytes::Bytes::from(body.to_string()));
        let answer = self.ask(name, method, path, body.clone()).await?;
        if !answer.misses_index() {
            return Ok(answer);
        }
        self.forget(name);
        self.ask(name, method, path, body).await
    }
}

fn says_not_found(answer: &Answer) -> bool {
    #[derive(Deserialize)]
    struct Found {
        found: bool,
    }
    serde_json::from_slice::<Found>(&answer.body).is_ok_and(|answer| !answer.found)
}

/// Reads documents; what is no document of ours says so.
fn documents<'a, T: Deserialize<'a>>(answer: &'a Answer, name: &str) -> Result<T, PortError> {
    if !answer.is_success() {
        return Err(refused(name, answer));
    }
    serde_json::from_slice(&answer.body).map_err(|error| {
        let message = "there is a document that Annals did not write";
        PortError::new(PortErrorKind::Corrupt, name, message).caused_by(error)
    })
}
