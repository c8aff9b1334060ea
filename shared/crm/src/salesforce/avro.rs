//! Avro's JSON encoding of unions: `{"string": "Acme"}` for `"Acme"`.
//!
//! Wrappers are removed wherever they are. Salesforce's own fields start with a capital letter, so no struct is mistaken
//! for a wrapper.

use annals_json::{Json, Object};

pub(super) fn inside<'a, 'b>(mut value: &'b Json<'a>) -> &'b Json<'a> {
    while let Json::Object(fields) = value
        && let Some(inner) = wrapped(fields)
    {
        value = inner;
    }
    value
}

/// The value without wrappers, also in the elements of lists.
pub(super) fn unwrapped(mut value: Json<'_>) -> Json<'_> {
    loop {
        match value {
            Json::Object(ref mut fields) if wrapped(fields).is_some() => {
                value = std::mem::take(fields).into_iter().next().map_or(Json::Null, |(_, inner)| inner);
            }
            Json::Array(items) => return Json::Array(items.into_iter().map(deeply_unwrapped).collect()),
            other => return other,
        }
    }
}

fn deeply_unwrapped(value: Json<'_>) -> Json<'_> {
    match unwrapped(value) {
        Json::Object(fields) => {
            Json::Object(fields.into_iter().map(|(key, value)| (key, deeply_unwrapped(value))).collect())
        }
        other => other,
    }
}

fn wrapped<'a, 'b>(fields: &'b Object<'a>) -> Option<&'b Json<'a>> {
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
    use serde_json::{Value, json};

    use super::*;
    use annals_json as json;

    #[track_caller]
    fn check(value: &Value, expected: &Value) {
        let text = value.to_string();
        let value = json::read(&text).unwrap();
        assert_eq!(inside(&value).as_object().is_some(), expected.is_object(), "{value}");
        assert_eq!(&Value::from(unwrapped(value)), expected);
    }

    #[test]
    fn wrappers_of_any_depth_are_removed() {
        check(&json!({"string": "Acme"}), &json!("Acme"));
        check(&json!({"com.sforce.eventbus.Address": {"City": null}}), &json!({"City": null}));
        check(&json!({"array": [{"string": "a"}, null, {"x": {"long": 1}}]}), &json!(["a", null, {"x": 1}]));
        check(&json!({"string": {"string": null}}), &json!(null));
    }

    #[test]
    fn structs_are_unchanged() {
        for value in [json!({}), json!({"City": "x"}), json!({"string": 1, "long": 2}), json!({"diff": "x"}), json!(1)]
        {
            check(&value, &value);
        }
    }
}
