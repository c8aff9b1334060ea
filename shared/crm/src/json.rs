//! Strict JSON: one reading of a text, or the place where there is none.
//!
//! Promises that a key that comes twice, nesting too deep to walk and anything that is not JSON are
//! refused with line and column, and that digits and the order of keys are kept. Does not judge
//! what the values are.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

/// The key under which serde_json hands a visitor the digits of a number that no 64-bit integer
/// is. No provider sends it, so an object that starts with it is refused, not mistaken for one.
const NUMBER_KEY: &str = "$serde_json::private::Number";

/// How many fields an object has room for from the start.
const USUAL_FIELDS: usize = 8;

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
pub fn read(text: &str) -> Result<Value, JsonFault> {
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

/// Builds a value and refuses a key that comes twice.
#[derive(Clone, Copy)]
struct Checked;

impl<'de> DeserializeSeed<'de> for Checked {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, integer: u64) -> Result<Value, E> {
        Ok(Value::Number(integer.into()))
    }

    fn visit_i64<E>(self, integer: i64) -> Result<Value, E> {
        Ok(Value::Number(integer.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Map::with_capacity(USUAL_FIELDS);
        while let Some(key) = fields.next_key::<String>()? {
            if map.is_empty() && key == NUMBER_KEY {
                return fields.next_value_seed(Digits).map(Value::Number);
            }
            match map.entry(key) {
                Entry::Vacant(place) => {
                    place.insert(fields.next_value_seed(self)?);
                }
                Entry::Occupied(there) => {
                    return Err(A::Error::custom(format!("the key `{}` comes twice in one object", there.key())));
                }
            }
        }
        Ok(Value::Object(map))
    }
}

/// A number's digits. serde_json hands them over as an owned string, and a string of the text
/// never so: that tells them from an object that happens to have the key.
struct Digits;

impl<'de> DeserializeSeed<'de> for Digits {
    type Value = Number;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Number, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Digits {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no key `{NUMBER_KEY}`")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Number, E> {
        Err(E::custom(format!("the key `{NUMBER_KEY}` cannot be kept")))
    }

    fn visit_string<E: serde::de::Error>(self, digits: String) -> Result<Number, E> {
        digits.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
            prop_assert_eq!(read(&nested).unwrap(), serde_json::from_str::<Value>(&nested).unwrap());
        }
    }
}
