//! Whether this role may write: found out by writes whose condition can never hold.
//!
//! Promises that nothing is written, whatever rights there are. Each costs a write unit.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

use super::check::Check;
use super::dynamodb::{Expected, Refusal};

/// What no item can be: there and not there.
const IMPOSSIBLE: &str = "attribute_exists(#key) AND attribute_not_exists(#key)";
/// The key that is asked for; no record has it.
const NOBODY: &str = "annals-doctor";

/// A way to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    Put,
    Update,
    Delete,
}

impl Write {
    /// The right it needs.
    pub(super) fn action(self) -> &'static str {
        match self {
            Self::Put => "dynamodb:PutItem",
            Self::Update => "dynamodb:UpdateItem",
            Self::Delete => "dynamodb:DeleteItem",
        }
    }
}

/// An item of nobody's.
pub(super) struct Probe<'a> {
    pub(super) client: &'a Client,
    pub(super) expected: &'a Expected<'a>,
    /// A sort key of the table's type.
    pub(super) sort_key: AttributeValue,
}

impl Probe<'_> {
    fn key(&self) -> HashMap<String, AttributeValue> {
        let [partition, sort] = self.expected.keys;
        let nobody = AttributeValue::S(NOBODY.to_owned());
        HashMap::from([(partition.to_owned(), nobody), (sort.to_owned(), self.sort_key.clone())])
    }

    /// Whether this role may write so.
    pub(super) async fn may(&self, write: Write) -> Result<bool, Refusal> {
        let table = self.expected.table;
        let [partition, _] = self.expected.keys;
        let refusal = match write {
            Write::Put => {
                let call = self.client.put_item().table_name(table).set_item(Some(self.key()));
                let call = call.condition_expression(IMPOSSIBLE).expression_attribute_names("#key", partition);
                call.send().await.err().map(|error| Refusal::of(table, error))
            }
            Write::Update => {
                let call = self.client.update_item().table_name(table).set_key(Some(self.key()));
                let call = call.condition_expression(IMPOSSIBLE).expression_attribute_names("#key", partition);
                call.send().await.err().map(|error| Refusal::of(table, error))
            }
            Write::Delete => {
                let call = self.client.delete_item().table_name(table).set_key(Some(self.key()));
                let call = call.condition_expression(IMPOSSIBLE).expression_attribute_names("#key", partition);
                call.send().await.err().map(|error| Refusal::of(table, error))
            }
        };
        match refusal {
            None | Some(Refusal::Condition) => Ok(true),
            Some(Refusal::NotAllowed) => Ok(false),
            Some(other) => Err(other),
        }
    }

    /// Whether items can be read, by key and in order; of an index where one is named.
    pub(super) async fn read(&self, index: Option<&str>) -> Check {
        let [partition, _] = self.expected.keys;
        let on = self.expected.on(index.unwrap_or("reading"));
        let query = self.client.query().table_name(self.expected.table).set_index_name(index.map(str::to_owned));
        let query = query
            .consistent_read(true)
            .limit(1)
            .key_condition_expression("#key = :nobody")
            .expression_attribute_names("#key", partition)
            .expression_attribute_values(":nobody", AttributeValue::S(NOBODY.to_owned()));
        match query.send().await {
            Ok(_) => Check::ok(on, "it answers"),
            Err(error) => {
                let refusal = Refusal::of(self.expected.table, error);
                refusal.check(on, "dynamodb:Query", &self.expected.missing())
            }
        }
    }

    /// Whether the whole table can be read, as a rebuild does.
    pub(super) async fn scan(&self) -> Check {
        let on = self.expected.on("scanning");
        let action = "dynamodb:Scan";
        let answer = self.client.scan().table_name(self.expected.table).limit(1).send().await;
        match answer.map_err(|error| Refusal::of(self.expected.table, error)) {
            Ok(_) => Check::ok(on, "it answers"),
            Err(Refusal::NotAllowed) => {
                Check::warning(on, format!("this role may not {action}"), "`annals rebuild` needs it")
            }
            Err(other) => other.check(on, action, &self.expected.missing()),
        }
    }
}
