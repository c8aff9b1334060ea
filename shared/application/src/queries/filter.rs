//! Checking the fields and values of a list request against the schema.
//!
//! A filter or sort key that is returned here is valid: the read model need not check it again.

use std::sync::Arc;

use annals_domain::definition::{EntitySchema, FieldType, SystemField};
use annals_domain::search_text::fold;
use annals_domain::timestamp::Timestamp;
use jiff::civil::Date;

use super::list_request::{FilterRequest, split_at_commas};
use super::operator::Operator;
use crate::ports::{Condition, FieldSelection, Filter, QueryField, QueryValue, Sort, SortOrder};

/// The most filters of a request.
pub const MAX_FILTERS: usize = 100;
/// The most fields of a sort: each adds to a cursor.
pub const MAX_SORT_FIELDS: usize = 5;

/// A parameter of a request that is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct InvalidParameter {
    /// The name of the parameter or of the filtered field.
    pub field: String,
    /// What is wrong, and what is expected.
    pub message: String,
}

impl InvalidParameter {
    pub(super) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// The filter that a request states.
pub(super) fn filter_of(schema: &EntitySchema, request: &FilterRequest) -> Result<Filter, InvalidParameter> {
    let field = field_named(schema, &request.field)?;
    let condition = condition_of(&field, request)?;
    Ok(Filter { field, condition })
}

fn condition_of(field: &QueryField, request: &FilterRequest) -> Result<Condition, InvalidParameter> {
    let (field_type, operator, value) = (field.field_type(), request.operator, request.value.as_str());
    let invalid = |message: String| InvalidParameter::new(field.name(), message);
    if !operator.applies_to(field_type) {
        let (type_name, expected) = (field_type.as_str(), Operator::names_for(field_type));
        return Err(invalid(format!("invalid operator `{operator}` for a {type_name}: expected one of {expected}")));
    }
    let one =
        |text: &str| query_value(field_type, text).ok_or_else(|| invalid(invalid_value(text, expected(field_type))));
    Ok(match operator {
        Operator::Eq => Condition::Equals(one(value)?),
        Operator::Ne => Condition::Differs(one(value)?),
        Operator::In => {
            let values = split_at_commas(value);
            Condition::OneOf(values.iter().map(|value| one(value)).collect::<Result<_, _>>()?)
        }
        Operator::Contains => Condition::Contains(fold(value)),
        Operator::Prefix => Condition::StartsWith(fold(value)),
        Operator::Exists => {
            let exists = value.parse().map_err(|_| invalid(invalid_value(value, "true or false")))?;
            Condition::Exists(exists)
        }
        Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte => {
            let comparison =
                operator.comparison().ok_or_else(|| invalid(format!("operator `{operator}` has no order")))?;
            Condition::Compares(comparison, one(value)?)
        }
    })
}

/// The sort keys of a comma-separated list of fields, each with a leading `-` for descending order.
pub(super) fn sort_by(schema: &EntitySchema, fields: &str) -> Result<Vec<Sort>, InvalidParameter> {
    let key = |text: &str| {
        let (name, order) =
            text.strip_prefix('-').map_or((text, SortOrder::Ascending), |name| (name, SortOrder::Descending));
        let field = field_named(schema, name).map_err(|unknown| InvalidParameter::new("sort", unknown.to_string()))?;
        if field.field_type() == FieldType::List {
            let message = format!("cannot sort by `{}`: a list has no order", field.name());
            return Err(InvalidParameter::new("sort", message));
        }
        Ok(Sort { field, order })
    };
    let fields: Vec<&str> = fields.split(',').map(str::trim).filter(|field| !field.is_empty()).collect();
    if fields.len() > MAX_SORT_FIELDS {
        let message = format!("{} fields: expected at most {MAX_SORT_FIELDS}", fields.len());
        return Err(InvalidParameter::new("sort", message));
    }
    fields.into_iter().map(key).collect()
}

/// The selection of a comma-separated list of fields. An object without a definition may have any field.
pub(super) fn select(schema: &EntitySchema, fields: &str) -> Result<FieldSelection, InvalidParameter> {
    let names: Vec<&str> = fields.split(',').map(str::trim).filter(|field| !field.is_empty()).collect();
    let known = schema.definition().map(|definition| {
        let mut known: Vec<&str> = definition.fields.iter().map(|field| &*field.name).collect();
        known.extend(SystemField::ALL.into_iter().map(|field| -> &str { field.name() }));
        known.sort_unstable();
        known.dedup();
        known
    });
    if names.is_empty() {
        return Err(InvalidParameter::new("fields", "invalid value: expected names of fields, separated by commas"));
    }
    let is_unknown = |name: &&&str| known.as_ref().is_some_and(|known| !known.contains(name));
    if let Some(unknown) = names.iter().find(is_unknown) {
        let (aggregate_type, known) = (schema.aggregate_type(), known.unwrap_or_default().join(", "));
        let message = format!("{unknown}: a {aggregate_type} has no such field; expected one of {known}");
        return Err(InvalidParameter::new("fields", message));
    }
    Ok(FieldSelection::new(names.into_iter().map(Arc::from)))
}

fn field_named(schema: &EntitySchema, name: &str) -> Result<QueryField, InvalidParameter> {
    QueryField::of(schema, name).ok_or_else(|| {
        let names: Vec<String> = QueryField::all(schema).iter().map(|field| field.name().to_owned()).collect();
        let (aggregate_type, names) = (schema.aggregate_type(), names.join(", "));
        InvalidParameter::new(shortened(name), format!("a {aggregate_type} has no such field; expected one of {names}"))
    })
}

/// The value of a type that a text states.
pub(super) fn query_value(field_type: FieldType, value: &str) -> Option<QueryValue> {
    Some(match field_type {
        FieldType::Id | FieldType::Reference | FieldType::String | FieldType::List => {
            QueryValue::Text(value.to_owned())
        }
        FieldType::Datetime => QueryValue::Timestamp(value.parse::<Timestamp>().ok()?),
        // jiff also parses a date with a time, and would ignore the time.
        FieldType::Date => QueryValue::Date(value.parse::<Date>().ok().filter(|_| value.len() == 10)?.to_string()),
        FieldType::Bool => QueryValue::Bool(value.parse().ok()?),
        FieldType::Number | FieldType::Decimal => {
            // JSON's grammar excludes `NaN`, `inf` and `0x1`, which `f64` would parse.
            let number: serde_json::Number = value.parse().ok()?;
            QueryValue::Number(number.as_f64().filter(|float| float.is_finite())?)
        }
    })
}

/// The text that [`query_value`] reads as this value.
pub(super) fn value_text(value: &QueryValue) -> String {
    match value {
        QueryValue::Text(text) | QueryValue::Date(text) => text.clone(),
        QueryValue::Timestamp(timestamp) => timestamp.to_string(),
        QueryValue::Bool(value) => value.to_string(),
        QueryValue::Number(number) => serde_json::Number::from_f64(*number).map_or_else(String::new, |n| n.to_string()),
    }
}

fn invalid_value(value: &str, expected: &str) -> String {
    format!("invalid value `{}`: expected {expected}", shortened(value))
}

/// The beginning of a text, for an error: the caller knows the rest.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 100;
    text.char_indices().nth(SHOWN).map_or_else(|| text.to_owned(), |(end, _)| format!("{}…", &text[..end]))
}

fn expected(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Id | FieldType::Reference | FieldType::String | FieldType::List => "a text",
        FieldType::Datetime => "a timestamp with its offset, such as 2024-04-09T20:19:25Z (%2B for a + in a URL)",
        FieldType::Date => "a date such as 2024-04-09",
        FieldType::Bool => "true or false",
        FieldType::Number | FieldType::Decimal => "a number such as 12.5",
    }
}
