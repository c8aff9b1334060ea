//! A document's lines in a bulk call.
//!
//! Promises that the entity is written once, straight into the call's bytes, with every digit it
//! has, and beside it what queries look into. A value that is not of its field's type refuses its
//! document before any call.

use annals_application::ports::Document;
use annals_domain::definition::{FieldType, SystemField};
use annals_domain::entity::{Entity, FieldValue};
use annals_domain::search_text::fold;
use annals_domain::timestamp::Timestamp;
use bytes::{BufMut, BytesMut};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::read_model::mapping::{ENTITY, Place, SEARCH_TEXT};
use crate::read_model::words::stored;

/// How much of a text is filtered and sorted by.
const COMPARED: usize = 1_000;
/// How much of its folded form: one character may fold to many, and a keyword has its limit.
const COMPARED_FOLDED: usize = 8_000;

/// Which versions are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Newer ones.
    Newer,
    /// Newer ones, and the same again.
    SameOrNewer,
}

/// What precedes a document.
#[derive(Serialize)]
struct Action<'a> {
    index: Target<'a>,
}

#[derive(Serialize)]
struct Target<'a> {
    _index: &'a str,
    _id: annals_domain::identity::AggregateId,
    version: u64,
    version_type: &'static str,
}

/// A document with what queries look into, ready to be written.
pub(crate) struct Prepared<'a> {
    document: &'a Document,
    values: Vec<(Place, &'a str, Held<'a>)>,
}

/// A value as it is indexed.
#[derive(Serialize)]
#[serde(untagged)]
enum Held<'a> {
    Text(&'a str),
    Folded(String),
    List(Vec<&'a str>),
    Long(i64),
    Double(f64),
    Bool(bool),
}

impl<'a> Prepared<'a> {
    /// Prepares a document, or says which value does not fit.
    pub(crate) fn new(document: &'a Document) -> Result<Self, String> {
        let Some(definition) = document.schema.definition() else {
            let mut prepared = Self { document, values: Vec::new() };
            prepared.add_text(SystemField::Id.name(), document.entity.external_id.as_str());
            return Ok(prepared);
        };
        let mut prepared = Self { document, values: Vec::with_capacity(2 * definition.fields.len()) };
        for (field, value) in document.entity.fields_of(definition) {
            let Some(value) = value else { continue };
            let (name, field_type) = (&*field.name, field.field_type);
            prepared
                .add(name, field_type, value)
                .ok_or_else(|| format!("{name}: the value is not a {}", field_type.as_str()))?;
        }
        Ok(prepared)
    }

    fn add_text(&mut self, name: &'a str, text: &'a str) {
        let text = compared(text);
        self.values.push((Place::Text, name, Held::Text(text)));
        self.values.push((Place::Folded, name, Held::Folded(folded(text))));
    }

    fn add(&mut self, name: &'a str, field_type: FieldType, value: &'a FieldValue) -> Option<()> {
        let held = match (value, field_type) {
            (FieldValue::Null, _) => return Some(()),
            (FieldValue::Text(text), FieldType::Id | FieldType::Reference | FieldType::String) => {
                self.add_text(name, text);
                return Some(());
            }
            (FieldValue::List(items), FieldType::List) => Held::List(items.iter().map(|item| compared(item)).collect()),
            (FieldValue::Timestamp(timestamp), FieldType::Datetime) => Held::Long(timestamp.millis()),
            (FieldValue::Date(date), FieldType::Date) => Held::Folded(date.to_string()),
            (FieldValue::Bool(value), FieldType::Bool) => Held::Bool(*value),
            (FieldValue::Number(number), FieldType::Number) => Held::Double(double(number.as_str())?),
            (FieldValue::Decimal(digits), FieldType::Decimal) => Held::Double(double(digits)?),
            _ => return None,
        };
        self.values.push((Place::of(field_type), name, held));
        Some(())
    }

    /// Writes the action and the document, a line each.
    pub(crate) fn write(&self, buffer: &mut BytesMut, index: &str, taken: Taken) -> serde_json::Result<()> {
        let entity = &self.document.entity;
        let version_type = match taken {
            Taken::Newer => "external",
            Taken::SameOrNewer => "external_gte",
        };
        let index = Target { _index: index, _id: entity.aggregate_id, version: version(entity), version_type };
        let mut writer = buffer.writer();
        serde_json::to_writer(&mut writer, &Action { index })?;
        writer.get_mut().put_u8(b'\n');
        serde_json::to_writer(&mut writer, self)?;
        writer.get_mut().put_u8(b'\n');
        Ok(())
    }
}

impl Serialize for Prepared<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Document { schema, entity, search_text } = self.document;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(ENTITY, &entity.as_json(schema))?;
        map.serialize_entry(SystemField::AggregateId.name(), &entity.aggregate_id)?;
        map.serialize_entry("entity_name", &entity.entity_name)?;
        map.serialize_entry(SystemField::Provider.name(), &entity.provider)?;
        map.serialize_entry(SystemField::Version.name(), &version(entity))?;
        let timestamps = [(SystemField::CreatedAt, entity.created_at), (SystemField::UpdatedAt, entity.updated_at)];
        for (field, timestamp) in timestamps {
            if let Some(timestamp) = timestamp {
                map.serialize_entry(field.name(), &Timestamp::millis(timestamp))?;
            }
        }
        map.serialize_entry(SystemField::IsDeleted.name(), &entity.is_deleted)?;
        if !search_text.is_empty() {
            map.serialize_entry(SEARCH_TEXT, &stored(search_text))?;
        }
        for place in Place::ALL {
            let values = InPlace(place, &self.values);
            if !values.is_empty() {
                map.serialize_entry(place.as_str(), &values)?;
            }
        }
        map.end()
    }
}

/// The values of one place.
struct InPlace<'a>(Place, &'a [(Place, &'a str, Held<'a>)]);

impl InPlace<'_> {
    fn is_empty(&self) -> bool {
        !self.1.iter().any(|(place, ..)| *place == self.0)
    }
}

impl Serialize for InPlace<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let values = self.1.iter().filter(|(place, ..)| *place == self.0);
        serializer.collect_map(values.map(|(_, name, held)| (name, held)))
    }
}

/// OpenSearch takes no version beyond a signed number's.
fn version(entity: &Entity) -> u64 {
    entity.version.get().min(i64::MAX.unsigned_abs())
}

/// A number as it is compared. What is beyond any float is the largest there is, since OpenSearch
/// takes no infinite one; its digits stand in the entity.
fn double(digits: &str) -> Option<f64> {
    digits.parse::<f64>().ok().map(compared_number)
}

/// Minus zero is zero, which OpenSearch tells apart.
pub(crate) fn compared_number(number: f64) -> f64 {
    number.clamp(f64::MIN, f64::MAX) + 0.0
}

/// What of a text is compared: its first characters.
pub(crate) fn compared(text: &str) -> &str {
    first(text, COMPARED)
}

fn folded(text: &str) -> String {
    let folded = fold(text);
    first(&folded, COMPARED_FOLDED).to_owned()
}

fn first(text: &str, characters: usize) -> &str {
    if text.len() <= characters {
        return text;
    }
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_opensearch_would_refuse_or_tell_apart_is_its_nearest() {
        for (digits, expected) in [("1e999", f64::MAX), ("-1e999", f64::MIN), ("-0.0", 0.0), ("1.50", 1.5)] {
            assert_eq!(double(digits).map(f64::to_bits), Some(expected.to_bits()), "{digits}");
        }
        assert_eq!(double("no number"), None);
    }

    #[test]
    fn a_folded_text_fits_a_keyword_however_much_it_grows() {
        let text = "\u{fdfa}".repeat(1_000);
        assert!(folded(&text).len() <= 32_766);
        assert_eq!(compared("short"), "short");
        assert_eq!(compared(&"é".repeat(1_001)), "é".repeat(1_000));
    }
}
