//! Checking the fields and values of a list request against the schema.
//!
//! A filter or sort key that is returned here is valid: the read model need not check it again.

use std::sync::Arc;

use annals_domain::definition::{EntitySchema, FieldType, SystemField};
use annals_domain::timestamp::Timestamp;
use jiff::civil::Date;

use crate::ports::{Condition, Filter, QueryValue, SortKey};

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

/// The filter that requires a field to have a value.
pub(super) fn filter_by(schema: &EntitySchema, name: &str, value: &str) -> Result<Filter, InvalidParameter> {
    let field_type = field_type(schema, name)?;
    let value = query_value(field_type, value).ok_or_else(|| {
        InvalidParameter::new(name, format!("invalid value `{value}`: expected {}", expected(field_type)))
    })?;
    Ok(Filter { field: Arc::from(name), condition: Condition::Equals(value) })
}

/// The sort keys of a comma-separated list of fields, each with a leading `-` for descending order.
pub(super) fn sort_by(schema: &EntitySchema, fields: &str) -> Result<Vec<SortKey>, InvalidParameter> {
    let key = |field: &str| {
        let (name, descending) = field.strip_prefix('-').map_or((field, false), |name| (name, true));
        match field_type(schema, name) {
            Ok(FieldType::List) => {
                Err(InvalidParameter::new("sort", format!("cannot sort by `{name}`: a list has no order")))
            }
            Ok(_) => Ok(SortKey { field: Arc::from(name), descending }),
            Err(unknown) => Err(InvalidParameter::new("sort", unknown.to_string())),
        }
    };
    fields.split(',').map(str::trim).filter(|field| !field.is_empty()).map(key).collect()
}

/// The type of a field of a schema, or of a system field.
fn field_type(schema: &EntitySchema, name: &str) -> Result<FieldType, InvalidParameter> {
    let defined = schema.definition().and_then(|definition| definition.field(name)).map(|field| field.field_type);
    defined.or_else(|| SystemField::named(name)?.query_type()).ok_or_else(|| {
        let (aggregate_type, names) = (schema.aggregate_type(), field_names(schema));
        InvalidParameter::new(name, format!("a {aggregate_type} has no such field; expected one of {names}"))
    })
}

fn field_names(schema: &EntitySchema) -> String {
    let defined = schema.definition().into_iter().flat_map(|definition| &definition.fields);
    let system = SystemField::ALL.into_iter().filter(|field| field.query_type().is_some());
    let mut names: Vec<&str> = defined.map(|field| &*field.name).collect();
    // A closure, since the name of a system field is `&'static str` and the others are not.
    names.extend(system.map(|field| -> &str { field.name() }));
    names.sort();
    names.dedup();
    names.join(", ")
}

fn query_value(field_type: FieldType, value: &str) -> Option<QueryValue> {
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

fn expected(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Id | FieldType::Reference | FieldType::String | FieldType::List => "a text",
        FieldType::Datetime => "a timestamp such as 2024-04-09T20:19:25Z",
        FieldType::Date => "a date such as 2024-04-09",
        FieldType::Bool => "true or false",
        FieldType::Number | FieldType::Decimal => "a number such as 12.5",
    }
}
