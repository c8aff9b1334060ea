//! Builds a value from a text, and rejects a duplicate key where it appears.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Number;

use super::tree::{Json, Object};

/// The key under which serde_json passes the digits of a number that is not a 64-bit integer. No provider sends it, so an
/// object that starts with it is rejected.
const NUMBER_KEY: &str = "$serde_json::private::Number";

/// The initial capacity of an object: most objects of change events have at most eight fields.
const USUAL_FIELDS: usize = 8;

/// With fewer fields than this, a new key is compared with each; with more, by its hash, because comparing takes the square
/// of their number.
const COMPARED_FIELDS: usize = 32;

#[derive(Clone, Copy)]
pub(super) struct StrictReader;

impl<'de> DeserializeSeed<'de> for StrictReader {
    type Value = Json<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictReader {
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
        let mut object = Object::default();
        let mut keys = KnownKeys::default();
        while let Some(ObjectKey(key)) = fields.next_key()? {
            if object.is_empty() {
                if key == NUMBER_KEY {
                    return fields.next_value_seed(NumberDigits).map(Json::Number);
                }
                // Not before, since a number would throw the memory away.
                object = Object::with_capacity(USUAL_FIELDS);
            }
            if keys.has(&object, &key) {
                return Err(A::Error::custom(format!("the key `{key}` is duplicated")));
            }
            let value = fields.next_value_seed(self)?;
            object.push(key, value);
        }
        Ok(Json::Object(object))
    }
}

/// The hashes of an object's keys, kept only if there are many.
#[derive(Default)]
struct KnownKeys {
    hashes: Option<(RandomState, HashSet<u64>)>,
}

impl KnownKeys {
    fn has(&mut self, object: &Object<'_>, key: &str) -> bool {
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

/// A key of an object. Transparent, because serde_json passes the key of a number's digits only that way.
#[derive(Deserialize)]
#[serde(transparent)]
struct ObjectKey<'a>(#[serde(borrow)] Cow<'a, str>);

/// The digits of a number. serde_json passes them as an owned string and never passes a string of the text so. That
/// distinguishes a number from an object that has the same key.
struct NumberDigits;

impl<'de> DeserializeSeed<'de> for NumberDigits {
    type Value = Number;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Number, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for NumberDigits {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no key `{NUMBER_KEY}`")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Number, E> {
        Err(E::custom(format!("the key `{NUMBER_KEY}` is reserved")))
    }

    fn visit_string<E: serde::de::Error>(self, digits: String) -> Result<Number, E> {
        digits.parse().map_err(E::custom)
    }
}
