//! The schema of a filter: which operators the fields of a type have, and which values.

use annals_application::ports::QueryField;
use annals_application::queries::Operator;
use annals_domain::definition::FieldType;
use serde_json::Value;

use super::{pattern, schema};

/// The filters of a type with these fields. Without any, of a type that is not known.
pub(super) fn of(fields: &[QueryField]) -> Value {
    let forms: Vec<String> = GROUPS.iter().filter_map(|types| filters_of(fields, types)).collect();
    let expression = match fields {
        [] => format!("[^:]+:{}:{}", pattern::one_of(Operator::ALL.map(Operator::as_str)), pattern::TEXT),
        _ => pattern::one_of(forms.iter().map(String::as_str)),
    };
    schema::pattern(&expression)
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
        _ => value,
    }
}
