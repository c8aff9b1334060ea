//! A digest of what a change event says.
//!
//! Copies in different forms of the body have the same digest if they say the same: a day or a timestamp counts as the
//! milliseconds that the other form has for it. Numbers are canonical already.

use annals_domain::change::{FieldWrite, WriteContent};
use annals_domain::timestamp::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Each value goes into the hash with its kind and its length, so that no two different statements run together.
pub(super) struct StatementDigest(Sha256);

impl StatementDigest {
    /// `undecoded` is a hash of the body if its fields could not be decoded.
    pub(super) fn new(is_base: bool, undecoded: Option<&str>) -> Self {
        let mut digest = Self(Sha256::new());
        digest.add(if is_base { "base" } else { "part" }, undecoded.unwrap_or_default().as_bytes());
        digest
    }

    /// Adds the writes, in any order.
    pub(super) fn of(mut self, writes: &[FieldWrite]) -> String {
        let mut sorted: Vec<&FieldWrite> = writes.iter().collect();
        sorted.sort_by(|one, other| one.path.cmp(&other.path));
        for write in sorted {
            self.add("path", write.path.as_str().as_bytes());
            match &write.content {
                WriteContent::Value(value) => self.value(value),
                WriteContent::Unknown => self.add("unknown", b""),
                WriteContent::Diff(diff) => self.add("diff", diff.as_str().as_bytes()),
            }
        }
        base16ct::lower::encode_string(&self.0.finalize())
    }

    fn add(&mut self, kind: &str, bytes: &[u8]) {
        self.0.update(kind);
        self.0.update(bytes.len().to_be_bytes());
        self.0.update(bytes);
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.add("null", b""),
            Value::Bool(value) => self.add("bool", &[u8::from(*value)]),
            Value::Number(number) => self.add("number", number.as_str().as_bytes()),
            Value::String(text) => match milliseconds(text) {
                Some(millis) => self.add("number", millis.to_string().as_bytes()),
                None => self.add("text", text.as_bytes()),
            },
            Value::Array(items) => {
                self.add("list", &items.len().to_be_bytes());
                items.iter().for_each(|item| self.value(item));
            }
            Value::Object(fields) => {
                let mut sorted: Vec<_> = fields.iter().collect();
                sorted.sort_by_key(|(key, _)| *key);
                self.add("object", &sorted.len().to_be_bytes());
                for (key, value) in sorted {
                    self.add("key", key.as_bytes());
                    self.value(value);
                }
            }
        }
    }
}

/// The milliseconds since 1970 of a text that is a day or a timestamp.
fn milliseconds(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() < "2026-09-21".len() || bytes[4] != b'-' || !bytes[0].is_ascii_digit() {
        return None;
    }
    let timestamp = match bytes.len() {
        10 => format!("{text}T00:00:00Z").parse::<Timestamp>(),
        _ => text.parse(),
    };
    timestamp.ok().map(Timestamp::millis)
}

#[cfg(test)]
mod tests {
    use annals_domain::path::Path;
    use serde_json::json;

    use super::*;

    fn digest(value: Value) -> String {
        StatementDigest::new(false, None).of(&[FieldWrite::of_value(Path::new("A"), value)])
    }

    #[test]
    fn values_that_only_differ_in_their_form_are_one() {
        for (one, other) in [
            (json!("2024-01-15T10:30:00.000+0000"), json!(1_705_314_600_000_i64)),
            (json!("2024-01-15"), json!(1_705_276_800_000_i64)),
            (json!({"b": 1, "a": [2]}), json!({"a": [2], "b": 1})),
        ] {
            assert_eq!(digest(one.clone()), digest(other.clone()), "{one} {other}");
        }
    }

    #[test]
    fn different_values_are_different() {
        let values = [
            json!(null),
            json!(""),
            json!("null"),
            json!(false),
            json!(true),
            json!(0),
            json!("0"),
            json!([]),
            json!([null]),
            json!([[]]),
            json!({}),
            json!({"a": null}),
            json!({"a": "b"}),
            json!(["a", "b"]),
            json!(["ab"]),
            json!("2024-01-15T10:30:00"),
            json!("2024-13-15"),
            json!("1705276800000"),
            json!(1_705_276_800_000_i64),
            json!("\u{e9}024-01-15"),
            json!("20240115T00:00:00Z"),
        ];
        let mut digests: Vec<String> = values.iter().cloned().map(digest).collect();
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), values.len());
    }

    #[test]
    fn what_is_said_and_how_it_was_decoded_is_part_of_it() {
        let write = |path: &str, content| FieldWrite { path: Path::new(path), content };
        let text = || WriteContent::Value(json!("x"));
        let of = |is_base, undecoded, writes: &[FieldWrite]| StatementDigest::new(is_base, undecoded).of(writes);
        let both = [write("A", text()), write("B", WriteContent::Unknown)];
        let swapped = [write("B", WriteContent::Unknown), write("A", text())];
        assert_eq!(of(false, None, &both), of(false, None, &swapped));
        let others = [
            of(false, None, &both),
            of(true, None, &both),
            of(false, Some("hash"), &both),
            of(false, None, &both[..1]),
            of(false, None, &[write("A", WriteContent::Unknown), write("B", text())]),
            of(false, None, &[]),
        ];
        let mut distinct = others.to_vec();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), others.len());
    }
}
