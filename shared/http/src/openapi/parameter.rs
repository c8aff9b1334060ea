//! The parameters of operations.

use annals_application::ports::QueryField;
use annals_application::queries::{
    DEFAULT_PAGE_SIZE, MAX_FILTERS, MAX_IDS, MAX_PAGE_OFFSET, MAX_PAGE_SIZE, MAX_SORT_FIELDS,
};
use annals_domain::definition::FieldType;
use serde_json::{Map, Value, json};

use super::fixed_schemas::{DAY, MOMENT, TIMESTAMP};
use super::pattern;
use super::schema::{boolean, names, reference, text};
use crate::parameters::MAX_NUMBER;

/// A parameter of the path.
pub(super) fn path(name: &str, description: &str, schema: Value) -> Value {
    json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema})
}

/// An optional parameter of the query.
pub(super) fn query(name: &str, description: &str, schema: Value) -> Value {
    json!({"name": name, "in": "query", "description": description, "schema": schema})
}

pub(super) fn required(mut parameter: Value) -> Value {
    parameter["required"] = true.into();
    parameter
}

pub(super) fn with_example(mut parameter: Value, example: Option<Value>) -> Value {
    if let Some(example) = example {
        parameter["example"] = example;
    }
    parameter
}

/// A parameter with an example of each of its forms, by name.
pub(super) fn with_examples<'a>(mut parameter: Value, examples: impl IntoIterator<Item = (&'a str, &'a str)>) -> Value {
    let examples = examples.into_iter().map(|(name, value)| (name.to_owned(), json!({"value": value})));
    parameter["examples"] = examples.collect::<Map<_, _>>().into();
    parameter
}

/// The forms of a moment.
pub(super) const MOMENTS: [(&str, &str); 2] = [("day", "2026-06-30"), ("timestamp", "2026-06-11T00:00:00Z")];

/// An optional header.
pub(super) fn header(name: &str, description: &str, schema: Value) -> Value {
    json!({"name": name, "in": "header", "description": description, "schema": schema})
}

fn whole(expression: &str) -> Value {
    super::schema::pattern(expression)
}

/// A whole number from 1.
fn number(max: u64) -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": max})
}

/// The number of a page of entities or of quarantined inputs.
pub(super) fn page() -> Value {
    let schema = number(MAX_PAGE_OFFSET);
    query("page", "The number of the page, 1 by default. Pages start before result 10,000.", schema)
}

/// The number of a page of a history.
pub(super) fn history_page() -> Value {
    query("page", "The number of the page, 1 by default.", number(MAX_NUMBER))
}

pub(super) fn page_size() -> Value {
    let mut schema = number(MAX_PAGE_SIZE);
    schema["default"] = DEFAULT_PAGE_SIZE.into();
    query("page_size", "The most results on a page.", schema)
}

pub(super) fn cursor() -> Value {
    let description = "Instead of `page`: the `cursor` of an earlier page's `next`; empty for the first page.";
    query("cursor", description, whole("[A-Za-z0-9_-]*"))
}

/// A moment at which something begins.
pub(super) fn first_moment(name: &str, description: &str) -> Value {
    let description = format!("{description} A day is its first millisecond in UTC.");
    with_examples(query(name, &description, reference(MOMENT)), MOMENTS)
}

/// A moment at which something ends.
pub(super) fn moment(name: &str, description: &str) -> Value {
    let description = format!("{description} A day is its last millisecond in UTC.");
    with_examples(query(name, &description, reference(MOMENT)), MOMENTS)
}

pub(super) fn as_of() -> Value {
    moment("as_of", "Only what the CRM had committed by then.")
}

pub(super) fn known_at() -> Value {
    moment("known_at", "Only what had been stored by then.")
}

/// The parameters of a search that do not depend on the type.
pub(super) fn of_search() -> Vec<Value> {
    let term = query(
        "search_term",
        "Each of its words must occur in a searchable field; case and accents do not count.",
        text(),
    );
    vec![
        with_example(term, Some("halcyon".into())),
        query("include_deleted", "Whether deleted entities are found.", boolean()),
    ]
}

/// The parameters of one entity that is not the newest, or that is explained.
pub(super) fn of_one() -> Vec<Value> {
    vec![
        as_of(),
        known_at(),
        query("version", "As it was at this version. Not with `as_of` or `known_at`.", number(MAX_NUMBER)),
        query("explain", "Adds what is behind each value.", boolean()),
        query(
            "min_version",
            "At least this version, also where the index lags. At a moment: this version must be stored by now.",
            number(MAX_NUMBER),
        ),
    ]
}

/// The ids of several entities at a moment.
pub(super) fn ids() -> Value {
    let description = format!(
        "Up to {MAX_IDS} ids, separated by commas: these entities at the moment that `as_of` and \
        `known_at` name. With no other parameter but `fields` and `cursor`."
    );
    query("ids", &description, whole(&pattern::list("[A-Za-z0-9:-]+", Some(MAX_IDS))))
}

/// The filters of a type, by the name of their schema.
pub(super) fn filter(schema: &str) -> Value {
    let description = "`{field}:{operator}:{value}`; may be repeated, and all must hold; the fields of the request \
         count as filters too. Operators: `eq`, `ne`, `in` (values separated by commas), `gt`, `gte`, `lt`, `lte`, \
         `contains`, `prefix`, `exists` (`true` or `false`).";
    let filters = json!({"type": "array", "items": reference(schema), "maxItems": MAX_FILTERS});
    query("filter", description, filters)
}

/// `{field}={value}` for a field that has no parameter of the same name.
pub(super) fn equals(field: &QueryField) -> Value {
    let schema = match field.field_type() {
        FieldType::Datetime => reference(TIMESTAMP),
        FieldType::Date => reference(DAY),
        FieldType::Bool => boolean(),
        FieldType::Number | FieldType::Decimal => json!({"type": "number"}),
        FieldType::Id | FieldType::Reference | FieldType::String | FieldType::List => text(),
    };
    query(field.name(), &format!("`filter={}:eq:…`", field.name()), schema)
}

/// The order of a list.
pub(super) fn sort(fields: &[QueryField]) -> Value {
    let description =
        format!("Up to {MAX_SORT_FIELDS} fields, separated by commas; `-` in front for descending order.");
    let sortable: Vec<&str> =
        fields.iter().filter(|field| field.field_type() != FieldType::List).map(QueryField::name).collect();
    let key = if sortable.is_empty() { "-?[a-z_]+".to_owned() } else { format!("-?{}", pattern::one_of(sortable)) };
    let keys = format!("(?:{})?", pattern::list(&key, Some(MAX_SORT_FIELDS)));
    let mut schema = whole(&keys);
    schema["default"] = "-created_at".into();
    with_example(query("sort", &description, schema), Some("-updated_at,aggregate_id".into()))
}

/// A selection of the fields of an entity with these names; without any, of any. The example has those fields of it that
/// are known.
pub(super) fn fields<'a>(
    name: &str,
    description: &str,
    known: impl IntoIterator<Item = &'a str>,
    example: &[&str],
) -> Value {
    let known: Vec<&str> = known.into_iter().collect();
    let example: Vec<&str> = example.iter().copied().filter(|name| known.is_empty() || known.contains(name)).collect();
    let example = Some(example.join(",").into()).filter(|_| !example.is_empty());
    // An object without a definition may have a field of any name.
    let field = if known.is_empty() { r"[^,]*[^,\s][^,]*".to_owned() } else { pattern::one_of(known) };
    with_example(query(name, description, whole(&pattern::list(&field, None))), example)
}

pub(super) fn order() -> Value {
    let mut schema = names(["asc", "desc"]);
    schema["default"] = "asc".into();
    query("order", "By version, ascending or descending.", schema)
}
