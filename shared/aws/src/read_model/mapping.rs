//! What an index is made of: its settings, and a place for each field that a query may name.
//!
//! Promises that everything follows from the schema, and that nothing unlisted is indexed. A field's
//! place tells its type (`number.amount`), so that a field whose type changed has a new place and an
//! older index takes its documents all the same.

use annals_application::queries::MAX_RESULT_WINDOW;
use annals_domain::definition::{EntitySchema, FieldType, SystemField};
use serde_json::{Map, Value, json};

use crate::read_model::connect::Layout;
use crate::read_model::names::only;

/// The version of what stands below: another one needs a rebuild.
pub(crate) const LAYOUT: u64 = 1;
/// Where an index says who made it.
pub(crate) const META: &str = "annals";
/// The digest of an open schema: it has no definition.
const OPEN_DIGEST: &str = "open";
/// OpenSearch's own limit of fields, and how many are not of the definition.
const TOTAL_FIELDS: usize = 1_000;
const SYSTEM_FIELDS: usize = 32;

/// The entity as readers get it, which is kept as it is and not looked into.
pub(crate) const ENTITY: &str = "entity";
/// The folded text that searches look into.
pub(crate) const SEARCH_TEXT: &str = "search_text";

/// The path and the indexed type of a system field that queries may name. The id stands among the mapped fields.
pub(crate) fn system_path(field: SystemField) -> Option<(&'static str, &'static str)> {
    let indexed_as = match field {
        SystemField::Id => return None,
        SystemField::Version => "long",
        _ => Place::of(field.query_type()?).indexed_as(),
    };
    Some((field.name(), indexed_as))
}

/// A kind of place: the object that fields of one type stand under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Text,
    Folded,
    List,
    Timestamp,
    Date,
    Bool,
    Number,
}

impl Place {
    pub(crate) const ALL: [Self; 7] =
        [Self::Text, Self::Folded, Self::List, Self::Timestamp, Self::Date, Self::Bool, Self::Number];

    /// Where a field's values stand as they are.
    pub(crate) fn of(field_type: FieldType) -> Self {
        match field_type {
            FieldType::Id | FieldType::Reference | FieldType::String => Self::Text,
            FieldType::List => Self::List,
            FieldType::Datetime => Self::Timestamp,
            FieldType::Date => Self::Date,
            FieldType::Bool => Self::Bool,
            FieldType::Number | FieldType::Decimal => Self::Number,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Folded => "folded",
            Self::List => "list",
            Self::Timestamp => "instant",
            Self::Date => "date",
            Self::Bool => "bool",
            Self::Number => "number",
        }
    }

    /// A field's path in it.
    pub(crate) fn path(self, field: &str) -> String {
        format!("{}.{field}", self.as_str())
    }

    /// The type it is indexed as. Days are texts that sort as days do; timestamps are epoch
    /// milliseconds, which OpenSearch's own dates refuse before 1970.
    pub(crate) fn indexed_as(self) -> &'static str {
        match self {
            Self::Text | Self::Folded | Self::List | Self::Date => "keyword",
            Self::Timestamp => "long",
            Self::Bool => "boolean",
            Self::Number => "double",
        }
    }
}

/// The fields of a schema that have a place: a definition's, or the external id of an open one.
pub(crate) fn fields(schema: &EntitySchema) -> Vec<(&str, FieldType)> {
    match schema {
        EntitySchema::Defined(definition) => {
            definition.fields.iter().map(|field| (&*field.name, field.field_type)).collect()
        }
        EntitySchema::Open(_) => vec![(SystemField::Id.name(), FieldType::Id)],
    }
}

/// The digest of what an index of this schema is made from.
pub(crate) fn digest(schema: &EntitySchema) -> &str {
    schema.definition().map_or(OPEN_DIGEST, |definition| &definition.digest)
}

/// Every path a query of this schema may name, and what it is indexed as.
pub(crate) fn paths(schema: &EntitySchema) -> Vec<(String, &'static str)> {
    let system = SystemField::ALL.into_iter().filter_map(system_path);
    let own = [("entity_name", "keyword"), (SEARCH_TEXT, "wildcard")];
    let mut paths: Vec<(String, &'static str)> =
        system.chain(own).map(|(path, indexed_as)| (path.to_owned(), indexed_as)).collect();
    for (field, field_type) in fields(schema) {
        let place = Place::of(field_type);
        paths.push((place.path(field), place.indexed_as()));
        if place == Place::Text {
            paths.push((Place::Folded.path(field), Place::Folded.indexed_as()));
        }
    }
    paths
}

/// The body that makes `index`, behind `alias` where one is given, and behind its own.
pub(crate) fn body(schema: &EntitySchema, layout: &Layout, index: &str, alias: Option<&str>) -> Value {
    let mut aliases = Map::new();
    aliases.insert(only(index), json!({}));
    if let Some(alias) = alias {
        // A second index would have to be the write index too, and is refused as such.
        aliases.insert(alias.to_owned(), json!({ "is_write_index": true }));
    }
    json!({
        "settings": { "index": {
            "number_of_shards": layout.shards,
            "number_of_replicas": layout.replicas,
            "max_result_window": MAX_RESULT_WINDOW,
            "mapping": { "total_fields": { "limit": TOTAL_FIELDS.max(2 * fields(schema).len() + SYSTEM_FIELDS) } },
        } },
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

fn properties(schema: &EntitySchema) -> Map<String, Value> {
    let mut properties = Map::new();
    properties.insert(ENTITY.to_owned(), json!({ "type": "object", "enabled": false }));
    for (path, indexed_as) in paths(schema) {
        match path.split_once('.') {
            None => properties.insert(path, json!({ "type": indexed_as })),
            Some((place, field)) => {
                let place = properties.entry(place).or_insert_with(|| json!({ "properties": {} }));
                place["properties"][field] = json!({ "type": indexed_as });
                None
            }
        };
    }
    properties
}
