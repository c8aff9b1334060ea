//! A canonical text of a JSON value and its SHA-256, to compare contents.
//!
//! Key order and white space do not matter. Numbers are compared by their text: `1.0` and `1` are different contents.

use serde_json::Value;
use sha2::{Digest, Sha256};

use annals_json::Json;

/// The SHA-256, in hexadecimal, of an object with these fields.
pub(crate) fn sha256_of_fields<'a>(fields: impl Iterator<Item = (&'a str, &'a Json<'a>)>) -> String {
    let mut text = String::with_capacity(1024);
    write_object(&mut text, fields);
    hex_sha256(&text)
}

pub(crate) fn sha256(value: &Json<'_>) -> String {
    let mut text = String::new();
    write(&mut text, value);
    hex_sha256(&text)
}

fn hex_sha256(text: &str) -> String {
    base16ct::lower::encode_string(&Sha256::digest(text.as_bytes()))
}

fn write(text: &mut String, value: &Json<'_>) {
    match value {
        Json::Object(fields) => write_object(text, fields.iter()),
        Json::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(text, item);
            }
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

fn write_object<'a>(text: &mut String, fields: impl Iterator<Item = (&'a str, &'a Json<'a>)>) {
    let mut sorted: Vec<_> = fields.collect();
    sorted.sort_unstable_by_key(|(key, _)| *key);
    text.push('{');
    for (index, (key, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&Value::from(key).to_string());
        text.push(':');
        write(text, value);
    }
    text.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals_json as json;

    fn text(of: &str) -> String {
        let mut text = String::new();
        write(&mut text, &json::read(of).unwrap());
        text
    }

    #[test]
    fn keys_are_sorted_at_every_depth_and_digits_are_kept() {
        let expected = r#"{"a":[{"c":1.0,"d":"\"x\""},null],"b":true}"#;
        assert_eq!(text(r#"{ "b": true, "a": [ {"d": "\"x\"", "c": 1.0}, null ] }"#), expected);
    }

    #[test]
    fn the_hash_is_the_sha_256_of_that_text() {
        assert_eq!(hex_sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let fields = json::read(r#"{"b":1,"a":2}"#).unwrap();
        let of_fields = sha256_of_fields(fields.as_object().unwrap().iter());
        assert_eq!(of_fields, sha256(&json::read(r#"{"a":2,"b":1}"#).unwrap()));
    }
}
