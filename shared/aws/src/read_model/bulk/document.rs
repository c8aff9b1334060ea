//! A document's two lines in a bulk call: the action, and the document itself.
//!
//! The entity is serialised once, straight into the bytes of the call, with every digit it has. Beside it are the
//! values that queries look into. A value of another type than its field's refuses the document before any call.

use annals_application::ports::{Document, compared_text, folded_text};
use annals_domain::definition::{FieldType, SystemField};
use annals_domain::entity::{Entity, FieldValue};
use annals_domain::identity::AggregateId;
use annals_domain::timestamp::Timestamp;
use bytes::{BufMut, BytesMut};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::read_model::index::{ENTITY, FieldGroup, IdHalves, SEARCH_TEXT, parsed_number, searchable_text};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VersionRule {
    Newer,
    /// Newer versions, and the same version again.
    SameOrNewer,
}

impl VersionRule {
    fn version_type(self) -> &'static str {
        match self {
            Self::Newer => "external",
            Self::SameOrNewer => "external_gte",
        }
    }
}

#[derive(Serialize)]
struct ActionLine<'a> {
    index: IndexAction<'a>,
}

#[derive(Serialize)]
struct IndexAction<'a> {
    _index: &'a str,
    _id: AggregateId,
    version: u64,
    version_type: &'static str,
}

/// A document with the values that queries look into.
pub(crate) struct BulkDocument<'a> {
    document: &'a Document,
    values: Vec<(FieldGroup, &'a str, IndexedValue<'a>)>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum IndexedValue<'a> {
    Text(&'a str),
    OwnedText(String),
    List(Vec<&'a str>),
    Long(i64),
    Double(f64),
    Bool(bool),
}

impl<'a> BulkDocument<'a> {
    /// Collects the indexed values of a document; the reason where a value has not the type of its field.
    pub(crate) fn new(document: &'a Document) -> Result<Self, String> {
        let Some(definition) = document.schema.definition() else {
            let mut bulk_document = Self { document, values: Vec::new() };
            bulk_document.add_text(SystemField::Id.name(), document.entity.external_id.as_str());
            return Ok(bulk_document);
        };
        let mut bulk_document = Self { document, values: Vec::with_capacity(2 * definition.fields.len()) };
        for (field, value) in document.entity.fields_of(definition) {
            let Some(value) = value else { continue };
            let (name, field_type) = (&*field.name, field.field_type);
            bulk_document
                .add(name, field_type, value)
                .ok_or_else(|| format!("{name}: the value is not a {}", field_type.as_str()))?;
        }
        Ok(bulk_document)
    }

    fn add_text(&mut self, name: &'a str, text: &'a str) {
        let text = compared_text(text);
        self.values.push((FieldGroup::Text, name, IndexedValue::Text(text)));
        self.values.push((FieldGroup::Folded, name, IndexedValue::OwnedText(folded_text(text))));
    }

    fn add(&mut self, name: &'a str, field_type: FieldType, value: &'a FieldValue) -> Option<()> {
        let indexed = match (value, field_type) {
            (FieldValue::Null, _) => return Some(()),
            (FieldValue::Text(text), FieldType::Id | FieldType::Reference | FieldType::String) => {
                self.add_text(name, text);
                return Some(());
            }
            (FieldValue::List(items), FieldType::List) => {
                IndexedValue::List(items.iter().map(|item| compared_text(item)).collect())
            }
            (FieldValue::Timestamp(timestamp), FieldType::Datetime) => IndexedValue::Long(timestamp.millis()),
            (FieldValue::Date(date), FieldType::Date) => IndexedValue::OwnedText(date.to_string()),
            (FieldValue::Bool(value), FieldType::Bool) => IndexedValue::Bool(*value),
            (FieldValue::Number(number), FieldType::Number) => IndexedValue::Double(parsed_number(number.as_str())?),
            (FieldValue::Decimal(digits), FieldType::Decimal) => IndexedValue::Double(parsed_number(digits)?),
            _ => return None,
        };
        self.values.push((FieldGroup::of(field_type), name, indexed));
        Some(())
    }

    /// Appends the action and the document, each on a line.
    pub(crate) fn write(&self, buffer: &mut BytesMut, index: &str, rule: VersionRule) -> serde_json::Result<()> {
        let entity = &self.document.entity;
        let index = IndexAction {
            _index: index,
            _id: entity.aggregate_id,
            version: version(entity),
            version_type: rule.version_type(),
        };
        let mut writer = buffer.writer();
        serde_json::to_writer(&mut writer, &ActionLine { index })?;
        writer.get_mut().put_u8(b'\n');
        serde_json::to_writer(&mut writer, self)?;
        writer.get_mut().put_u8(b'\n');
        Ok(())
    }
}

impl Serialize for BulkDocument<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Document { schema, entity, search_text } = self.document;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(ENTITY, &entity.as_json(schema))?;
        map.serialize_entry(SystemField::AggregateId.name(), &entity.aggregate_id)?;
        for (path, number) in IdHalves::of(entity.aggregate_id).entries() {
            map.serialize_entry(path, &number)?;
        }
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
        map.serialize_entry(SystemField::Stale.name(), &entity.stale.is_some())?;
        if !search_text.is_empty() {
            map.serialize_entry(SEARCH_TEXT, &searchable_text(search_text))?;
        }
        for group in FieldGroup::ALL {
            let values = GroupValues(group, &self.values);
            if !values.is_empty() {
                map.serialize_entry(group.as_str(), &values)?;
            }
        }
        map.end()
    }
}

struct GroupValues<'a>(FieldGroup, &'a [(FieldGroup, &'a str, IndexedValue<'a>)]);

impl GroupValues<'_> {
    fn is_empty(&self) -> bool {
        !self.1.iter().any(|(group, ..)| *group == self.0)
    }
}

impl Serialize for GroupValues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let values = self.1.iter().filter(|(group, ..)| *group == self.0);
        serializer.collect_map(values.map(|(_, name, value)| (name, value)))
    }
}

/// OpenSearch keeps versions in signed numbers.
fn version(entity: &Entity) -> u64 {
    entity.version.get().min(i64::MAX.unsigned_abs())
}
