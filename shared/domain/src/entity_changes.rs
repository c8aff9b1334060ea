//! What differs between two states of an entity, field by field.
//!
//! Promises the shape's fields in their order, and that a field which is not known is no other than
//! one that is null: readers see null for both.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::definition::Shape;
use crate::entity::{Entity, FieldValue};

/// The difference between an entity and what it was, which serialises as `{from, to}` per field that
/// differs.
#[derive(Debug, Clone, Copy)]
pub struct EntityChanges<'a> {
    shape: &'a Shape,
    before: Option<&'a Entity>,
    after: &'a Entity,
}

#[derive(Serialize)]
struct FromTo<'a> {
    from: &'a FieldValue,
    to: &'a FieldValue,
}

impl<'a> EntityChanges<'a> {
    /// Between these two, of one shape; `before` is `None` for an entity that did not show.
    pub fn between(shape: &'a Shape, before: Option<&'a Entity>, after: &'a Entity) -> Self {
        Self { shape, before, after }
    }

    /// The same as a map.
    pub fn to_map(self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        }
    }

    fn of(&self, name: &'a str) -> Option<(&'a str, FromTo<'a>)> {
        let shown = |entity: &'a Entity| entity.field(name).unwrap_or(&FieldValue::Null);
        let (from, to) = (self.before.map_or(&FieldValue::Null, shown), shown(self.after));
        (from != to).then_some((name, FromTo { from, to }))
    }

    fn names(&self) -> Vec<&'a str> {
        if let Some(definition) = self.shape.definition() {
            return definition.fields.iter().map(|field| &*field.name).collect();
        }
        let gone = |name: &&str| self.after.field(name).is_none();
        let before = self.before.map_or(&[][..], |before| &before.fields);
        let before = before.iter().map(|(name, _)| &**name).filter(gone);
        self.after.fields.iter().map(|(name, _)| &**name).chain(before).collect()
    }
}

impl Serialize for EntityChanges<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names().into_iter().filter_map(|name| self.of(name)))
    }
}
