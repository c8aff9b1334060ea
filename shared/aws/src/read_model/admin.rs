//! Making, swapping and dropping numbered indices: what a rebuild is made of.
//!
//! Promises that an alias leads to one index at every moment, and that an index which serves is not
//! dropped. Keeps no state: whoever rebuilds says which index it fills.

use std::collections::{BTreeMap, HashMap};

use annals_application::ports::{Document, IndexOutcome, PortError, PortErrorKind};
use annals_domain::definition::EntitySchema;
use annals_domain::identity::EntityKey;
use opensearch::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::read_model::adapter::{Round, write};
use crate::read_model::bulk::Route;
use crate::read_model::call::Answer;
use crate::read_model::connect::OpenSearch;
use crate::read_model::failure::{Unusable, refused, refused_whole};
use crate::read_model::fit::foreign;
use crate::read_model::index::Taken;
use crate::read_model::mapping;
use crate::read_model::names::{alias_of, number_of, numbered};

/// How often an index is tried to be made while others make some, too.
const ATTEMPTS: usize = 8;
/// How OpenSearch refuses an alias that would lead to two indices.
const SECOND_WRITE_INDEX: &str = "more than one write index";

/// The indices behind the aliases.
#[derive(Debug, Clone)]
pub struct IndexAdmin {
    search: OpenSearch,
}

#[derive(Deserialize)]
struct Aliases {
    aliases: HashMap<String, Value>,
}

/// What came of making an index.
enum Made {
    Yes,
    /// Another was quicker.
    TakenMeanwhile,
}

impl IndexAdmin {
    /// Over that connection.
    pub fn new(search: OpenSearch) -> Self {
        Self { search }
    }

    /// Makes the next index of a schema, which serves nobody yet; gives its name.
    pub async fn create_numbered(&self, schema: &EntitySchema) -> Result<String, PortError> {
        let alias = self.search.alias(schema);
        for _ in 0..ATTEMPTS {
            let index = next(&alias, &self.search.indices_of(&alias).await?);
            if let Made::Yes = self.search.make(schema, &index, None).await? {
                return Ok(index);
            }
        }
        Err(PortError::new(PortErrorKind::Unavailable, alias, "others make its indices at the same time"))
    }

    /// The index that serves a schema.
    pub async fn current(&self, schema: &EntitySchema) -> Result<Option<String>, PortError> {
        self.search.forget(&self.search.alias(schema));
        Ok(self.search.seen(schema).await?.map(|seen| seen.index.clone()))
    }

    /// All indices of a schema, by number: the one that serves, and what rebuilds left.
    pub async fn numbered(&self, schema: &EntitySchema) -> Result<Vec<String>, PortError> {
        let alias = self.search.alias(schema);
        Ok(self.search.indices_of(&alias).await?.into_values().map(|(index, _)| index).collect())
    }

    /// Lets `to` serve a schema where `from` did, in one call. Refused where another serves by now;
    /// done again it is done.
    pub async fn swap(&self, schema: &EntitySchema, from: Option<&str>, to: &str) -> Result<(), PortError> {
        let alias = self.search.alias(schema);
        let remove = from.map(|index| json!({ "remove": { "index": index, "alias": alias, "must_exist": true } }));
        let add = json!({ "add": { "index": to, "alias": alias, "is_write_index": true } });
        let actions: Vec<Value> = remove.into_iter().chain([add]).collect();
        let body = json!({ "actions": actions });
        let answer = self.search.call_json(&alias, Method::Post, "/_aliases", &body).await?;
        self.search.forget(&alias);
        if answer.is_success() || self.current(schema).await?.as_deref() == Some(to) {
            return Ok(());
        }
        let error = refused(&alias, &answer);
        if error.is_retryable() && !answer.says(SECOND_WRITE_INDEX) {
            return Err(error);
        }
        let message = format!("`{to}` cannot take its place: another index serves by now, or one of both is gone");
        Err(PortError::new(PortErrorKind::Rejected, alias, message).caused_by(error))
    }

    /// Shows searches of an index all that was written to it.
    pub async fn refresh(&self, index: &str) -> Result<(), PortError> {
        let path = format!("/{index}/_refresh");
        let answer = self.search.call(index, Method::Post, &path, &[], None).await?;
        let answer: Value = answer.read(index)?;
        match answer["_shards"]["failed"].as_u64() {
            Some(0) => Ok(()),
            _ => Err(PortError::new(PortErrorKind::Unavailable, index, "not every shard was refreshed")),
        }
    }

    /// Drops an index; one that serves is refused, one that is gone is dropped.
    pub async fn delete(&self, index: &str) -> Result<(), PortError> {
        let rejected = |message: &str| Err(PortError::new(PortErrorKind::Rejected, index, message));
        let Some(alias) = alias_of(index) else { return rejected("it is no numbered index") };
        let all = self.search.indices_of(alias).await?;
        if all.values().any(|(other, serves)| other == index && *serves) {
            return rejected("it serves readers and is not dropped");
        }
        let answer = self.search.call(index, Method::Delete, &format!("/{index}"), &[], None).await?;
        if answer.is_success() || answer.misses_index() { Ok(()) } else { Err(refused(index, &answer)) }
    }

    /// How many documents an index has, deleted entities among them; as of its last refresh.
    pub async fn count(&self, index: &str) -> Result<u64, PortError> {
        self.search.count_in(index, &json!({ "query": { "match_all": {} } })).await
    }

    /// Which of these records readers of a schema find.
    pub async fn holds(&self, schema: &EntitySchema, keys: &[EntityKey]) -> Result<Vec<EntityKey>, PortError> {
        let alias = self.search.alias(schema);
        let ids: Vec<String> = keys.iter().map(|key| key.aggregate_id.to_string()).collect();
        let path = format!("/{alias}/_mget?_source=false");
        let answer = self.search.call_json(&alias, Method::Post, &path, &json!({ "ids": ids })).await?;
        if answer.misses_index() {
            return Ok(Vec::new());
        }
        let answer: Value = answer.read(&alias)?;
        let found = |id: &str| {
            let docs = answer["docs"].as_array().map_or(&[][..], Vec::as_slice);
            docs.iter().any(|doc| doc["_id"] == id && doc["found"] == true)
        };
        Ok(keys.iter().zip(&ids).filter(|(_, id)| found(id)).map(|(key, _)| key.clone()).collect())
    }

    /// The digest of what an index of a schema is made from.
    pub fn digest(schema: &EntitySchema) -> &str {
        mapping::digest(schema)
    }

    /// Writes documents into one index, whether it serves or not. The same version is written again,
    /// an older one is not.
    pub async fn index_into(&self, index: &str, documents: &[Document]) -> Result<Vec<IndexOutcome>, PortError> {
        let routes = [Route::Second(index.to_owned())];
        let routes = vec![&routes[..]; documents.len()];
        match write(&self.search, documents, &routes, Taken::SameOrNewer).await? {
            Round { missing, .. } if !missing.is_empty() => {
                Err(PortError::new(PortErrorKind::Misconfigured, index, "the index is not there"))
            }
            Round { outcomes, .. } => Ok(outcomes.into_iter().flatten().collect()),
        }
    }
}

impl OpenSearch {
    /// Makes the index that serves a schema, with its alias in one call; fine where others do.
    /// `was_there` says that one served before.
    pub(crate) async fn make_serving(&self, schema: &EntitySchema, was_there: bool) -> Result<(), Unusable> {
        let alias = self.alias(schema);
        for _ in 0..ATTEMPTS {
            let all = self.indices_of(&alias).await?;
            if all.values().any(|(_, serves)| *serves) {
                return Ok(());
            }
            let index = next(&alias, &all);
            if let Made::Yes = self.make(schema, &index, Some(&alias)).await? {
                tell_made(&index, schema, was_there || !all.is_empty());
                return Ok(());
            }
        }
        Err(PortError::new(PortErrorKind::Unavailable, alias, "it was not there and could not be made").into())
    }

    async fn make(&self, schema: &EntitySchema, index: &str, alias: Option<&str>) -> Result<Made, Unusable> {
        let body = mapping::body(schema, &self.layout, index, alias);
        let answer = self.call_json(index, Method::Put, &format!("/{index}"), &body).await?;
        match answer.status {
            _ if answer.is_success() => Ok(Made::Yes),
            400 if answer.says("resource_already_exists_exception") => Ok(Made::TakenMeanwhile),
            500 if answer.says(SECOND_WRITE_INDEX) => Ok(Made::TakenMeanwhile),
            400 if answer.says("invalid_alias_name_exception") => {
                Err(Unusable::Alone(foreign(alias.unwrap_or(index), "it is an index, where an alias is to be")))
            }
            400 => Err(Unusable::Alone(unmade(index, &answer))),
            _ => Err(refused_whole(index, &answer).into()),
        }
    }

    /// The indices of an alias by their number, each with whether it serves.
    async fn indices_of(&self, alias: &str) -> Result<BTreeMap<u32, (String, bool)>, PortError> {
        let answer = self.ask(alias, Method::Get, &format!("/{alias}-*/_alias"), None).await?;
        if answer.misses_index() {
            return Ok(BTreeMap::new());
        }
        let found: HashMap<String, Aliases> = answer.read(alias)?;
        let of_alias = |(index, Aliases { aliases }): (String, Aliases)| {
            let serves = aliases.contains_key(alias);
            number_of(alias, &index).map(|number| (number, (index, serves)))
        };
        Ok(found.into_iter().filter_map(of_alias).collect())
    }
}

/// An index beside which there are or were others lacks what was in them, unless a rebuild fills it.
fn tell_made(index: &str, schema: &EntitySchema, has_others: bool) {
    if has_others {
        let aggregate_type = schema.aggregate_type();
        tracing::warn!(
            index,
            "an empty index was made where none served any more: run `annals rebuild {aggregate_type}`, unless one runs"
        );
    } else {
        tracing::info!(index, "index made");
    }
}

fn next(alias: &str, all: &BTreeMap<u32, (String, bool)>) -> String {
    numbered(alias, all.last_key_value().map_or(1, |(last, _)| last + 1))
}

/// A refusal of the cluster's own: too many shards, a name that does not fit. No record is in it.
fn unmade(index: &str, answer: &Answer) -> PortError {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let reason = body["error"]["reason"].as_str().unwrap_or("no reason given");
    PortError::new(PortErrorKind::Misconfigured, index, format!("it cannot be made: {reason}"))
}
