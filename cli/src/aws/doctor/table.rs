//! What both tables have in common: their status, their keys, and whether this role may read and write them.
//!
//! Writes are tried with a condition that is never true, so nothing is written whatever this role may do. Each
//! try costs a write unit.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeyType, TableDescription, TableStatus};

use super::refusal::{Refusal, lacks};
use crate::doctor::Check;

/// No item both exists and does not exist.
const NEVER_TRUE: &str = "attribute_exists(#key) AND attribute_not_exists(#key)";
/// A partition key that no record has.
const UNUSED_KEY: &str = "annals-doctor";

pub(super) struct Table<'a> {
    pub(super) client: &'a Client,
    /// What it is called in the report.
    pub(super) title: &'static str,
    pub(super) name: &'a str,
    /// The flag that names another.
    pub(super) flag: &'static str,
    /// The names of partition and sort key.
    pub(super) keys: [&'static str; 2],
    /// Any sort key of the right type.
    pub(super) sort_key: AttributeValue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    Put,
    Update,
    Delete,
}

impl Write {
    pub(super) fn action(self) -> &'static str {
        match self {
            Self::Put => "dynamodb:PutItem",
            Self::Update => "dynamodb:UpdateItem",
            Self::Delete => "dynamodb:DeleteItem",
        }
    }
}

impl Table<'_> {
    pub(super) fn check_name(&self, topic: &str) -> String {
        format!("{}: {topic}", self.title)
    }

    /// What to do if something does not exist.
    pub(super) fn not_found(&self) -> String {
        format!("check {} and AWS_REGION; template.yaml creates the table", self.flag)
    }

    /// Checks status and keys. Returns the description, if this role may see it, and whether further checks make
    /// sense.
    pub(super) async fn describe(&self, checks: &mut Vec<Check>) -> (Option<TableDescription>, bool) {
        let name = self.check_name(self.name);
        let response = self.client.describe_table().table_name(self.name).send().await;
        let described = match response.map(|response| response.table) {
            Ok(Some(described)) => described,
            Ok(None) => return (None, true),
            Err(error) => {
                let refusal = Refusal::of(self.name, error);
                let may_exist = matches!(refusal, Refusal::NotAllowed | Refusal::Unsupported);
                checks.push(refusal.check_of_doctor(name, "dynamodb:DescribeTable", &self.not_found()));
                return (None, may_exist);
            }
        };
        let status = described.table_status().map_or("unknown", TableStatus::as_str);
        let is_active = matches!(status, "ACTIVE" | "UPDATING");
        checks.push(match is_active {
            true => Check::ok(name, status.to_lowercase()),
            false => Check::wrong(name, status.to_lowercase(), "wait until it is active"),
        });
        checks.push(self.key_schema(&described));
        (Some(described), is_active)
    }

    fn key_schema(&self, described: &TableDescription) -> Check {
        let key = |kind: &KeyType| {
            let found = described.key_schema().iter().find(|key| key.key_type() == kind);
            found.map_or("none", |key| key.attribute_name()).to_owned()
        };
        let found = [key(&KeyType::Hash), key(&KeyType::Range)];
        let keys = format!("`{}` and `{}`", found[0], found[1]);
        if found == self.keys {
            return Check::ok(self.check_name("keys"), keys);
        }
        let expected = format!("expected `{}` and `{}`; {}", self.keys[0], self.keys[1], self.not_found());
        Check::wrong(self.check_name("keys"), keys, expected)
    }

    /// Whether this role may write this way.
    pub(super) async fn may(&self, write: Write) -> Result<bool, Refusal> {
        let [partition, _] = self.keys;
        let refusal = match write {
            Write::Put => {
                let call = self.client.put_item().table_name(self.name).set_item(Some(self.unused_key()));
                let call = call.condition_expression(NEVER_TRUE).expression_attribute_names("#key", partition);
                call.send().await.err().map(|error| Refusal::of(self.name, error))
            }
            Write::Update => {
                let call = self.client.update_item().table_name(self.name).set_key(Some(self.unused_key()));
                let call = call.condition_expression(NEVER_TRUE).expression_attribute_names("#key", partition);
                call.send().await.err().map(|error| Refusal::of(self.name, error))
            }
            Write::Delete => {
                let call = self.client.delete_item().table_name(self.name).set_key(Some(self.unused_key()));
                let call = call.condition_expression(NEVER_TRUE).expression_attribute_names("#key", partition);
                call.send().await.err().map(|error| Refusal::of(self.name, error))
            }
        };
        match refusal {
            None | Some(Refusal::ConditionFailed) => Ok(true),
            Some(Refusal::NotAllowed) => Ok(false),
            Some(other) => Err(other),
        }
    }

    fn unused_key(&self) -> HashMap<String, AttributeValue> {
        let [partition, sort] = self.keys;
        let unused = AttributeValue::S(UNUSED_KEY.to_owned());
        HashMap::from([(partition.to_owned(), unused), (sort.to_owned(), self.sort_key.clone())])
    }

    /// Whether items can be queried by key, in the table or in one of its indices.
    pub(super) async fn query(&self, index: Option<&str>) -> Check {
        let [partition, _] = self.keys;
        let query = self.client.query().table_name(self.name).set_index_name(index.map(str::to_owned));
        let query = query
            .consistent_read(true)
            .limit(1)
            .key_condition_expression("#key = :unused")
            .expression_attribute_names("#key", partition)
            .expression_attribute_values(":unused", AttributeValue::S(UNUSED_KEY.to_owned()));
        let name = self.check_name(index.unwrap_or("reading"));
        match query.send().await {
            Ok(_) => Check::ok(name, "this role may read"),
            Err(error) => Refusal::of(self.name, error).check(name, "dynamodb:Query", &self.not_found()),
        }
    }

    /// Whether the whole table can be read, as a rebuild does.
    pub(super) async fn scan(&self) -> Check {
        let (name, action) = (self.check_name("scanning"), "dynamodb:Scan");
        let response = self.client.scan().table_name(self.name).limit(1).send().await;
        match response.map_err(|error| Refusal::of(self.name, error)) {
            Ok(_) => Check::ok(name, "this role may scan"),
            Err(Refusal::NotAllowed) => Check::warning(name, lacks(action), "`annals rebuild` needs it"),
            Err(other) => other.check(name, action, &self.not_found()),
        }
    }
}
