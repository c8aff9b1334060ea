//! From a reader's `field` and `value` to a typed condition.
//!
//! Promises that what it lets through fits the schema: the read model need not check again.

use std::sync::Arc;

use annals_domain::definition::{EntitySchema, FieldType};
use annals_domain::timestamp::Timestamp;
use jiff::civil::Date;

use crate::ports::{Condition, Filter, QueryValue, SortKey};

/// A word of a query that does not fit, and what would.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct InvalidParameter {
    /// The parameter or field.
    pub field: String,
    /// What is wrong, and what would fit.
    pub message: String,
}

impl InvalidParameter {
    /// A refusal of a parameter.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// System fields that can be filtered and sorted by, and their types.
const SYSTEM: [(&str, FieldType); 6] = [
    ("aggregate_id", FieldType::Id),
    ("provider", FieldType::String),
    ("version", FieldType::Number),
    ("created_at", FieldType::Datetime),
    ("updated_at", FieldType::Datetime),
    ("is_deleted", FieldType::Bool),
];

/// The type of a field that a query may name.
fn field_type(schema: &EntitySchema, name: &str) -> Option<FieldType> {
    let defined = schema.definition().and_then(|definition| definition.field(name)).map(|field| field.field_type);
    let open_id = (schema.definition().is_none() && name == "id").then_some(FieldType::Id);
    let system = SYSTEM.iter().find(|(system, _)| *system == name).map(|(_, t)| *t);
    defined.or(open_id).or(system)
}

/// The names a query may use.
fn names(schema: &EntitySchema) -> String {
    let defined = schema.definition().map(|d| d.fields.iter().map(|field| field.name.to_string()).collect());
    let mut names: Vec<String> = defined.unwrap_or_else(|| vec!["id".to_owned()]);
    names.extend(SYSTEM.iter().map(|(name, _)| (*name).to_owned()));
    names.sort();
    names.dedup();
    names.join(", ")
}

fn known(schema: &EntitySchema, name: &str) -> Result<FieldType, InvalidParameter> {
    field_type(schema, name).ok_or_else(|| {
        let message = format!("a {} has no such field; it has {}", schema.aggregate_type(), names(schema));
        InvalidParameter::new(name, message)
    })
}

/// The filter `name = value`.
pub fn filter_by(schema: &EntitySchema, name: &str, value: &str) -> Result<Filter, InvalidParameter> {
    let field_type = known(schema, name)?;
    let value = query_value(field_type, value)
        .ok_or_else(|| InvalidParameter::new(name, format!("`{value}` does not fit; {}", example(field_type))))?;
    Ok(Filter { field: Arc::from(name), condition: Condition::Equals(value) })
}

/// The sort that a comma-separated list of fields names, `-` for descending.
pub(super) fn sort_by(schema: &EntitySchema, fields: &str) -> Result<Vec<SortKey>, InvalidParameter> {
    let key = |word: &str| {
        let (name, descending) = word.strip_prefix('-').map_or((word, false), |name| (name, true));
        match field_type(schema, name) {
            Some(FieldType::List) => {
                Err(InvalidParameter::new("sort", format!("`{name}` is a list, which has no order")))
            }
            Some(_) => Ok(SortKey { field: Arc::from(name), descending }),
            None => known(schema, name)
                .map(|_| SortKey { field: Arc::from(name), descending })
                .map_err(|rejected| InvalidParameter::new("sort", rejected.to_string())),
        }
    };
    fields.split(',').map(str::trim).filter(|word| !word.is_empty()).map(key).collect()
}

fn query_value(field_type: FieldType, value: &str) -> Option<QueryValue> {
    Some(match field_type {
        FieldType::Id | FieldType::Reference | FieldType::String | FieldType::List => {
            QueryValue::Text(value.to_owned())
        }
        FieldType::Datetime => QueryValue::Timestamp(value.parse::<Timestamp>().ok()?),
        // A day and a time is no day: the rest of it would be dropped in silence.
        FieldType::Date => QueryValue::Date(value.parse::<Date>().ok().filter(|_| value.len() == 10)?.to_string()),
        FieldType::Bool => QueryValue::Bool(value.parse().ok()?),
        FieldType::Number | FieldType::Decimal => {
            // JSON's grammar: `NaN`, `inf` and `0x1` are no numbers here either.
            let number: serde_json::Number = value.parse().ok()?;
            QueryValue::Number(number.as_f64().filter(|float| float.is_finite())?)
        }
    })
}

fn example(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Id | FieldType::Reference | FieldType::String | FieldType::List => "a text would",
        FieldType::Datetime => "a timestamp such as 2024-04-09T20:19:25Z would",
        FieldType::Date => "a date such as 2024-04-09 would",
        FieldType::Bool => "true or false would",
        FieldType::Number | FieldType::Decimal => "a number such as 12.5 would",
    }
}
