//! CloudFormation's YAML as JSON: `!GetAtt A.B` in its long form, `{"Fn::GetAtt": ["A", "B"]}`.
//!
//! Both forms of a function give the same JSON. This module does not evaluate functions.

use serde_json::{Map, Value, json};
use yaml_serde::value::TaggedValue;

pub(crate) fn parse(text: &str) -> Result<Value, yaml_serde::Error> {
    yaml_serde::from_str(text).map(json)
}

fn json(value: yaml_serde::Value) -> Value {
    match value {
        yaml_serde::Value::Null => Value::Null,
        yaml_serde::Value::Bool(value) => value.into(),
        yaml_serde::Value::Number(number) => match number.as_i64() {
            Some(integer) => integer.into(),
            None => number.as_f64().expect("a number that is no integer is a float").into(),
        },
        yaml_serde::Value::String(text) => text.into(),
        yaml_serde::Value::Sequence(values) => values.into_iter().map(json).collect(),
        yaml_serde::Value::Mapping(mapping) => {
            mapping.into_iter().map(|(key, value)| (key_of(key), json(value))).collect::<Map<_, _>>().into()
        }
        yaml_serde::Value::Tagged(tagged) => function(*tagged),
    }
}

fn key_of(key: yaml_serde::Value) -> String {
    match key {
        yaml_serde::Value::String(text) => text,
        other => panic!("a key is a text, not {other:?}"),
    }
}

fn function(tagged: TaggedValue) -> Value {
    let (tag, argument) = (tagged.tag.to_string(), json(tagged.value));
    match (tag.trim_start_matches('!'), argument) {
        (name @ ("Ref" | "Condition"), argument) => json!({ name: argument }),
        ("GetAtt", Value::String(path)) => {
            let (resource, attribute) = path.split_once('.').expect("`!GetAtt` names a resource and an attribute");
            json!({ "Fn::GetAtt": [resource, attribute] })
        }
        (name, argument) => json!({ format!("Fn::{name}"): argument }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(yaml: &str, expected: Value) {
        assert_eq!(parse(yaml).expect("YAML"), expected, "{yaml}");
    }

    #[test]
    fn both_forms_of_a_function_give_the_same_json() {
        check("!Ref A", json!({"Ref": "A"}));
        check("Ref: A", json!({"Ref": "A"}));
        check("!GetAtt A.Outputs.B", json!({"Fn::GetAtt": ["A", "Outputs.B"]}));
        check("!If [C, !Ref A, [1, x]]", json!({"Fn::If": ["C", {"Ref": "A"}, [1, "x"]]}));
        check("[!Condition C, 1.5, true, null]", json!([{"Condition": "C"}, 1.5, true, null]));
    }
}
