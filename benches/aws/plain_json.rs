//! JSON as serde_json reads it by default: objects are sorted maps, numbers are machine numbers. Features are set once for
//! the whole workspace, and with ours (exact digits, keys in their order) serde_json's own `Value` is slower to read.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

#[expect(dead_code, reason = "a floor holds the values that it has read, as its user would")]
pub(crate) enum PlainJson {
    Null,
    Bool(bool),
    Number(i64),
    String(String),
    Array(Vec<PlainJson>),
    Object(BTreeMap<String, PlainJson>),
}

impl<'de> Deserialize<'de> for PlainJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PlainVisitor)
    }
}

struct PlainVisitor;

impl<'de> Visitor<'de> for PlainVisitor {
    type Value = PlainJson;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without fractions")
    }

    fn visit_unit<E>(self) -> Result<PlainJson, E> {
        Ok(PlainJson::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<PlainJson, E> {
        Ok(PlainJson::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<PlainJson, E> {
        Ok(PlainJson::Number(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<PlainJson, E> {
        Ok(PlainJson::Number(number.cast_signed()))
    }

    fn visit_str<E>(self, text: &str) -> Result<PlainJson, E> {
        Ok(PlainJson::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<PlainJson, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element()? {
            values.push(value);
        }
        Ok(PlainJson::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<PlainJson, A::Error> {
        let mut object = BTreeMap::new();
        while let Some((key, value)) = fields.next_entry()? {
            object.insert(key, value);
        }
        Ok(PlainJson::Object(object))
    }
}
