//! The index catalogue: which index is behind each alias, and how indices are created, swapped and deleted.
//!
//! At every moment an alias leads to one index, and an index that serves readers is never deleted. An index of an
//! older definition serves what it can until it is rebuilt; a query that it cannot answer is refused, with the
//! remedy. An index that Annals did not create is neither read nor written.
//!
//! The mapping behind an alias is read once and then cached. It is read again after a write or a read shows that
//! another index is there, and after ten seconds where a query names a field that the index does not have.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use annals_application::ports::{PortError, PortErrorKind};
use annals_domain::definition::EntitySchema;
use opensearch::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::read_model::index::document_order::DocumentOrder;
use crate::read_model::index::failure::IndexFailure;
use crate::read_model::index::id_halves::IdHalves;
use crate::read_model::index::issue::{IndexIssue, IndexProblem};
use crate::read_model::index::mapping::{self, IndexedField};
use crate::read_model::index::names::{self, alias_of, number_of, numbered};
use crate::read_model::index::serving_index::ServingIndex;
use crate::read_model::transport::{CLUSTER, Response, Transport};

/// How often the creation of an index is tried while other processes create indices, too.
const ATTEMPTS: usize = 8;
/// How OpenSearch refuses a second index behind an alias.
const SECOND_WRITE_INDEX: &str = "more than one write index";
const INDEX_IN_PLACE_OF_ALIAS: &str = "it is an index, where an alias is expected";

/// How indices are named and created.
#[derive(Debug)]
pub(crate) struct IndexSettings {
    pub(crate) prefix: String,
    pub(crate) shards: u32,
    pub(crate) replicas: u32,
}

/// The indices of an installation. Clones share what is known of the aliases.
#[derive(Debug, Clone)]
pub struct IndexCatalog {
    transport: Transport,
    settings: Arc<IndexSettings>,
    /// The index behind each alias, as it was read last.
    serving: Arc<Mutex<HashMap<String, Arc<ServingIndex>>>>,
}

enum AliasTarget {
    Nothing,
    Index(ServingIndex),
    Foreign(String),
}

/// The result of creating an index.
enum Creation {
    Created,
    AlreadyExists,
}

struct NumberedIndex {
    name: String,
    is_serving: bool,
}

#[derive(Deserialize)]
struct Aliases {
    aliases: HashMap<String, Value>,
}

impl IndexCatalog {
    pub(crate) fn new(transport: Transport, settings: IndexSettings) -> Self {
        Self { transport, settings: Arc::new(settings), serving: Arc::default() }
    }

    pub fn digest(schema: &EntitySchema) -> &str {
        mapping::digest(schema)
    }

    /// The layout of the indices that this release creates.
    pub(crate) fn layout() -> u64 {
        mapping::LAYOUT
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.settings.prefix
    }

    pub(crate) fn alias(&self, schema: &EntitySchema) -> String {
        names::alias(self.prefix(), schema)
    }

    /// The index that serves a schema, from the cache where it is known; `None` where there is none.
    pub(crate) async fn serving(&self, schema: &EntitySchema) -> Result<Option<Arc<ServingIndex>>, IndexFailure> {
        let alias = self.alias(schema);
        if let Some(index) = self.cache().get(&alias) {
            return Ok(Some(Arc::clone(index)));
        }
        match self.read_alias(&alias).await? {
            AliasTarget::Nothing => Ok(None),
            AliasTarget::Foreign(reason) => Err(IndexFailure::ThisIndex(foreign(&alias, &reason))),
            AliasTarget::Index(index) => {
                let index = Arc::new(index);
                self.cache().insert(alias, Arc::clone(&index));
                Ok(Some(index))
            }
        }
    }

    /// The index that serves a schema; `None` where there is none. Fails if it does not have one of these fields.
    pub(crate) async fn serving_fields(
        &self,
        schema: &EntitySchema,
        fields: &[IndexedField],
    ) -> Result<Option<Arc<ServingIndex>>, PortError> {
        let Some(mut index) = self.serving(schema).await? else { return Ok(None) };
        if index.first_missing(fields).is_some() && index.may_be_outdated() {
            self.forget(&self.alias(schema));
            let Some(newer) = self.serving(schema).await? else { return Ok(None) };
            index = newer;
        }
        let Some(IndexedField { path, .. }) = index.first_missing(fields) else { return Ok(Some(index)) };
        let message = format!(
            "the index has no field `{path}`, since it was created from another definition: run `annals rebuild {}`",
            schema.aggregate_type()
        );
        Err(PortError::new(PortErrorKind::Misconfigured, index.name(), message))
    }

    /// The index that has taken the place of this one since its mapping was read.
    pub(crate) async fn successor(
        &self,
        schema: &EntitySchema,
        fields: &[IndexedField],
        index: &ServingIndex,
    ) -> Result<Option<Arc<ServingIndex>>, PortError> {
        self.forget(&self.alias(schema));
        let serving = self.serving_fields(schema, fields).await?;
        Ok(serving.filter(|serving| serving.name() != index.name()))
    }

    pub(crate) fn forget(&self, alias: &str) {
        self.cache().remove(alias);
    }

    /// Removes an alias from the cache where a response came from another index than the cached one.
    pub(crate) fn forget_unless(&self, alias: &str, index: &str) {
        let mut cache = self.cache();
        if cache.get(alias).is_some_and(|cached| cached.name() != index) {
            cache.remove(alias);
        }
    }

    fn cache(&self) -> MutexGuard<'_, HashMap<String, Arc<ServingIndex>>> {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The problems of the indices of these schemas.
    pub async fn check(&self, schemas: &[EntitySchema]) -> Result<Vec<IndexIssue>, PortError> {
        let mut issues = Vec::new();
        for schema in schemas {
            let alias = self.alias(schema);
            let problem = match self.read_alias(&alias).await? {
                AliasTarget::Nothing => Some(IndexProblem::Missing),
                AliasTarget::Foreign(reason) => Some(IndexProblem::Foreign(reason)),
                AliasTarget::Index(index) => {
                    let name = index.name().to_owned();
                    match index.problem(schema) {
                        None => self.incomplete_documents(name).await?,
                        problem => problem,
                    }
                }
            };
            let aggregate_type = schema.aggregate_type().to_string();
            issues.extend(problem.map(|problem| IndexIssue { alias, aggregate_type, problem }));
        }
        Ok(issues)
    }

    /// The documents of an index that an earlier release wrote.
    async fn incomplete_documents(&self, index: String) -> Result<Option<IndexProblem>, PortError> {
        let [high, _] = IdHalves::PATHS;
        let body = json!({ "query": { "bool": { "must_not": { "exists": { "field": high } } } } });
        let path = format!("/{index}/_count");
        let response = self.transport.read(&index, Method::Post, &path, Some(body.to_string().into())).await?;
        let body: Value = response.json(&index)?;
        let documents = body["count"].as_u64().filter(|documents| *documents > 0);
        Ok(documents.map(|documents| IndexProblem::IncompleteDocuments { index, documents }))
    }

    async fn read_alias(&self, alias: &str) -> Result<AliasTarget, PortError> {
        let response = self.transport.read(alias, Method::Get, &format!("/{alias}/_mapping"), None).await?;
        if response.is_missing_index() {
            return Ok(AliasTarget::Nothing);
        }
        let found: HashMap<String, Value> = response.json(alias)?;
        if found.len() > 1 {
            let mut names: Vec<_> = found.into_keys().collect();
            names.sort();
            return Ok(AliasTarget::Foreign(format!("the alias has several indices, {}", names.join(" and "))));
        }
        let Some((name, body)) = found.into_iter().next() else { return Ok(AliasTarget::Nothing) };
        if name == alias {
            return Ok(AliasTarget::Foreign(INDEX_IN_PLACE_OF_ALIAS.to_owned()));
        }
        Ok(match ServingIndex::of(&name, &body["mappings"]) {
            Some(index) => AliasTarget::Index(index),
            None => AliasTarget::Foreign(format!("the index `{name}` does not name its definition")),
        })
    }

    /// Creates the next index of a schema, which does not serve readers yet. Returns its name.
    pub async fn create_numbered(&self, schema: &EntitySchema) -> Result<String, PortError> {
        let alias = self.alias(schema);
        for _ in 0..ATTEMPTS {
            let index = next_name(&alias, &self.indices_of(&alias).await?);
            if let Creation::Created = self.create(schema, &index, None).await? {
                return Ok(index);
            }
        }
        let message = "no index could be created: other processes create indices of this alias at the same time";
        Err(PortError::new(PortErrorKind::Unavailable, alias, message))
    }

    /// Creates the index that serves a schema, with its alias in one call. An index that another process has
    /// created is as good. `existed_before` says that an index served before.
    pub(crate) async fn create_serving(&self, schema: &EntitySchema, existed_before: bool) -> Result<(), IndexFailure> {
        let alias = self.alias(schema);
        for _ in 0..ATTEMPTS {
            let all = self.indices_of(&alias).await?;
            if all.values().any(|index| index.is_serving) {
                return Ok(());
            }
            let index = next_name(&alias, &all);
            if let Creation::Created = self.create(schema, &index, Some(&alias)).await? {
                log_created(&index, schema, existed_before || !all.is_empty());
                return Ok(());
            }
        }
        let message = "the index does not exist and could not be created";
        Err(PortError::new(PortErrorKind::Unavailable, alias, message).into())
    }

    async fn create(&self, schema: &EntitySchema, index: &str, alias: Option<&str>) -> Result<Creation, IndexFailure> {
        let IndexSettings { shards, replicas, .. } = *self.settings;
        let about: Value = self.transport.read(CLUSTER, Method::Get, "/", None).await?.json(CLUSTER)?;
        let body = mapping::creation_body(schema, shards, replicas, index, alias, DocumentOrder::on(&about));
        let response = self.transport.send_json(index, Method::Put, &format!("/{index}"), &body).await?;
        match response.status {
            _ if response.is_success() => Ok(Creation::Created),
            400 if response.contains("resource_already_exists_exception") => Ok(Creation::AlreadyExists),
            500 if response.contains(SECOND_WRITE_INDEX) => Ok(Creation::AlreadyExists),
            400 if response.contains("invalid_alias_name_exception") => {
                Err(IndexFailure::ThisIndex(foreign(alias.unwrap_or(index), INDEX_IN_PLACE_OF_ALIAS)))
            }
            400 => Err(IndexFailure::ThisIndex(not_created(index, &response))),
            _ => Err(response.service_error(index).into()),
        }
    }

    pub async fn current(&self, schema: &EntitySchema) -> Result<Option<String>, PortError> {
        self.forget(&self.alias(schema));
        Ok(self.serving(schema).await?.map(|index| index.name().to_owned()))
    }

    /// All indices of a schema in the order of their numbers: the one that serves, and those of rebuilds.
    pub async fn numbered(&self, schema: &EntitySchema) -> Result<Vec<String>, PortError> {
        let alias = self.alias(schema);
        Ok(self.indices_of(&alias).await?.into_values().map(|index| index.name).collect())
    }

    async fn indices_of(&self, alias: &str) -> Result<BTreeMap<u32, NumberedIndex>, PortError> {
        let response = self.transport.read(alias, Method::Get, &format!("/{alias}-*/_alias"), None).await?;
        if response.is_missing_index() {
            return Ok(BTreeMap::new());
        }
        let found: HashMap<String, Aliases> = response.json(alias)?;
        let of_alias = |(name, Aliases { aliases }): (String, Aliases)| {
            let is_serving = aliases.contains_key(alias);
            number_of(alias, &name).map(|number| (number, NumberedIndex { name, is_serving }))
        };
        Ok(found.into_iter().filter_map(of_alias).collect())
    }

    /// Moves the alias of a schema from one index to another, in one call. Idempotent. Rejected where the alias
    /// leads to an index other than `from`.
    pub async fn swap(&self, schema: &EntitySchema, from: Option<&str>, to: &str) -> Result<(), PortError> {
        let alias = self.alias(schema);
        let remove = from.map(|index| json!({ "remove": { "index": index, "alias": alias, "must_exist": true } }));
        let add = json!({ "add": { "index": to, "alias": alias, "is_write_index": true } });
        let actions: Vec<Value> = remove.into_iter().chain([add]).collect();
        let body = json!({ "actions": actions });
        let response = self.transport.send_json(&alias, Method::Post, "/_aliases", &body).await?;
        self.forget(&alias);
        if response.is_success() || self.current(schema).await?.as_deref() == Some(to) {
            return Ok(());
        }
        let error = response.error(&alias);
        if error.is_retryable() && !response.contains(SECOND_WRITE_INDEX) {
            return Err(error);
        }
        let message = format!(
            "the alias cannot move to `{to}`: it has moved to another index meanwhile, or one of both indices is deleted"
        );
        Err(PortError::new(PortErrorKind::Rejected, alias, message).caused_by(error))
    }

    /// Makes all writes to an index visible to searches.
    pub async fn refresh(&self, index: &str) -> Result<(), PortError> {
        let path = format!("/{index}/_refresh");
        let response = self.transport.send(index, Method::Post, &path, &[], None).await?;
        let body: Value = response.json(index)?;
        match body["_shards"]["failed"].as_u64() {
            Some(0) => Ok(()),
            _ => Err(PortError::new(PortErrorKind::Unavailable, index, "some shards were not refreshed")),
        }
    }

    /// Deletes a numbered index. Idempotent. Rejected where the index serves readers.
    pub async fn delete(&self, index: &str) -> Result<(), PortError> {
        let rejected = |message: &str| Err(PortError::new(PortErrorKind::Rejected, index, message));
        let Some(alias) = alias_of(index) else { return rejected("only a numbered index can be deleted") };
        let all = self.indices_of(alias).await?;
        if all.values().any(|other| other.name == index && other.is_serving) {
            return rejected("the index serves readers and is not deleted");
        }
        let response = self.transport.send(index, Method::Delete, &format!("/{index}"), &[], None).await?;
        if response.is_success() || response.is_missing_index() { Ok(()) } else { Err(response.error(index)) }
    }

    /// Succeeds where an index is deleted; for writes that did not find its write alias.
    pub(crate) async fn confirm_deleted(&self, index: &str) -> Result<(), PortError> {
        let response = self.transport.send(index, Method::Head, &format!("/{index}"), &[], None).await?;
        match response.status {
            404 => Ok(()),
            200 => {
                let message = "the index has no write alias of its own";
                Err(PortError::new(PortErrorKind::Misconfigured, index, message))
            }
            _ => Err(response.service_error(index)),
        }
    }
}

/// An empty index beside others lacks their documents, unless a rebuild fills it.
fn log_created(index: &str, schema: &EntitySchema, has_others: bool) {
    if has_others {
        let aggregate_type = schema.aggregate_type();
        tracing::warn!(
            index,
            "no index served this type any more, and an empty one was created: run `annals rebuild {aggregate_type}`, \
             unless a rebuild is running"
        );
    } else {
        tracing::info!(index, "index created");
    }
}

fn next_name(alias: &str, all: &BTreeMap<u32, NumberedIndex>) -> String {
    numbered(alias, all.last_key_value().map_or(1, |(last, _)| last + 1))
}

/// An index that Annals did not create is neither read nor written.
fn foreign(alias: &str, reason: &str) -> PortError {
    let message = format!("it was not created by Annals: {reason}; rename it, or set another prefix");
    PortError::new(PortErrorKind::Misconfigured, alias, message)
}

/// The cluster's own refusal: too many shards, or an invalid name. Its reason contains no values of documents.
fn not_created(index: &str, response: &Response) -> PortError {
    let reason = response.reason().unwrap_or_else(|| "no reason given".to_owned());
    PortError::new(PortErrorKind::Misconfigured, index, format!("the index cannot be created: {reason}"))
}
