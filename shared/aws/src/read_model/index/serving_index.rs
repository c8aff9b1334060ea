//! The index behind an alias, as its mapping describes it.

use std::cmp;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use annals_domain::definition::{EntitySchema, current_digest};
use serde_json::Value;
use tokio::time::Instant;

use crate::read_model::index::issue::IndexProblem;
use crate::read_model::index::mapping::{IndexedField, LAYOUT, META, digest};

/// How long a mapping without some field is trusted: a rebuild may have replaced the index since.
const RECHECK_AFTER: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct ServingIndex {
    name: String,
    layout: u64,
    digest: String,
    /// The OpenSearch type of each path.
    fields: HashMap<String, String>,
    /// Whether each document has the halves of its id, as far as is known. An earlier release writes none.
    has_halves: AtomicBool,
    read_at: Instant,
}

impl ServingIndex {
    /// Reads a mapping; `None` where Annals did not create it.
    pub(crate) fn of(name: &str, mapping: &Value) -> Option<Self> {
        let meta = &mapping["_meta"][META];
        let mut fields = HashMap::new();
        collect_fields("", &mapping["properties"], &mut fields);
        let index = Self {
            name: name.to_owned(),
            layout: meta["layout"].as_u64()?,
            digest: current_digest(meta["digest"].as_str()?).to_owned(),
            fields,
            has_halves: AtomicBool::new(true),
            read_at: Instant::now(),
        };
        if index.first_missing(&IndexedField::id_halves()).is_some() {
            index.set_incomplete_halves();
        }
        Some(index)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The first of these fields that the index does not have.
    pub(crate) fn first_missing<'a>(&self, fields: &'a [IndexedField]) -> Option<&'a IndexedField> {
        fields.iter().find(|field| !self.has(field))
    }

    /// Whether hits can be sorted by the halves of their ids.
    pub(crate) fn has_halves(&self) -> bool {
        self.has_halves.load(Ordering::Relaxed)
    }

    /// Says that some document does not have the halves of its id.
    pub(crate) fn set_incomplete_halves(&self) {
        self.has_halves.store(false, Ordering::Relaxed);
    }

    /// Whether the mapping is so old that the index may have been replaced since.
    pub(crate) fn may_be_outdated(&self) -> bool {
        self.read_at.elapsed() >= RECHECK_AFTER
    }

    /// The difference between this index and one created from the schema now.
    pub(crate) fn problem(self, schema: &EntitySchema) -> Option<IndexProblem> {
        let fields = IndexedField::all_of(schema).into_iter();
        let missing: Vec<String> = fields.filter(|field| !self.has(field)).map(|field| field.path).collect();
        let is_of_definition = self.digest == digest(schema) && missing.is_empty();
        let (index, layout) = (self.name, self.layout);
        match layout.cmp(&LAYOUT) {
            cmp::Ordering::Greater => Some(IndexProblem::NewerLayout { index, layout }),
            _ if !is_of_definition => Some(IndexProblem::OtherDefinition { index, missing }),
            cmp::Ordering::Less => Some(IndexProblem::OlderLayout { index, layout }),
            cmp::Ordering::Equal => None,
        }
    }

    fn has(&self, field: &IndexedField) -> bool {
        self.fields.get(&field.path).is_some_and(|index_type| index_type == field.index_type)
    }
}

fn collect_fields(parent: &str, properties: &Value, fields: &mut HashMap<String, String>) {
    for (name, property) in properties.as_object().into_iter().flatten() {
        let path = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
        match property["type"].as_str() {
            Some(index_type) => drop(fields.insert(path, index_type.to_owned())),
            None => collect_fields(&path, &property["properties"], fields),
        }
    }
}
