//! Strict JSON.
//!
//! A duplicate key, too deep nesting and any text that is not JSON are rejected with line and column. Digits of numbers
//! and the order of keys are kept.

mod reader;
mod surrogates;
mod tree;

use serde::de::DeserializeSeed;
use serde_json::value::RawValue;

use self::reader::StrictReader;
pub use self::surrogates::has_lone_surrogate;
pub use self::tree::{Json, Object};

/// Why a text is not valid JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct JsonError {
    /// The line, from 1.
    pub line: usize,
    /// The column of the last byte read, from 1; 0 before any.
    pub column: usize,
    pub message: String,
}

/// Half of a surrogate pair that stands alone is read as the replacement character.
pub fn read(text: &str) -> Result<Json<'_>, JsonError> {
    reject_empty(text)?;
    read_strictly(text).or_else(|error| {
        let replaced = surrogates::replaced(text).ok_or(error)?;
        read_strictly(&replaced).map(Json::into_owned)
    })
}

fn read_strictly(text: &str) -> Result<Json<'_>, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = StrictReader.deserialize(&mut deserializer).map_err(|error| json_error(&error))?;
    deserializer.end().map_err(|error| json_error(&error))?;
    Ok(value)
}

/// The texts of the elements of a top-level array, or the whole text if it is another value.
///
/// Only the syntax is checked: [`read`] may still reject an element.
pub fn split(body: &str) -> Result<Vec<&str>, JsonError> {
    reject_empty(body)?;
    let texts = if body.trim_start().starts_with('[') {
        serde_json::from_str::<Vec<&RawValue>>(body)
    } else {
        serde_json::from_str::<&RawValue>(body).map(|whole| vec![whole])
    };
    Ok(texts.map_err(|error| json_error(&error))?.into_iter().map(RawValue::get).collect())
}

fn reject_empty(text: &str) -> Result<(), JsonError> {
    if text.trim_ascii().is_empty() {
        return Err(JsonError { line: 1, column: 0, message: "empty: expected a JSON value".to_owned() });
    }
    Ok(())
}

fn json_error(error: &serde_json::Error) -> JsonError {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let message = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
    let message = if error.is_eof() { format!("unexpected end: {message}") } else { message.to_owned() };
    JsonError { line, column, message }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[track_caller]
    fn rejected(text: &str, line: usize, column: usize, message: &str) {
        let error = read(text).expect_err(text);
        assert_eq!((error.line, error.column), (line, column), "{text}: {error}");
        assert!(error.message.contains(message), "{text}: {error}");
    }

    #[test]
    fn a_duplicate_key_is_rejected_where_it_appears() {
        rejected(r#"{"a":1,"a":2}"#, 1, 10, "`a` is duplicated");
        rejected("{\"a\":{\"b\":1,\n \"b\":1}}", 2, 4, "`b` is duplicated");
        rejected(r#"[{"a":1,"\u0061":1}]"#, 1, 16, "`a` is duplicated");
        assert!(read(r#"[{"a":1},{"a":1}]"#).is_ok());
        let many = (0..100).map(|n| format!(r#""k{n}":{n},"#)).collect::<String>();
        rejected(&format!(r#"{{{many}"k7":1}}"#), 1, many.len() + 5, "`k7` is duplicated");
        assert!(read(&format!(r#"{{{many}"k100":1}}"#)).is_ok());
    }

    #[test]
    fn invalid_json_is_rejected_with_line_and_column() {
        rejected("", 1, 0, "empty");
        rejected(" \n", 1, 0, "empty");
        rejected(r#"{"a":"#, 1, 5, "unexpected end");
        rejected(r#"{"a":NaN}"#, 1, 6, "expected value");
        rejected(r#"{"a":Infinity}"#, 1, 6, "expected value");
        rejected(r#"{"a":01}"#, 1, 7, "invalid number");
        rejected("{} {}", 1, 4, "trailing characters");
        rejected(&"[".repeat(100_000), 1, 128, "recursion limit");
    }

    #[test]
    fn digits_and_the_order_of_keys_are_kept() {
        let text = r#"{"b":1778192987716501506,"a":[1.10,-0.0,1E400,123456789012345678901234567890]}"#;
        assert_eq!(read(text).unwrap().to_string(), text.replace("1E400", "1e+400"));
    }

    #[test]
    fn the_key_that_serde_json_uses_for_numbers_is_rejected() {
        for text in [
            r#"{"$serde_json::private::Number":"12"}"#,
            r#"{"\u0024serde_json::private::Number":"12"}"#,
            r#"{"$serde_json::private::Number":"\u0031"}"#,
            r#"{"$serde_json::private::Number":12}"#,
            r#"{"$serde_json::private::Number":{"a":1}}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_array_splits_into_the_unchanged_texts_of_its_elements() {
        assert_eq!(split(" [ {\"a\": 1.0} ,2,\"x\"] ").unwrap(), [r#"{"a": 1.0}"#, "2", r#""x""#]);
        assert_eq!(split("\n{ \"a\" : [1] }\n").unwrap(), [r#"{ "a" : [1] }"#]);
        assert_eq!(split("[]").unwrap(), Vec::<&str>::new());
        assert_eq!(split("").unwrap_err().message, "empty: expected a JSON value");
        assert_eq!(
            split("[1,").unwrap_err().to_string(),
            "line 1, column 3: unexpected end: EOF while parsing a value"
        );
        assert_eq!(split("{\"a\":1").unwrap_err().line, 1);
        assert_eq!(split("[1]2").unwrap_err().message, "trailing characters");
    }

    #[test]
    fn a_lone_surrogate_is_read_as_the_replacement_character() {
        let read = read(r#"{"a":["Cut \ud83c",1.0]}"#).unwrap();
        assert_eq!(Value::from(read), serde_json::json!({"a": ["Cut \u{fffd}", 1.0]}));
        rejected(r#"{"a":"\ud83c","b":}"#, 1, 19, "expected value");
        assert_eq!(split(r#"["\ud83c"]"#).unwrap(), [r#""\ud83c""#]);
    }

    proptest! {
        #[test]
        fn no_text_causes_a_panic(text in ".*") {
            let _ = (read(&text), split(&text));
        }

        #[test]
        fn it_reads_the_same_values_as_serde_json(depth in 0..50_usize, text in "[a-z\"\\\\\u{e9}]{0,8}", number in any::<f64>()) {
            let leaf = serde_json::json!({"t": text, "n": number, "e": {}, "l": []}).to_string();
            let nested = format!("{}{leaf}{}", "[".repeat(depth), "]".repeat(depth));
            let read = read(&nested).unwrap();
            prop_assert_eq!(read.to_string(), nested.clone());
            prop_assert_eq!(Value::from(read), serde_json::from_str::<Value>(&nested).unwrap());
        }
    }
}
