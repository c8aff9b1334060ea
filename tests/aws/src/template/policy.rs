//! The statements of policies.
//!
//! A statement must list its actions and resources. A statement with `NotAction` or `NotResource` is rejected,
//! since its scope is not known.

use serde_json::Value;

use crate::template::Stack;

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Its name.
    pub sid: String,
    /// Whether it allows or denies.
    pub allows: bool,
    /// Its actions.
    pub actions: Vec<String>,
    /// Its resources.
    pub resources: Vec<String>,
    /// The principal, in a policy of a resource.
    pub principal: Value,
    /// The condition.
    pub condition: Value,
}

impl Statement {
    /// All statements of a policy document.
    pub fn all(document: &Value) -> Vec<Self> {
        document["Statement"].as_array().expect("statements").iter().map(Self::of).collect()
    }

    fn of(statement: &Value) -> Self {
        for refused in ["NotAction", "NotResource", "NotPrincipal"] {
            assert!(statement.get(refused).is_none(), "`{refused}` is not allowed in a statement");
        }
        Self {
            sid: statement["Sid"].as_str().expect("a statement has a name").to_owned(),
            allows: statement["Effect"] == "Allow",
            actions: texts(&statement["Action"]),
            resources: texts(&statement["Resource"]),
            principal: statement["Principal"].clone(),
            condition: statement["Condition"].clone(),
        }
    }

    /// Whether it covers an action on a resource, with wildcards.
    pub fn reaches(&self, action: &str, resource: &str) -> bool {
        self.actions.iter().any(|pattern| matches(&pattern.to_lowercase(), &action.to_lowercase()))
            && self.resources.iter().any(|pattern| matches(pattern, resource))
    }
}

impl Stack {
    /// All statements of a role.
    pub fn rights(&self, role: &str) -> Vec<Statement> {
        let policies = self.properties(role)["Policies"].as_array().expect("a role has its policies in it");
        policies.iter().flat_map(|policy| Statement::all(&policy["PolicyDocument"])).collect()
    }
}

/// Whether a text matches an IAM pattern: `*` stands for any text, `?` for any character.
pub fn matches(pattern: &str, text: &str) -> bool {
    match (pattern.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some('*'), next) => {
            matches(&pattern[1..], text) || next.is_some_and(|next| matches(pattern, &text[next.len_utf8()..]))
        }
        (Some(expected), Some(next)) if expected == '?' || expected == next => {
            matches(&pattern[expected.len_utf8()..], &text[next.len_utf8()..])
        }
        _ => false,
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        other => panic!("a name or a list of names, not {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    }

    #[test]
    fn patterns_match_as_in_iam() {
        check("dynamodb:*", "dynamodb:UpdateItem", true);
        check("*", "dynamodb:UpdateItem", true);
        check("dynamodb:Up*Item", "dynamodb:UpdateItem", true);
        check("dynamodb:?pdateItem", "dynamodb:UpdateItem", true);
        check("dynamodb:Put*", "dynamodb:UpdateItem", false);
        check("dynamodb:UpdateItem", "dynamodb:UpdateItems", false);
        check("${EventsTable.Arn}*", "${EventsTable.Arn}/index/x", true);
    }
}
