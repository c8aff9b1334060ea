//! Values of entities in a table's cells.

use annals_domain::timestamp::Timestamp;
use serde_json::Value;

use crate::style::short;

/// A value in a few words.
pub(super) fn value(value: &Value, most: usize) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => short(text, most),
        other => short(&other.to_string(), most),
    }
}

/// A field of an entity where it is known, else nothing.
pub(super) fn field(entity: &Value, name: &str, most: usize) -> String {
    entity.get(name).filter(|value| !value.is_null()).map(|known| value(known, most)).unwrap_or_default()
}

/// A timestamp.
pub(super) fn timestamp(timestamp: Timestamp) -> String {
    timestamp.to_string()
}
