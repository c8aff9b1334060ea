//! Converts one raw value to the type of its field.
//!
//! Conversion is exact: decimals keep their value and integers never become a float. Equal numbers have one text. A value
//! that does not convert is an error, never a guess.

use jiff::civil::Date;
use serde_json::{Number, Value};

use crate::definition::{FieldType, Operation};
use crate::entity::FieldValue;
use crate::number;
use crate::timestamp::Timestamp;

/// How many characters of a value a message quotes.
const LONGEST_QUOTE: usize = 60;

/// The value in the field's type, or a message with the value that was found.
pub(super) fn convert(value: &Value, field_type: FieldType, operation: &Operation) -> Result<FieldValue, String> {
    if value.is_null() {
        return Ok(FieldValue::Null);
    }
    let converted = match field_type {
        FieldType::Id | FieldType::Reference | FieldType::String => {
            text(value).map(|text| FieldValue::Text(text.into()))
        }
        FieldType::List => list(value, operation).map(FieldValue::List),
        FieldType::Datetime => timestamp(value).map(FieldValue::Timestamp),
        FieldType::Date => date(value).map(FieldValue::Date),
        FieldType::Bool => boolean(value).map(FieldValue::Bool),
        FieldType::Number => number(value).map(FieldValue::Number),
        FieldType::Decimal => decimal(value).map(FieldValue::Decimal),
    };
    // Some providers write an empty value of any type as an empty text.
    match converted {
        None if value.as_str().is_some_and(|text| text.trim().is_empty()) => Ok(FieldValue::Null),
        converted => converted.ok_or_else(|| format!("{} is not a {}", quote(value), field_type.as_str())),
    }
}

fn quote(value: &Value) -> String {
    let json = value.to_string();
    if json.len() <= LONGEST_QUOTE {
        return format!("`{json}`");
    }
    format!("`{}…` ({} bytes)", json.chars().take(LONGEST_QUOTE).collect::<String>(), json.len())
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.as_str()),
        _ => None,
    }
}

fn list(value: &Value, operation: &Operation) -> Option<Vec<String>> {
    match (value, operation) {
        (Value::String(joined), Operation::Split(_, separator)) => {
            let parts = joined.split(separator.as_str()).map(str::trim).filter(|part| !part.is_empty());
            Some(parts.map(str::to_owned).collect())
        }
        (Value::Array(items), _) => items.iter().map(|item| text(item).map(str::to_owned)).collect(),
        _ => None,
    }
}

fn timestamp(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok().or_else(|| Timestamp::from_number(text.parse().ok()?)),
        Value::Number(number) => Timestamp::from_number(number::whole(number.as_str())?),
        _ => None,
    }
}

/// A day. A number is one only if it is a midnight in UTC: seconds, and days since 1970, would be days of January 1970.
fn date(value: &Value) -> Option<Date> {
    match value {
        Value::String(text) if text.len() == "2026-09-21".len() => text.parse().ok(),
        Value::String(text) if text.len() == "20260921".len() => Date::strptime("%Y%m%d", text).ok(),
        Value::String(text) => {
            text.parse().ok().or_else(|| Timestamp::from_midnight(text.parse().ok()?)).map(Timestamp::date)
        }
        Value::Number(number) => Timestamp::from_midnight(number::whole(number.as_str())?).map(Timestamp::date),
        _ => None,
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn number(value: &Value) -> Option<Number> {
    let number = match value {
        Value::Number(number) => number.clone(),
        Value::String(text) => text.trim().parse::<Number>().ok()?,
        _ => return None,
    };
    // A number beyond the range of floats cannot be sorted.
    number.as_f64().filter(|float| float.is_finite())?;
    Some(number::canonical(number))
}

fn decimal(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => number::plain_decimal(number.as_str()),
        Value::String(text) => number::plain_decimal(text.trim().parse::<Number>().ok()?.as_str()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::definition::OperationInput;

    #[track_caller]
    fn check(field_type: FieldType, json: &str, expected: Result<Value, &str>) {
        let value: Value = serde_json::from_str(json).expect("a JSON value");
        let operation = Operation::Split(OperationInput::ExternalId, ";".to_owned());
        let converted = convert(&value, field_type, &operation).map(|value| value.to_json());
        assert_eq!(converted.as_ref().map_err(String::as_str), expected.as_ref().map_err(|e| *e), "{json}");
    }

    #[test]
    fn decimals_keep_their_value_and_lose_the_exponent() {
        for (json, plain) in [
            ("40000", "40000"),
            ("1.20", "1.2"),
            ("50000.0", "50000"),
            ("-0.00", "0"),
            ("-0.5", "-0.5"),
            ("4.50E+2", "450"),
            ("12E-3", "0.012"),
            ("1.5e3", "1500"),
            ("\"99.95\"", "99.95"),
            ("123456789012345678.90", "123456789012345678.9"),
            ("0", "0"),
        ] {
            check(FieldType::Decimal, json, Ok(json!(plain)));
        }
        check(FieldType::Decimal, "\"NaN\"", Err("`\"NaN\"` is not a decimal"));
        check(FieldType::Decimal, "1e999", Err("`1e+999` is not a decimal"));
        check(FieldType::Decimal, "1e-9223372036854775808", Err("`1e-9223372036854775808` is not a decimal"));
        check(FieldType::Decimal, "true", Err("`true` is not a decimal"));
    }

    #[test]
    fn timestamps_and_days_read_from_text_and_milliseconds() {
        check(FieldType::Datetime, "1653955200000", Ok(json!("2022-05-31T00:00:00Z")));
        check(FieldType::Datetime, "\"2024-01-15T10:30:00.000+0000\"", Ok(json!("2024-01-15T10:30:00Z")));
        check(FieldType::Datetime, "\"1653955200000\"", Ok(json!("2022-05-31T00:00:00Z")));
        check(FieldType::Datetime, "\"soon\"", Err("`\"soon\"` is not a datetime"));
        check(FieldType::Date, "1653955200000", Ok(json!("2022-05-31")));
        check(FieldType::Date, "\"2022-05-31\"", Ok(json!("2022-05-31")));
        check(FieldType::Date, "\"2022-05-31T23:59:59Z\"", Ok(json!("2022-05-31")));
        check(FieldType::Date, "\"20220531\"", Ok(json!("2022-05-31")));
        check(FieldType::Date, "\"1653955200000\"", Ok(json!("2022-05-31")));
        check(FieldType::Date, "-86400000", Ok(json!("1969-12-31")));
        check(FieldType::Date, "\"2022-02-31\"", Err("`\"2022-02-31\"` is not a date"));
    }

    #[test]
    fn numbers_that_are_no_milliseconds_do_not_become_days_of_1970() {
        for json in ["20717", "1790000000", "20260921", "1653955200001", "\"1653955200001\"", "\"20260931\""] {
            check(FieldType::Date, json, Err(&format!("`{json}` is not a date")));
        }
        for json in ["20717", "1790000000", "20260921", "\"1790000000\"", "-1790000000"] {
            check(FieldType::Datetime, json, Err(&format!("`{json}` is not a datetime")));
        }
        check(FieldType::Datetime, "86400000", Ok(json!("1970-01-02T00:00:00Z")));
    }

    #[test]
    fn equal_numbers_have_one_text() {
        for json in ["50000", "50000.0", "5E4", "\"50000.00\"", "500000e-1"] {
            check(FieldType::Number, json, Ok(json!(50_000)));
            check(FieldType::Decimal, json, Ok(json!("50000")));
        }
    }

    #[test]
    fn integers_beyond_two_to_the_53_are_texts() {
        check(FieldType::Number, "9007199254740992", Ok(json!(9_007_199_254_740_992_u64)));
        check(FieldType::Number, "9007199254740993", Ok(json!("9007199254740993")));
        check(FieldType::Number, "\"12\"", Ok(json!(12)));
        check(FieldType::Number, "1e999", Err("`1e+999` is not a number"));
    }

    #[test]
    fn lists_are_split_and_trimmed() {
        check(FieldType::List, "\"a; b;;c;\"", Ok(json!(["a", "b", "c"])));
        check(FieldType::List, "[\"a\",\"b\"]", Ok(json!(["a", "b"])));
        check(FieldType::List, "{}", Err("`{}` is not a list"));
    }

    #[test]
    fn a_message_quotes_a_value_up_to_60_characters() {
        let text = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
        check(FieldType::Bool, &text(60), Err(&format!("`{}` is not a bool", text(60))));
        let start = &text(61)[..60];
        check(FieldType::Bool, &text(61), Err(&format!("`{start}…` (61 bytes) is not a bool")));
    }

    #[test]
    fn each_type_takes_the_forms_that_cannot_be_misread() {
        check(FieldType::String, "12.50", Ok(json!("12.50")));
        check(FieldType::String, "true", Err("`true` is not a string"));
        check(FieldType::List, "[1,\"b\"]", Ok(json!(["1", "b"])));
        check(FieldType::List, "[true]", Err("`[true]` is not a list"));
        check(FieldType::Bool, "false", Ok(json!(false)));
        check(FieldType::Bool, "\"false\"", Ok(json!(false)));
        check(FieldType::Bool, "\"yes\"", Err("`\"yes\"` is not a bool"));
        check(FieldType::Bool, "1", Err("`1` is not a bool"));
        check(FieldType::Number, "true", Err("`true` is not a number"));
        check(FieldType::Number, "\" 12 \"", Ok(json!(12)));
        check(FieldType::Datetime, "true", Err("`true` is not a datetime"));
        check(FieldType::Date, "true", Err("`true` is not a date"));
        for field_type in [FieldType::String, FieldType::List, FieldType::Date, FieldType::Bool] {
            check(field_type, "null", Ok(Value::Null));
        }
    }

    #[test]
    fn an_empty_text_is_null_for_a_field_that_is_not_a_text() {
        check(FieldType::Number, "\"\"", Ok(Value::Null));
        check(FieldType::String, "\"\"", Ok(json!("")));
        check(FieldType::Bool, "\"true\"", Ok(json!(true)));
    }
}
