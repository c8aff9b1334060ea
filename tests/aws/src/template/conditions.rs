//! Evaluates the conditions of the template from its parameters.

use std::collections::BTreeMap;

use serde_json::Value;

/// Whether each condition holds.
pub(crate) fn decide(conditions: &Value, parameters: &BTreeMap<String, Value>) -> BTreeMap<String, bool> {
    let conditions = conditions.as_object().expect("conditions");
    let holds = |condition: &Value| Decision { conditions, parameters }.holds(condition);
    conditions.iter().map(|(name, condition)| (name.clone(), holds(condition))).collect()
}

struct Decision<'a> {
    conditions: &'a serde_json::Map<String, Value>,
    parameters: &'a BTreeMap<String, Value>,
}

impl Decision<'_> {
    fn holds(&self, condition: &Value) -> bool {
        let (function, argument) = condition.as_object().and_then(|it| it.iter().next()).expect("a condition");
        let all = || argument.as_array().expect("a condition's list");
        match function.as_str() {
            "Condition" => self.holds(&self.conditions[argument.as_str().expect("a condition's name")]),
            "Fn::Equals" => self.value(&all()[0]) == self.value(&all()[1]),
            "Fn::Not" => !self.holds(&all()[0]),
            "Fn::And" => all().iter().all(|condition| self.holds(condition)),
            "Fn::Or" => all().iter().any(|condition| self.holds(condition)),
            other => panic!("unknown condition function `{other}`"),
        }
    }

    /// CloudFormation compares values as strings.
    fn value(&self, value: &Value) -> String {
        let value = match value.get("Ref").and_then(Value::as_str) {
            Some(name) => &self.parameters[name],
            None => value,
        };
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }
}
