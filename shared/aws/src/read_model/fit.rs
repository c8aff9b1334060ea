//! What stands behind an alias, and whether it fits the definitions.
//!
//! Promises that an index of an older definition goes on serving what it can until it is rebuilt,
//! that a query it cannot answer is refused with the remedy, and that an index nobody here made is
//! left alone. What fits is looked at once in a process, what does not again after some seconds.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use annals_application::ports::{PortError, PortErrorKind};
use annals_domain::definition::{EntitySchema, current_digest};
use opensearch::http::Method;
use serde_json::Value;
use tokio::time::Instant;

use crate::read_model::connect::OpenSearch;
use crate::read_model::failure::Unusable;
use crate::read_model::mapping::{LAYOUT, META, digest, paths};

/// How long an index that lacks a place is taken to lack it: a rebuild may have ended meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// An index as it was seen behind its alias.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) index: String,
    layout: u64,
    digest: String,
    /// What each path is indexed as.
    places: HashMap<String, String>,
    at: Instant,
}

impl Seen {
    /// Reads a mapping; `None` where it is not one that Annals made.
    pub(crate) fn of(index: &str, mapping: &Value) -> Option<Self> {
        let meta = &mapping["_meta"][META];
        let mut places = HashMap::new();
        collect("", &mapping["properties"], &mut places);
        Some(Self {
            index: index.to_owned(),
            layout: meta["layout"].as_u64()?,
            digest: current_digest(meta["digest"].as_str()?).to_owned(),
            places,
            at: Instant::now(),
        })
    }

    fn has(&self, path: &str, indexed_as: &str) -> bool {
        self.places.get(path).is_some_and(|there| there == indexed_as)
    }

    /// The places of a schema that it has not.
    fn missing(&self, schema: &EntitySchema) -> Vec<String> {
        let missing = paths(schema).into_iter().filter(|(path, indexed_as)| !self.has(path, indexed_as));
        missing.map(|(path, _)| path).collect()
    }
}

fn collect(parent: &str, properties: &Value, places: &mut HashMap<String, String>) {
    for (name, property) in properties.as_object().into_iter().flatten() {
        let path = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
        match property["type"].as_str() {
            Some(kind) => drop(places.insert(path, kind.to_owned())),
            None => collect(&path, &property["properties"], places),
        }
    }
}

/// Something about an index that an operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexIssue {
    /// The alias readers use.
    pub alias: String,
    /// The entity type, as `annals rebuild` takes it.
    pub aggregate_type: String,
    /// What is the matter.
    pub problem: IndexProblem,
}

/// What may be the matter with an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexProblem {
    /// There is none yet; the first document makes it.
    Missing,
    /// It was made from another definition; it serves, but for fields that have no place in it.
    OtherDefinition {
        /// The index behind the alias.
        index: String,
        /// The places it has not.
        missing: Vec<String>,
    },
    /// It is of another layout than this program's; it serves what it can.
    OtherLayout {
        /// The index behind the alias.
        index: String,
        /// Its layout.
        layout: u64,
    },
    /// What bears the name was not made by Annals, and is left alone.
    Foreign(String),
}

impl fmt::Display for IndexIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { alias, aggregate_type, problem } = self;
        match problem {
            IndexProblem::Missing => write!(f, "`{alias}` is not there yet; the first document makes it"),
            IndexProblem::OtherDefinition { index, missing } if missing.is_empty() => {
                write!(f, "`{index}` was made from another definition: run `annals rebuild {aggregate_type}`")
            }
            IndexProblem::OtherDefinition { index, missing } => {
                let missing = missing.join(", ");
                write!(f, "`{index}` was made from another definition and has no place for {missing}: ")?;
                write!(f, "run `annals rebuild {aggregate_type}`")
            }
            IndexProblem::OtherLayout { index, layout } => {
                write!(f, "`{index}` is of layout {layout}, this program of {LAYOUT}: ")?;
                write!(f, "run `annals rebuild {aggregate_type}`")
            }
            IndexProblem::Foreign(reason) => write!(f, "`{alias}` was not made by Annals: {reason}"),
        }
    }
}

/// What an alias leads to.
enum Behind {
    Nothing,
    Ours(Seen),
    Foreign(String),
}

impl OpenSearch {
    /// The index behind a schema's alias; `None` where there is none. One that was not made here is
    /// refused.
    pub(crate) async fn seen(&self, schema: &EntitySchema) -> Result<Option<Arc<Seen>>, Unusable> {
        let alias = self.alias(schema);
        if let Some(seen) = self.known().get(&alias) {
            return Ok(Some(Arc::clone(seen)));
        }
        match self.look(&alias).await? {
            Behind::Nothing => Ok(None),
            Behind::Foreign(reason) => Err(Unusable::Alone(foreign(&alias, &reason))),
            Behind::Ours(seen) => {
                let seen = Arc::new(seen);
                self.known().insert(alias, Arc::clone(&seen));
                Ok(Some(seen))
            }
        }
    }

    /// The same for a query, which must find a place for each path it names.
    pub(crate) async fn seen_with(
        &self,
        schema: &EntitySchema,
        named: &[(String, &'static str)],
    ) -> Result<Option<Arc<Seen>>, PortError> {
        let lacks = |seen: &Seen| named.iter().find(|(path, indexed_as)| !seen.has(path, indexed_as)).cloned();
        let Some(mut seen) = self.seen(schema).await? else { return Ok(None) };
        if lacks(&seen).is_some() && seen.at.elapsed() >= LOOK_AGAIN {
            self.forget(&self.alias(schema));
            let Some(newer) = self.seen(schema).await? else { return Ok(None) };
            seen = newer;
        }
        let Some((path, _)) = lacks(&seen) else { return Ok(Some(seen)) };
        let message = format!(
            "it has no place for `{path}`, since it was made from another definition: run `annals rebuild {}`",
            schema.aggregate_type()
        );
        Err(PortError::new(PortErrorKind::Misconfigured, &seen.index, message))
    }

    /// What an operator should know about the indices of these schemas.
    pub async fn check(&self, schemas: &[EntitySchema]) -> Result<Vec<IndexIssue>, PortError> {
        let mut issues = Vec::new();
        for schema in schemas {
            let alias = self.alias(schema);
            let problem = match self.look(&alias).await? {
                Behind::Nothing => Some(IndexProblem::Missing),
                Behind::Foreign(reason) => Some(IndexProblem::Foreign(reason)),
                Behind::Ours(seen) => misfit(seen, schema),
            };
            let aggregate_type = schema.aggregate_type().to_string();
            issues.extend(problem.map(|problem| IndexIssue { alias, aggregate_type, problem }));
        }
        Ok(issues)
    }

    async fn look(&self, alias: &str) -> Result<Behind, PortError> {
        let answer = self.ask(alias, Method::Get, &format!("/{alias}/_mapping"), None).await?;
        if answer.misses_index() {
            return Ok(Behind::Nothing);
        }
        let found: HashMap<String, Value> = answer.read(alias)?;
        if found.len() > 1 {
            let mut names: Vec<_> = found.into_keys().collect();
            names.sort();
            return Ok(Behind::Foreign(format!("there are several indices behind it, {}", names.join(" and "))));
        }
        let Some((index, body)) = found.into_iter().next() else { return Ok(Behind::Nothing) };
        if index == alias {
            return Ok(Behind::Foreign("it is an index, where an alias is to be".to_owned()));
        }
        Ok(match Seen::of(&index, &body["mappings"]) {
            Some(seen) => Behind::Ours(seen),
            None => Behind::Foreign(format!("the index `{index}` says nothing of its definition")),
        })
    }

    /// Forgets what stood behind an alias, so that it is looked at anew.
    pub(crate) fn forget(&self, alias: &str) {
        self.known().remove(alias);
    }

    /// Forgets what stood behind an alias, if `index` shows that another stands there now.
    pub(crate) fn notice(&self, alias: &str, index: &str) {
        let mut known = self.known();
        if known.get(alias).is_some_and(|seen| seen.index != index) {
            known.remove(alias);
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Arc<Seen>>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn misfit(seen: Seen, schema: &EntitySchema) -> Option<IndexProblem> {
    if seen.layout != LAYOUT {
        return Some(IndexProblem::OtherLayout { index: seen.index, layout: seen.layout });
    }
    let missing = seen.missing(schema);
    let is_same = seen.digest == digest(schema) && missing.is_empty();
    (!is_same).then_some(IndexProblem::OtherDefinition { index: seen.index, missing })
}

/// An index that was not made here is neither written nor read.
pub(crate) fn foreign(alias: &str, reason: &str) -> PortError {
    let message = format!("it was not made by Annals: {reason}; give it another name, or set another prefix");
    PortError::new(PortErrorKind::Misconfigured, alias, message)
}
