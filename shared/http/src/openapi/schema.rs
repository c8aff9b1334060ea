//! JSON Schemas of values.

use annals_domain::definition::FieldType;
use serde_json::{Map, Value, json};

/// A reference to a schema of the document.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// An object with all of these members and maybe others.
pub(super) fn object<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    object_with(members, [])
}

/// An object with all of these members, maybe the optional ones, and maybe others.
pub(super) fn object_with<'a>(
    members: impl IntoIterator<Item = (&'a str, Value)>,
    optional: impl IntoIterator<Item = (&'a str, Value)>,
) -> Value {
    let mut properties: Map<String, Value> =
        members.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    let required: Vec<String> = properties.keys().cloned().collect();
    properties.extend(optional.into_iter().map(|(name, schema)| (name.to_owned(), schema)));
    json!({"type": "object", "properties": properties, "required": required})
}

/// What all of these schemas say together.
pub(super) fn all_of(parts: impl IntoIterator<Item = Value>) -> Value {
    json!({"allOf": parts.into_iter().collect::<Vec<_>>()})
}

pub(super) fn array(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

pub(super) fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}

/// The schema, or null. It must have one type, or be a reference.
pub(super) fn nullable(mut schema: Value) -> Value {
    let mut types = match schema.get("type") {
        None => return json!({"anyOf": [schema, {"type": "null"}]}),
        Some(Value::Array(types)) => types.clone(),
        Some(one) => vec![one.clone()],
    };
    if !types.iter().any(|of_type| of_type == "null") {
        types.push("null".into());
    }
    schema["type"] = types.into();
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        values.push(Value::Null);
    }
    schema
}

pub(super) fn text() -> Value {
    json!({"type": "string"})
}

pub(super) fn boolean() -> Value {
    json!({"type": "boolean"})
}

pub(super) fn uuid() -> Value {
    json!({"type": "string", "format": "uuid"})
}

pub(super) fn timestamp() -> Value {
    json!({"type": "string", "format": "date-time"})
}

pub(super) fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

pub(super) fn version() -> Value {
    json!({"type": "integer", "minimum": 1})
}

pub(super) fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> Value {
    json!({"type": "string", "enum": names.into_iter().collect::<Vec<_>>()})
}

/// A text that the pattern describes as a whole.
pub(super) fn pattern(expression: &str) -> Value {
    json!({"type": "string", "pattern": super::pattern::whole(expression)})
}

/// A page of results.
pub(super) fn page_of(result: Value) -> Value {
    let link = |of: &str| described(nullable(text()), &format!("The URL of the {of} page, relative to the server."));
    let total = described(nullable(count()), "The results on all pages, if known.");
    object([("results", array(result)), ("count", total), ("next", link("next")), ("previous", link("previous"))])
}

/// The value of a field in JSON, where it is known.
pub(super) fn value_of(field_type: FieldType) -> Value {
    match field_type {
        FieldType::Id | FieldType::Reference | FieldType::String => text(),
        FieldType::List => array(text()),
        FieldType::Datetime => timestamp(),
        FieldType::Date => json!({"type": "string", "format": "date"}),
        FieldType::Bool => boolean(),
        FieldType::Number => {
            json!({"type": ["number", "string"], "description": "An integer beyond 2^53 is a string."})
        }
        FieldType::Decimal => json!({"type": "string", "pattern": r"^-?[0-9]+(?:\.[0-9]+)?$"}),
    }
}
