//! The schemas of histories and differences. What changed in the fields has a schema for each type: its values are those
//! of the definition. What all events have in common is in one schema.

use std::collections::BTreeMap;

use annals_domain::definition::{EntityDefinition, Field, FieldType};
use serde_json::{Map, Value, json};

use super::entity_schema::{EntityType, is_always_known};
use super::event_schema::{CHANGE, DIFFERENCE, STORED_EVENT, change, difference};
use super::schema::{all_of, described, nullable, object, page_of, reference, text, value_of};

/// The schemas of one type: what an event changes, an event, a page of a history, what differs between two moments, and
/// the whole difference.
pub(super) fn of(entity_type: &EntityType) -> [(String, Value); 5] {
    let names = HistoryNames::of(entity_type);
    let changed = object([("changes", reference(&names.changes))]);
    let difference = object([("from", text()), ("to", text()), ("changes", reference(&names.differences))]);
    let page = page_of(reference(&names.event));
    [
        (names.changes, described(by_field(entity_type, CHANGE), "Each changed field before and after the version.")),
        (names.event, all_of([reference(STORED_EVENT), changed])),
        (names.page, page),
        (names.differences, described(by_field(entity_type, DIFFERENCE), "Each field that differs.")),
        (names.diff, difference),
    ]
}

/// The names of the schemas of one type.
pub(super) struct HistoryNames {
    changes: String,
    event: String,
    pub(super) page: String,
    differences: String,
    pub(super) diff: String,
}

impl HistoryNames {
    pub(super) fn of(entity_type: &EntityType) -> Self {
        let name = entity_type.name();
        let prefix = if entity_type.definition().is_some() { name } else { "" };
        Self {
            changes: format!("{prefix}Changes"),
            event: format!("{prefix}HistoryEvent"),
            page: format!("{prefix}HistoryPage"),
            differences: format!("{prefix}Differences"),
            diff: format!("{name}Diff"),
        }
    }
}

/// How the fields of definitions change, by name: fields with the same values share the schemas.
pub(super) fn of_values<'a>(
    definitions: impl IntoIterator<Item = &'a EntityDefinition>,
) -> impl Iterator<Item = (String, Value)> {
    let mut schemas = BTreeMap::new();
    for (definition, field) in definitions.into_iter().flat_map(|of| of.fields.iter().map(move |field| (of, field))) {
        let before = value_of(field.field_type);
        let after = if is_always_known(definition, field) { before.clone() } else { nullable(before.clone()) };
        let [of_event, of_moments] = [CHANGE, DIFFERENCE].map(|what| value_name(definition, field, what));
        schemas.insert(of_moments, difference(&of_event));
        schemas.insert(of_event, change(nullable(before), after));
    }
    schemas.into_iter()
}

/// `TextChange`, or `KnownTextChange` for a value that is never null afterwards.
fn value_name(definition: &EntityDefinition, field: &Field, what: &str) -> String {
    let known = if is_always_known(definition, field) { "Known" } else { "" };
    let values = match field.field_type {
        FieldType::Id | FieldType::Reference | FieldType::String => "Text",
        FieldType::List => "List",
        FieldType::Datetime => "Datetime",
        FieldType::Date => "Date",
        FieldType::Bool => "Bool",
        FieldType::Number => "Number",
        FieldType::Decimal => "Decimal",
    };
    format!("{known}{values}{what}")
}

/// A schema for each field, of what has only some of them.
fn by_field(entity_type: &EntityType, what: &str) -> Value {
    let Some(definition) = entity_type.definition() else {
        return json!({"type": "object", "additionalProperties": reference(what)});
    };
    let fields = definition.fields.iter();
    let fields: Map<String, Value> =
        fields.map(|field| (field.name.to_string(), reference(&value_name(definition, field, what)))).collect();
    json!({"type": "object", "properties": fields, "additionalProperties": false})
}
