//! An item's attributes by name, each written and taken as what it is.

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

/// The attributes of one item, going in or coming out.
pub(super) struct Attributes(HashMap<String, AttributeValue>);

impl Default for Attributes {
    fn default() -> Self {
        // As many as an event has at most: the map never grows.
        Self(HashMap::with_capacity(22))
    }
}

impl From<Item> for Attributes {
    fn from(item: Item) -> Self {
        Self(item.into_inner())
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

    /// An id that is opaque here. Most are UUIDs, and those take 16 bytes instead of 36.
    pub(super) fn id(&mut self, name: &str, id: &str) {
        match canonical_uuid(id) {
            Some(uuid) => self.bytes(name, uuid.as_bytes()),
            None => self.text(name, id),
        }
    }

    /// Whether the attribute is there and null.
    pub(super) fn is_null(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(AttributeValue::Null(_)))
    }

    pub(super) fn take(&mut self, name: &'static str) -> Result<AttributeValue, ItemError> {
        self.0.remove(name).ok_or(ItemError::Missing(name))
    }

    pub(super) fn take_text(&mut self, name: &'static str) -> Result<String, ItemError> {
        self.take_text_if_there(name)?.ok_or(ItemError::Missing(name))
    }

    pub(super) fn take_text_if_there(&mut self, name: &'static str) -> Result<Option<String>, ItemError> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(AttributeValue::S(text)) => Ok(Some(text)),
            Some(_) => Err(ItemError::Unfit { attribute: name, expected: "a string" }),
        }
    }

    pub(super) fn take_number<T: FromStr>(&mut self, name: &'static str) -> Result<T, ItemError> {
        self.take_number_if_there(name)?.ok_or(ItemError::Missing(name))
    }

    pub(super) fn take_number_if_there<T: FromStr>(&mut self, name: &'static str) -> Result<Option<T>, ItemError> {
        let unfit = ItemError::Unfit { attribute: name, expected: "a whole number in range" };
        match self.0.remove(name) {
            None => Ok(None),
            Some(AttributeValue::N(number)) => number.parse().map(Some).map_err(|_| unfit),
            Some(_) => Err(unfit),
        }
    }

    pub(super) fn take_timestamp(&mut self, name: &'static str) -> Result<Timestamp, ItemError> {
        let unfit = |_| ItemError::Unfit { attribute: name, expected: "a timestamp in milliseconds" };
        Timestamp::from_millis(self.take_number(name)?).map_err(unfit)
    }

    pub(super) fn take_bytes_if_there(&mut self, name: &'static str) -> Result<Option<Vec<u8>>, ItemError> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(AttributeValue::B(bytes)) => Ok(Some(bytes)),
            Some(_) => Err(ItemError::Unfit { attribute: name, expected: "a binary" }),
        }
    }

    pub(super) fn take_uuid(&mut self, name: &'static str) -> Result<Uuid, ItemError> {
        uuid_in(&self.take(name)?).ok_or(ItemError::Unfit { attribute: name, expected: "a binary of 16 bytes" })
    }

    pub(super) fn take_id_if_there(&mut self, name: &'static str) -> Result<Option<String>, ItemError> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(AttributeValue::S(text)) => Ok(Some(text)),
            Some(value) => match uuid_in(&value) {
                Some(uuid) => Ok(Some(uuid.to_string())),
                None => Err(ItemError::Unfit { attribute: name, expected: "a string or a binary of 16 bytes" }),
            },
        }
    }

    pub(super) fn take_bool(&mut self, name: &'static str) -> Result<bool, ItemError> {
        match self.0.remove(name) {
            None => Ok(false),
            Some(AttributeValue::Bool(value)) => Ok(value),
            Some(_) => Err(ItemError::Unfit { attribute: name, expected: "a boolean" }),
        }
    }

    pub(super) fn take_serialized<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<T, ItemError> {
        self.take_serialized_if_there(name, expected)?.ok_or(ItemError::Missing(name))
    }

    /// The cause is dropped: it may quote the value.
    pub(super) fn take_serialized_if_there<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, ItemError> {
        let Some(value) = self.0.remove(name) else { return Ok(None) };
        from_attribute_value(value).map(Some).map_err(|_| ItemError::Unfit { attribute: name, expected })
    }
}

/// The UUID in a binary of 16 bytes.
pub(super) fn uuid_in(value: &AttributeValue) -> Option<Uuid> {
    let AttributeValue::B(bytes) = value else { return None };
    Uuid::from_slice(bytes).ok()
}

/// The UUID that a text is, if that UUID is written as this very text.
fn canonical_uuid(text: &str) -> Option<Uuid> {
    let uuid = Uuid::try_parse(text).ok()?;
    (*uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == *text).then_some(uuid)
}
