//! The parameters of operations.

use annals_application::ports::QueryField;
use annals_application::queries::{
    DEFAULT_PAGE_SIZE, MAX_FILTERS, MAX_IDS, MAX_PAGE_OFFSET, MAX_PAGE_SIZE, MAX_SORT_FIELDS, Operator,
};
use annals_domain::definition::FieldType;
use serde_json::{Value, json};

use super::pattern;
use super::schema::{boolean, names, text};
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
    query(name, &format!("{description} A day is its first millisecond in UTC."), whole(&pattern::moment()))
}

/// A moment at which something ends.
pub(super) fn moment(name: &str, description: &str) -> Value {
    query(name, &format!("{description} A day is its last millisecond in UTC."), whole(&pattern::moment()))
}

pub(super) fn as_of() -> Value {
    moment("as_of", "Only what the CRM had committed by then.")
}

pub(super) fn known_at() -> Value {
    moment("known_at", "Only what had been stored by then.")
}

/// The parameters of a search that do not depend on the type.
pub(super) fn of_search() -> Vec<Value> {
    vec![
        query(
            "search_term",
            "Each of its words must occur in a searchable field; case and accents do not count.",
            text(),
        ),
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

/// The filter of a type with these fields. Without any, of a type that is not known.
pub(super) fn filter(fields: &[QueryField]) -> Value {
    let forms: Vec<String> = GROUPS.iter().filter_map(|types| filters_of(fields, types)).collect();
    let expression = match fields {
        [] => format!("[^:]+:{}:{}", pattern::one_of(Operator::ALL.map(Operator::as_str)), pattern::TEXT),
        _ => pattern::one_of(forms.iter().map(String::as_str)),
    };
    let description = "`{field}:{operator}:{value}`; may be repeated, and all must hold; the fields of the request \
         count as filters too. Operators: `eq`, `ne`, `in` (values \
        separated by commas), `gt`, `gte`, `lt`, `lte`, `contains`, `prefix`, `exists` (`true` or `false`).";
    let schema = json!({"type": "array", "items": whole(&expression), "maxItems": MAX_FILTERS});
    let mut parameter = query("filter", description, schema);
    parameter["explode"] = true.into();
    parameter
}

/// The types that have the same operators, and whose values are written alike.
const GROUPS: [&[FieldType]; 6] = [
    &[FieldType::Id, FieldType::Reference, FieldType::String],
    &[FieldType::List],
    &[FieldType::Number, FieldType::Decimal],
    &[FieldType::Datetime],
    &[FieldType::Date],
    &[FieldType::Bool],
];

/// How a value of a type is written.
fn values_of(field_type: FieldType) -> String {
    match field_type {
        FieldType::Id | FieldType::Reference | FieldType::String | FieldType::List => pattern::TEXT.to_owned(),
        FieldType::Number | FieldType::Decimal => pattern::NUMBER.to_owned(),
        FieldType::Datetime => pattern::timestamp(),
        FieldType::Date => pattern::day(),
        FieldType::Bool => pattern::BOOL.to_owned(),
    }
}

/// The filters by fields of some types; `None` if there is no such field.
fn filters_of(fields: &[QueryField], types: &[FieldType]) -> Option<String> {
    let is_of_type = |field: &&QueryField| types.contains(&field.field_type());
    let fields: Vec<&str> = fields.iter().filter(is_of_type).map(QueryField::name).collect();
    let applies = |operator: &Operator| types.iter().all(|of_type| operator.applies_to(*of_type));
    let mut by_value: Vec<(String, Vec<&str>)> = Vec::new();
    for operator in Operator::ALL.into_iter().filter(applies) {
        let value = operand_of(operator, types[0]);
        match by_value.iter_mut().find(|(other, _)| *other == value) {
            Some((_, operators)) => operators.push(operator.as_str()),
            None => by_value.push((value, vec![operator.as_str()])),
        }
    }
    let forms = by_value.into_iter().map(|(value, operators)| format!("{}:{value}", pattern::one_of(operators)));
    let forms: Vec<String> = forms.collect();
    let filter =
        || format!("{}:{}", pattern::one_of(fields.iter().copied()), pattern::one_of(forms.iter().map(String::as_str)));
    (!fields.is_empty()).then(filter)
}

/// What an operator compares a field of a type with.
fn operand_of(operator: Operator, field_type: FieldType) -> String {
    let value = values_of(field_type);
    match operator {
        Operator::Exists => pattern::BOOL.to_owned(),
        Operator::In if value != pattern::TEXT => pattern::list(&value, None),
        // A text may become longer when it is folded.
        Operator::Contains => r"[\s\S]{0,50}".to_owned(),
        _ => value,
    }
}

/// `{field}={value}` for a field that has no parameter of the same name.
pub(super) fn equals(field: &QueryField) -> Value {
    let schema = match field.field_type() {
        FieldType::Datetime | FieldType::Date => whole(&values_of(field.field_type())),
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
    query("sort", &description, schema)
}

/// A selection of the fields of an entity with these names; without any, of any.
pub(super) fn fields<'a>(name: &str, description: &str, known: impl IntoIterator<Item = &'a str>) -> Value {
    let known: Vec<&str> = known.into_iter().collect();
    let field = if known.is_empty() { "[A-Za-z0-9_]+".to_owned() } else { pattern::one_of(known) };
    query(name, description, whole(&pattern::list(&field, None)))
}

pub(super) fn order() -> Value {
    let mut schema = names(["asc", "desc"]);
    schema["default"] = "asc".into();
    query("order", "By version, ascending or descending.", schema)
}
