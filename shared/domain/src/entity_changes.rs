//! The differences between two states of an entity, field by field, in the order of the schema.
//!
//! An unknown field equals a null one: readers see null for both.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::definition::EntitySchema;
use crate::entity::{Entity, FieldValue};

/// The differences between two states of an entity. Serialises as `{from, to}` for each field that differs.
#[derive(Debug, Clone, Copy)]
pub struct EntityChanges<'a> {
    schema: &'a EntitySchema,
    before: Option<&'a Entity>,
    after: &'a Entity,
}

#[derive(Serialize)]
struct FieldChange<'a> {
    from: &'a FieldValue,
    to: &'a FieldValue,
}

impl<'a> EntityChanges<'a> {
    /// Both states must have the same schema. `before` is `None` if the entity was not visible before.
    pub fn between(schema: &'a EntitySchema, before: Option<&'a Entity>, after: &'a Entity) -> Self {
        Self { schema, before, after }
    }

    pub fn to_map(self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        }
    }

    /// Each field's name, and its values before and after where they are known.
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
        let fields = self
            .fields()
            .into_iter()
            .map(|(name, from, to)| (name, FieldChange { from: or_null(from), to: or_null(to) }));
        serializer.collect_map(fields.filter(|(_, FieldChange { from, to })| from != to))
    }
}
