//! Building a value of a text, strictly.
//!
//! Promises to refuse a key that comes twice in one object, at the place of its second coming.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Number;

use super::tree::{Json, Object};

/// The key under which serde_json hands a visitor the digits of a number that no 64-bit integer
/// is. No provider sends it, so an object that starts with it is refused, not mistaken for one.
const NUMBER_KEY: &str = "$serde_json::private::Number";

/// How many fields an object has room for from the start.
const USUAL_FIELDS: usize = 8;

/// Up to how many fields a key is looked for by comparing; beyond, by hashing, since the first
/// would take the square of their number.
const COMPARED_FIELDS: usize = 32;

/// Builds a value and refuses a key that comes twice.
#[derive(Clone, Copy)]
pub(super) struct Checked;

impl<'de> DeserializeSeed<'de> for Checked {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, integer: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(integer.into()))
    }

    fn visit_i64<E>(self, integer: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(integer.into()))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::String(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::String(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Json::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Json<'de>, A::Error> {
        let mut object = Object::with_capacity(USUAL_FIELDS);
        let mut keys = Keys::default();
        while let Some(Key(key)) = fields.next_key()? {
            if object.is_empty() && key == NUMBER_KEY {
                return fields.next_value_seed(Digits).map(Json::Number);
            }
            if keys.has_met(&object, &key) {
                return Err(A::Error::custom(format!("the key `{key}` comes twice in one object")));
            }
            let value = fields.next_value_seed(self)?;
            object.push(key, value);
        }
        Ok(Json::Object(object))
    }
}

/// The hashes of an object's keys, once they are many.
#[derive(Default)]
struct Keys {
    hashes: Option<(RandomState, HashSet<u64>)>,
}

impl Keys {
    /// Whether the object has that key already.
    fn has_met(&mut self, object: &Object<'_>, key: &str) -> bool {
        if object.len() < COMPARED_FIELDS {
            return object.contains_key(key);
        }
        let (hasher, hashes) = self.hashes.get_or_insert_with(|| {
            let hasher = RandomState::new();
            let hashes = object.iter().map(|(key, _)| hasher.hash_one(key)).collect();
            (hasher, hashes)
        });
        // Two keys may share a hash.
        !hashes.insert(hasher.hash_one(key)) && object.contains_key(key)
    }
}

/// An object's key. Transparent, since serde_json hands the key of a number's digits over as it is asked
/// for anything.
#[derive(Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

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
