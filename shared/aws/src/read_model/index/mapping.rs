//! The mapping of an index: a path for each field that a query may name.
//!
//! The mapping follows from the schema alone, and only its paths are indexed. The path of a field contains its
//! type (`number.amount`). A field whose type changed therefore has a new path, and an older index accepts its
//! documents all the same.

use annals_application::queries::MAX_RESULT_WINDOW;
use annals_domain::definition::{EntitySchema, FieldType, SystemField};
use serde_json::{Map, Value, json};

use crate::read_model::index::document_order::DocumentOrder;
use crate::read_model::index::field_group::FieldGroup;
use crate::read_model::index::id_halves::IdHalves;
use crate::read_model::index::names::write_alias;

/// The version of the layout in this file. Layout 2 brought the halves of the aggregate id and the order of the
/// documents; an index of layout 1 serves every query.
pub(super) const LAYOUT: u64 = 2;
/// The key in `_meta` by which an index says that Annals created it.
pub(super) const META: &str = "annals";
/// The digest of a schema without a definition.
const OPEN_DIGEST: &str = "open";
/// OpenSearch's own default limit of fields in an index.
const TOTAL_FIELDS: usize = 1_000;
/// Room for fields that are not of the definition: system fields, and the objects of the groups.
const OTHER_FIELDS: usize = 32;

/// The entity as readers get it; stored and not indexed.
pub(crate) const ENTITY: &str = "entity";
/// The folded text that searches look into.
pub(crate) const SEARCH_TEXT: &str = "search_text";

/// A path in an index and its OpenSearch type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexedField {
    pub(crate) path: String,
    pub(crate) index_type: &'static str,
}

impl IndexedField {
    pub(crate) fn new(path: impl Into<String>, index_type: &'static str) -> Self {
        Self { path: path.into(), index_type }
    }

    pub(crate) fn in_group(group: FieldGroup, field: &str) -> Self {
        Self { path: group.path(field), index_type: group.index_type() }
    }

    /// A system field that a query may name; `None` for the id, which is a mapped field.
    pub(crate) fn system(field: SystemField) -> Option<Self> {
        let index_type = match field {
            SystemField::Id => return None,
            SystemField::Version => "long",
            _ => FieldGroup::of(field.query_type()?).index_type(),
        };
        Some(Self::new(field.name(), index_type))
    }

    /// The fields by which documents are sorted that are equal otherwise.
    pub(crate) fn id_halves() -> [Self; 2] {
        IdHalves::PATHS.map(|path| Self::new(path, "long"))
    }

    /// Every field of a schema that a query may name.
    pub(crate) fn all_of(schema: &EntitySchema) -> Vec<Self> {
        let mut all: Vec<Self> = SystemField::ALL.into_iter().filter_map(Self::system).collect();
        all.extend([Self::new("entity_name", "keyword"), Self::new(SEARCH_TEXT, "wildcard")]);
        for (field, field_type) in mapped_fields(schema) {
            let group = FieldGroup::of(field_type);
            all.push(Self::in_group(group, field));
            if group == FieldGroup::Text {
                all.push(Self::in_group(FieldGroup::Folded, field));
            }
        }
        all
    }
}

/// The fields of a definition; the external id alone without a definition.
fn mapped_fields(schema: &EntitySchema) -> Vec<(&str, FieldType)> {
    match schema {
        EntitySchema::Defined(definition) => {
            definition.fields.iter().map(|field| (&*field.name, field.field_type)).collect()
        }
        EntitySchema::Open(_) => vec![(SystemField::Id.name(), FieldType::Id)],
    }
}

pub(super) fn digest(schema: &EntitySchema) -> &str {
    schema.definition().map_or(OPEN_DIGEST, |definition| &definition.digest)
}

/// The request body that creates `index`, with its write alias, and behind `serving_alias` where one is given.
pub(super) fn creation_body(
    schema: &EntitySchema,
    shards: u32,
    replicas: u32,
    index: &str,
    serving_alias: Option<&str>,
    document_order: DocumentOrder,
) -> Value {
    let mut aliases = Map::new();
    aliases.insert(write_alias(index), json!({}));
    if let Some(alias) = serving_alias {
        // OpenSearch refuses a second write index, and so a second index behind the alias.
        aliases.insert(alias.to_owned(), json!({ "is_write_index": true }));
    }
    let field_limit = TOTAL_FIELDS.max(2 * mapped_fields(schema).len() + OTHER_FIELDS);
    let (copies, number) = copies(replicas);
    let mut settings = json!({
        "number_of_shards": shards,
        copies: number,
        "max_result_window": MAX_RESULT_WINDOW,
        "mapping": { "total_fields": { "limit": field_limit } },
    });
    if let DocumentOrder::NewestFirst = document_order {
        // As lists are without `sort`: documents that are found later then rarely enter the page.
        settings["sort"] = json!({ "field": [SystemField::CreatedAt.name()], "order": ["desc"], "missing": ["_last"] });
    }
    json!({
        "settings": { "index": settings },
        "mappings": {
            "dynamic": "false",
            "_meta": { META: {
                "layout": LAYOUT,
                "type": schema.aggregate_type(),
                "digest": digest(schema),
            } },
            "properties": properties(schema),
        },
        "aliases": aliases,
    })
}

/// The setting for that many copies of a shard, or as many as the nodes have room for: on a single node an index with
/// a fixed number would never be green.
fn copies(replicas: u32) -> (&'static str, Value) {
    match replicas {
        0 => ("number_of_replicas", json!(0)),
        most => ("auto_expand_replicas", json!(format!("0-{most}"))),
    }
}

fn properties(schema: &EntitySchema) -> Map<String, Value> {
    let mut properties = Map::new();
    properties.insert(ENTITY.to_owned(), json!({ "type": "object", "enabled": false }));
    for IndexedField { path, index_type } in IndexedField::all_of(schema).into_iter().chain(IndexedField::id_halves()) {
        match path.split_once('.') {
            None => properties.insert(path, json!({ "type": index_type })),
            Some((group, field)) => {
                let group = properties.entry(group).or_insert_with(|| json!({ "properties": {} }));
                group["properties"][field] = json!({ "type": index_type });
                None
            }
        };
    }
    properties
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copies_of_a_shard_follow_the_number_of_nodes() {
        assert_eq!(copies(0), ("number_of_replicas", json!(0)));
        assert_eq!(copies(1), ("auto_expand_replicas", json!("0-1")));
        assert_eq!(copies(2), ("auto_expand_replicas", json!("0-2")));
    }
}
