//! Strict JSON: one reading of a text, or the place where there is none.
//!
//! Promises that a key that comes twice, nesting too deep to walk and anything that is not JSON are
//! refused with line and column, and that digits and the order of keys are kept. Does not judge
//! what the values are.

mod reader;
mod tree;

use serde::de::DeserializeSeed;
use serde_json::value::RawValue;

use self::reader::Checked;
pub use self::tree::{Json, Object};

/// Why a text is not the JSON that was wanted, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct JsonFault {
    /// The line, from 1.
    pub line: usize,
    /// The column of the last byte read, from 1; 0 before any.
    pub column: usize,
    /// What is there.
    pub message: String,
}

/// Reads one JSON value.
pub fn read(text: &str) -> Result<Json<'_>, JsonFault> {
    refuse_empty(text)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Checked.deserialize(&mut deserializer).map_err(|error| fault(&error))?;
    deserializer.end().map_err(|error| fault(&error))?;
    Ok(value)
}

/// The texts of a top-level array's elements, or the one value that the text is.
///
/// Only syntax is checked here: an element may still be refused by [`read`].
pub fn split(body: &str) -> Result<Vec<&str>, JsonFault> {
    refuse_empty(body)?;
    let texts = if body.trim_start().starts_with('[') {
        serde_json::from_str::<Vec<&RawValue>>(body)
    } else {
        serde_json::from_str::<&RawValue>(body).map(|whole| vec![whole])
    };
    Ok(texts.map_err(|error| fault(&error))?.into_iter().map(RawValue::get).collect())
}

fn refuse_empty(text: &str) -> Result<(), JsonFault> {
    if text.trim_ascii().is_empty() {
        return Err(JsonFault { line: 1, column: 0, message: "empty; a JSON value would fit".to_owned() });
    }
    Ok(())
}

fn fault(error: &serde_json::Error) -> JsonFault {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let message = text.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&text);
    let message = if error.is_eof() { format!("ends too early: {message}") } else { message.to_owned() };
    JsonFault { line, column, message }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[track_caller]
    fn refused(text: &str, line: usize, column: usize, message: &str) {
        let fault = read(text).expect_err(text);
        assert_eq!((fault.line, fault.column), (line, column), "{text}: {fault}");
        assert!(fault.message.contains(message), "{text}: {fault}");
    }

    #[test]
    fn a_key_that_comes_twice_is_refused_where_it_does() {
        refused(r#"{"a":1,"a":2}"#, 1, 10, "`a` comes twice");
        refused("{\"a\":{\"b\":1,\n \"b\":1}}", 2, 4, "`b` comes twice");
        refused(r#"[{"a":1,"\u0061":1}]"#, 1, 16, "`a` comes twice");
        assert!(read(r#"[{"a":1},{"a":1}]"#).is_ok());
        let many = (0..100).map(|n| format!(r#""k{n}":{n},"#)).collect::<String>();
        refused(&format!(r#"{{{many}"k7":1}}"#), 1, many.len() + 5, "`k7` comes twice");
        assert!(read(&format!(r#"{{{many}"k100":1}}"#)).is_ok());
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        refused("", 1, 0, "empty");
        refused(" \n", 1, 0, "empty");
        refused(r#"{"a":"#, 1, 5, "ends too early");
        refused(r#"{"a":NaN}"#, 1, 6, "expected value");
        refused(r#"{"a":Infinity}"#, 1, 6, "expected value");
        refused(r#"{"a":01}"#, 1, 7, "invalid number");
        refused("{} {}", 1, 4, "trailing characters");
        refused(&"[".repeat(100_000), 1, 128, "recursion limit");
    }

    #[test]
    fn digits_and_the_order_of_keys_are_kept() {
        let text = r#"{"b":1778192987716501506,"a":[1.10,-0.0,1E400,123456789012345678901234567890]}"#;
        assert_eq!(read(text).unwrap().to_string(), text.replace("1E400", "1e+400"));
    }

    #[test]
    fn a_key_that_stands_for_numbers_is_refused_not_mistaken() {
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
    fn an_array_splits_into_its_elements_texts_as_they_came() {
        assert_eq!(split(" [ {\"a\": 1.0} ,2,\"x\"] ").unwrap(), [r#"{"a": 1.0}"#, "2", r#""x""#]);
        assert_eq!(split("\n{ \"a\" : [1] }\n").unwrap(), [r#"{ "a" : [1] }"#]);
        assert_eq!(split("[]").unwrap(), Vec::<&str>::new());
        assert_eq!(split("").unwrap_err().message, "empty; a JSON value would fit");
        assert_eq!(
            split("[1,").unwrap_err().to_string(),
            "line 1, column 3: ends too early: EOF while parsing a value"
        );
        assert_eq!(split("{\"a\":1").unwrap_err().line, 1);
        assert_eq!(split("[1]2").unwrap_err().message, "trailing characters");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = (read(&text), split(&text));
        }

        #[test]
        fn it_reads_what_serde_json_reads(depth in 0..50_usize, text in "[a-z\"\\\\\u{e9}]{0,8}", number in any::<f64>()) {
            let leaf = serde_json::json!({"t": text, "n": number, "e": {}, "l": []}).to_string();
            let nested = format!("{}{leaf}{}", "[".repeat(depth), "]".repeat(depth));
            let read = read(&nested).unwrap();
            prop_assert_eq!(read.to_string(), nested.clone());
            prop_assert_eq!(Value::from(read), serde_json::from_str::<Value>(&nested).unwrap());
        }
    }
}
