//! What differs between two states of an entity, field by field.
//!
//! Promises the schema's fields in their order, and that a field which is not known is no other than
//! one that is null: readers see null for both.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::definition::EntitySchema;
use crate::entity::{Entity, FieldValue};

/// The difference between an entity and what it was, which serialises as `{from, to}` per field that
/// differs.
#[derive(Debug, Clone, Copy)]
pub struct EntityChanges<'a> {
    schema: &'a EntitySchema,
    before: Option<&'a Entity>,
    after: &'a Entity,
}

#[derive(Serialize)]
struct FromTo<'a> {
    from: &'a FieldValue,
    to: &'a FieldValue,
}

impl<'a> EntityChanges<'a> {
    /// Between these two, of one schema; `before` is `None` for an entity that did not show.
    pub fn between(schema: &'a EntitySchema, before: Option<&'a Entity>, after: &'a Entity) -> Self {
        Self { schema, before, after }
    }

    /// The same as a map.
    pub fn to_map(self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        }
    }

    /// Each field's name, and its value before and after where that is known.
    fn fields(&self) -> Vec<(&'a str, Option<&'a FieldValue>, Option<&'a FieldValue>)> {
        let (before, after) = (self.before, self.after);
        if let Some(definition) = self.schema.definition() {
            let mut before = before.map(|before| before.fields_of(definition));
            let mut from = || before.as_mut()?.next()?.1;
            return after.fields_of(definition).map(|(field, to)| (&*field.name, from(), to)).collect();
        }
        let is =
            after.fields.iter().map(|(name, to)| (&**name, before.and_then(|before| before.field(name)), Some(to)));
        let was = before.map_or(&[][..], |before| &before.fields);
        let gone = was.iter().filter(|(name, _)| after.field(name).is_none());
        is.chain(gone.map(|(name, from)| (&**name, Some(from), None))).collect()
    }
}

impl<'a> Serialize for EntityChanges<'a> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let or_null = |value: Option<&'a FieldValue>| value.unwrap_or(&FieldValue::Null);
        let fields =
            self.fields().into_iter().map(|(name, from, to)| (name, FromTo { from: or_null(from), to: or_null(to) }));
        serializer.collect_map(fields.filter(|(_, FromTo { from, to })| from != to))
    }
}
