//! The fields that a caller wants of each entity.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

/// Names of fields, in the order in which an entity then has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSelection(Vec<Arc<str>>);

impl FieldSelection {
    /// Without the names that occur before.
    pub fn new(names: impl IntoIterator<Item = Arc<str>>) -> Self {
        let mut selected: Vec<Arc<str>> = Vec::new();
        for name in names {
            if !selected.contains(&name) {
                selected.push(name);
            }
        }
        Self(selected)
    }

    /// An entity's JSON with only these fields: null where it has none of that name. Values keep their bytes.
    pub fn of(&self, entity: &RawValue) -> serde_json::Result<Box<RawValue>> {
        let fields: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(entity.get())?;
        to_raw_value(&Selected { names: &self.0, fields: &fields })
    }
}

struct Selected<'a> {
    names: &'a [Arc<str>],
    fields: &'a BTreeMap<Cow<'a, str>, &'a RawValue>,
}

impl Serialize for Selected<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.names.len()))?;
        for name in self.names {
            map.serialize_entry(&**name, &self.fields.get(&**name))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(names: &[&str], expected: &str) {
        let entity = r#"{"id":"1","n":1.10,"é\"":[1778192987716501506, null ],"x":null}"#;
        let entity = RawValue::from_string(entity.to_owned()).unwrap();
        let selection = FieldSelection::new(names.iter().map(|name| Arc::from(*name)));
        assert_eq!(selection.of(&entity).unwrap().get(), expected, "{names:?}");
    }

    #[test]
    fn a_selection_keeps_the_bytes_of_values_and_its_own_order() {
        check(&["n", "id"], r#"{"n":1.10,"id":"1"}"#);
        check(&["é\""], r#"{"é\"":[1778192987716501506, null ]}"#);
        check(&["x", "absent", "x"], r#"{"x":null,"absent":null}"#);
        check(&[], "{}");
    }
}
