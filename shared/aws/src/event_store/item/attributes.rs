//! The attributes of an item, put and taken by name and type.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use annals_domain::timestamp::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_dynamo::{AttributeValue, Item, from_attribute_value, to_attribute_value};
use uuid::Uuid;

use super::ItemError;
use super::size::attributes_size;

/// The attributes of an item that is being encoded or decoded. To decode, each is converted when it is taken: an item of
/// the SDK need not be built anew.
pub(super) struct Attributes<V = AttributeValue>(HashMap<String, V>);

impl Default for Attributes {
    fn default() -> Self {
        // An event has no more attributes, so the map never grows.
        Self(HashMap::with_capacity(22))
    }
}

impl<V> From<HashMap<String, V>> for Attributes<V> {
    fn from(item: HashMap<String, V>) -> Self {
        Self(item)
    }
}

impl From<Attributes> for Item {
    fn from(attributes: Attributes) -> Self {
        attributes.0.into()
    }
}

impl Attributes {
    pub(super) fn size(&self) -> usize {
        attributes_size(&self.0)
    }

    pub(super) fn put(&mut self, name: &str, value: AttributeValue) {
        self.0.insert(name.to_owned(), value);
    }

    pub(super) fn text(&mut self, name: &str, text: impl Into<String>) {
        self.put(name, AttributeValue::S(text.into()));
    }

    pub(super) fn number(&mut self, name: &str, number: impl Display) {
        self.put(name, AttributeValue::N(number.to_string()));
    }

    pub(super) fn bytes(&mut self, name: &str, bytes: &[u8]) {
        self.put(name, AttributeValue::B(bytes.to_vec()));
    }

    pub(super) fn serialized(&mut self, name: &str, value: &impl Serialize) -> Result<(), serde_dynamo::Error> {
        self.put(name, to_attribute_value(value)?);
        Ok(())
    }

    /// Puts an opaque id. Most are UUIDs, which take 16 bytes as a binary instead of 36.
    pub(super) fn id(&mut self, name: &str, id: &str) {
        match canonical_uuid(id) {
            Some(uuid) => self.bytes(name, uuid.as_bytes()),
            None => self.text(name, id),
        }
    }
}

impl<V: Into<AttributeValue>> Attributes<V> {
    pub(super) fn take_if_present(&mut self, name: &'static str) -> Option<AttributeValue> {
        self.0.remove(name).map(V::into)
    }

    pub(super) fn take(&mut self, name: &'static str) -> Result<AttributeValue, ItemError> {
        self.take_if_present(name).ok_or(ItemError::Missing(name))
    }

    pub(super) fn take_text(&mut self, name: &'static str) -> Result<String, ItemError> {
        self.take_text_if_present(name)?.ok_or(ItemError::Missing(name))
    }

    pub(super) fn take_text_if_present(&mut self, name: &'static str) -> Result<Option<String>, ItemError> {
        match self.take_if_present(name) {
            None => Ok(None),
            Some(AttributeValue::S(text)) => Ok(Some(text)),
            Some(_) => Err(ItemError::Invalid { attribute: name, expected: "a string" }),
        }
    }

    pub(super) fn take_number<T: FromStr>(&mut self, name: &'static str) -> Result<T, ItemError> {
        self.take_number_if_present(name)?.ok_or(ItemError::Missing(name))
    }

    pub(super) fn take_number_if_present<T: FromStr>(&mut self, name: &'static str) -> Result<Option<T>, ItemError> {
        let invalid = ItemError::Invalid { attribute: name, expected: "a whole number in range" };
        match self.take_if_present(name) {
            None => Ok(None),
            Some(AttributeValue::N(number)) => number.parse().map(Some).map_err(|_| invalid),
            Some(_) => Err(invalid),
        }
    }

    pub(super) fn take_timestamp(&mut self, name: &'static str) -> Result<Timestamp, ItemError> {
        let invalid = |_| ItemError::Invalid { attribute: name, expected: "a timestamp in milliseconds" };
        Timestamp::from_millis(self.take_number(name)?).map_err(invalid)
    }

    pub(super) fn take_bytes_if_present(&mut self, name: &'static str) -> Result<Option<Vec<u8>>, ItemError> {
        match self.take_if_present(name) {
            None => Ok(None),
            Some(AttributeValue::B(bytes)) => Ok(Some(bytes)),
            Some(_) => Err(ItemError::Invalid { attribute: name, expected: "a binary" }),
        }
    }

    pub(super) fn take_uuid(&mut self, name: &'static str) -> Result<Uuid, ItemError> {
        uuid_in(&self.take(name)?).ok_or(ItemError::Invalid { attribute: name, expected: "a binary of 16 bytes" })
    }

    pub(super) fn take_id_if_present(&mut self, name: &'static str) -> Result<Option<String>, ItemError> {
        self.take_if_present(name).map(|value| id_in(name, value)).transpose()
    }

    pub(super) fn take_bool(&mut self, name: &'static str) -> Result<bool, ItemError> {
        match self.take_if_present(name) {
            None => Ok(false),
            Some(AttributeValue::Bool(value)) => Ok(value),
            Some(_) => Err(ItemError::Invalid { attribute: name, expected: "a boolean" }),
        }
    }

    pub(super) fn take_serialized<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<T, ItemError> {
        self.take_serialized_if_present(name, expected)?.ok_or(ItemError::Missing(name))
    }

    /// The cause of an error is dropped, because it may quote the value.
    pub(super) fn take_serialized_if_present<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, ItemError> {
        let Some(value) = self.take_if_present(name) else { return Ok(None) };
        from_attribute_value(value).map(Some).map_err(|_| ItemError::Invalid { attribute: name, expected })
    }
}

/// An opaque id, in one of the forms of [`Attributes::id`].
pub(super) fn id_in(name: &'static str, value: AttributeValue) -> Result<String, ItemError> {
    if let AttributeValue::S(text) = value {
        return Ok(text);
    }
    let uuid = uuid_in(&value).map(|uuid| uuid.to_string());
    uuid.ok_or(ItemError::Invalid { attribute: name, expected: "a string or a binary of 16 bytes" })
}

pub(super) fn uuid_in(value: &AttributeValue) -> Option<Uuid> {
    let AttributeValue::B(bytes) = value else { return None };
    Uuid::from_slice(bytes).ok()
}

/// The UUID in a text, if the text is that UUID's canonical form.
fn canonical_uuid(text: &str) -> Option<Uuid> {
    let uuid = Uuid::try_parse(text).ok()?;
    (*uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == *text).then_some(uuid)
}
