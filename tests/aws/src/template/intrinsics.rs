//! Intrinsic functions: replaces what the parameters determine and leaves everything else as a name.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub(crate) struct Intrinsics<'a> {
    pub(crate) resources: &'a Map<String, Value>,
    pub(crate) parameters: &'a BTreeMap<String, Value>,
    pub(crate) conditions: &'a BTreeMap<String, bool>,
}

impl Intrinsics<'_> {
    /// The value with everything resolved that the parameters determine.
    pub(crate) fn resolve(&self, value: &Value) -> Value {
        self.kept(value).expect("the whole of a value is not `AWS::NoValue`")
    }

    /// `None` for values that `AWS::NoValue` removes.
    fn kept(&self, value: &Value) -> Option<Value> {
        Some(match value {
            Value::Object(object) => match function(object) {
                Some((name, argument)) => return self.call(name, argument),
                None => object.iter().filter_map(|(key, value)| Some((key.clone(), self.kept(value)?))).collect(),
            },
            Value::Array(values) => values.iter().filter_map(|value| self.kept(value)).collect(),
            scalar => scalar.clone(),
        })
    }

    fn call(&self, name: &str, argument: &Value) -> Option<Value> {
        let part = |index: usize| &argument[index];
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        Some(match name {
            "Ref" if argument == "AWS::NoValue" => return None,
            "Ref" => self.reference(&text(argument)),
            "Fn::If" => {
                let branch = if self.conditions[&text(part(0))] { 1 } else { 2 };
                return self.kept(part(branch));
            }
            "Fn::GetAtt" => format!("${{{}.{}}}", text(part(0)), text(part(1))).into(),
            "Fn::Sub" => self.substitute(&text(argument)).into(),
            "Fn::Split" => text(&self.resolve(part(1))).split(&text(part(0))).collect(),
            "Fn::Select" => {
                let index = part(0).as_u64().and_then(|index| usize::try_from(index).ok()).expect("an index");
                self.resolve(part(1))[index].clone()
            }
            other => panic!("unknown function `{other}`"),
        })
    }

    /// The value of a parameter or the name of a resource. The name of a rule on a bus other than the default one is
    /// prefixed with the bus.
    fn reference(&self, name: &str) -> Value {
        if let Some(value) = self.parameters.get(name) {
            return value.clone();
        }
        let rule = self.resources.get(name).filter(|resource| resource["Type"] == "AWS::Events::Rule");
        match rule.and_then(|rule| rule["Properties"].get("EventBusName")).map(|bus| self.resolve(bus)) {
            Some(bus) => format!("{}|${{{name}}}", bus.as_str().expect("a bus's name")).into(),
            None => format!("${{{name}}}").into(),
        }
    }

    /// Replaces the names of parameters with their values.
    fn substitute(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in self.parameters {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text = text.replace(&format!("${{{name}}}"), &value);
        }
        text
    }
}

/// The function that an object represents, if it is one.
fn function(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = object.iter().next().filter(|_| object.len() == 1)?;
    (name == "Ref" || name.starts_with("Fn::")).then_some((name, argument))
}
