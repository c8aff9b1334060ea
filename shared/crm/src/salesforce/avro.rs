//! Avro's JSON encoding of unions: `{"string": "Acme"}` for `"Acme"`.
//!
//! Promises to see through wrappers wherever they are. Salesforce's own fields start with a
//! capital, so no struct is mistaken for a wrapper.

use serde_json::{Map, Value};

/// The value inside any wrappers.
pub(super) fn inside(mut value: &Value) -> &Value {
    while let Value::Object(fields) = value
        && let Some(inner) = wrapped(fields)
    {
        value = inner;
    }
    value
}

/// The value without wrappers, in the elements of lists too.
pub(super) fn unwrapped(mut value: Value) -> Value {
    loop {
        match value {
            Value::Object(ref mut fields) if wrapped(fields).is_some() => {
                value = std::mem::take(fields).into_iter().next().map_or(Value::Null, |(_, inner)| inner);
            }
            Value::Array(items) => return Value::Array(items.into_iter().map(deeply_unwrapped).collect()),
            other => return other,
        }
    }
}

fn deeply_unwrapped(value: Value) -> Value {
    match unwrapped(value) {
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(key, value)| (key, deeply_unwrapped(value))).collect())
        }
        other => other,
    }
}

fn wrapped(fields: &Map<String, Value>) -> Option<&Value> {
    let mut fields = fields.iter();
    match (fields.next(), fields.next()) {
        (Some((key, inner)), None) if is_wrapper(key) => Some(inner),
        _ => None,
    }
}

fn is_wrapper(key: &str) -> bool {
    matches!(key, "string" | "long" | "int" | "double" | "float" | "boolean" | "bytes" | "array" | "map")
        || key.starts_with("com.sforce.eventbus.")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(value: Value, expected: &Value) {
        assert_eq!(inside(&value).is_object(), expected.is_object(), "{value}");
        assert_eq!(&unwrapped(value), expected);
    }

    #[test]
    fn wrappers_of_any_depth_are_seen_through() {
        check(json!({"string": "Acme"}), &json!("Acme"));
        check(json!({"com.sforce.eventbus.Address": {"City": null}}), &json!({"City": null}));
        check(json!({"array": [{"string": "a"}, null, {"x": {"long": 1}}]}), &json!(["a", null, {"x": 1}]));
        check(json!({"string": {"string": null}}), &json!(null));
    }

    #[test]
    fn structs_are_left_alone() {
        for value in [json!({}), json!({"City": "x"}), json!({"string": 1, "long": 2}), json!({"diff": "x"}), json!(1)]
        {
            check(value.clone(), &value);
        }
    }
}
