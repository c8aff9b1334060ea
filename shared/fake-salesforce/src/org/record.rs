//! One record, with the fields that a query selects.

use serde_json::{Map, Value, json};

use super::object::{ADDRESS_PARTS, FieldKind};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredRecord {
    pub(crate) fields: Map<String, Value>,
}

impl StoredRecord {
    pub(crate) fn is_deleted(&self) -> bool {
        self.fields.get("IsDeleted") == Some(&Value::Bool(true))
    }

    /// The value of a field; an address is put together from its parts.
    pub(crate) fn value(&self, name: &str, kind: FieldKind) -> Value {
        if kind != FieldKind::Address {
            return self.fields.get(name).cloned().unwrap_or_default();
        }
        let prefix = name.strip_suffix("Address").unwrap_or_default();
        let part = |part: &str| self.fields.get(&format!("{prefix}{part}")).cloned().unwrap_or_default();
        let parts: Map<String, Value> =
            ADDRESS_PARTS.iter().map(|(field, key)| ((*key).to_owned(), part(field))).collect();
        if parts.values().all(Value::is_null) { Value::Null } else { json!(parts) }
    }
}
