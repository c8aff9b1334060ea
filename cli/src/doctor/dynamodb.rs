//! What both tables have in common: that they are there, their keys, and that they can be read.

use annals_application::log_chain;
use annals_aws::client::port_error;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{KeyType, TableDescription, TableStatus};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::check::Check;

/// Why a call was not answered, as far as it makes a difference here.
pub(super) enum Refusal {
    /// The caller may not.
    NotAllowed,
    /// There is no such thing.
    NotThere,
    /// The service at this endpoint has no such operation: not all that stand in for AWS have all.
    NotOffered,
    /// A write's condition does not hold.
    Condition,
    /// Anything else, in its words.
    Other(String),
}

impl Refusal {
    /// What an error of `resource` means.
    pub(super) fn of<E>(resource: &str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match error.code() {
            Some(
                "AccessDeniedException"
                | "AccessDenied"
                | "AuthorizationError"
                | "AuthorizationErrorException"
                | "NotAuthorized",
            ) => Self::NotAllowed,
            Some("ResourceNotFoundException" | "NotFound" | "NotFoundException" | "TableNotFoundException") => {
                Self::NotThere
            }
            Some("UnknownOperationException" | "UnsupportedOperationException" | "NotImplemented") => Self::NotOffered,
            Some("ConditionalCheckFailedException") => Self::Condition,
            _ => Self::Other(log_chain(&port_error(resource, error))),
        }
    }

    /// A check that it ended; `action` is the right it needs.
    pub(super) fn check(self, on: String, action: &str, missing: &str) -> Check {
        match self {
            Self::NotAllowed => Check::wrong(on, format!("this role may not {action}"), format!("allow it {action}")),
            Self::NotThere => Check::wrong(on, "it is not there", missing),
            Self::NotOffered => Check::unknown(on, "this endpoint does not tell"),
            Self::Condition => Check::unknown(on, "it was refused by its condition"),
            Self::Other(words) => Check::wrong(on, words, REACH),
        }
    }

    /// The same for what only a doctor asks: that it may not is no harm.
    pub(super) fn check_of_doctor(self, on: String, action: &str, missing: &str) -> Check {
        match self {
            Self::NotAllowed => Check::unknown(on, format!("this role may not {action}")),
            other => other.check(on, action, missing),
        }
    }
}

/// What helps where a service does not answer.
const REACH: &str = "AWS_REGION, AWS_ENDPOINT_URL and the network decide what answers";

/// What a table has to be.
pub(super) struct Expected<'a> {
    /// What it is called here.
    pub(super) name: &'static str,
    /// Its name.
    pub(super) table: &'a str,
    /// The flag that names another.
    pub(super) flag: &'static str,
    /// Partition and sort key.
    pub(super) keys: [&'static str; 2],
}

impl Expected<'_> {
    /// A check of this table.
    pub(super) fn on(&self, topic: &str) -> String {
        format!("{}: {topic}", self.name)
    }

    /// What to do where something is missing.
    pub(super) fn missing(&self) -> String {
        format!("{} names another table, AWS_REGION another region; template.yaml makes it", self.flag)
    }

    /// Looks at it: what it is like, or why that is not known; and whether it makes sense to go on.
    pub(super) async fn describe(&self, client: &Client, checks: &mut Vec<Check>) -> (Option<TableDescription>, bool) {
        let answer = client.describe_table().table_name(self.table).send().await;
        let described = match answer.map(|answer| answer.table) {
            Ok(Some(described)) => described,
            Ok(None) => return (None, true),
            Err(error) => {
                let refusal = Refusal::of(self.table, error);
                let goes_on = matches!(refusal, Refusal::NotAllowed | Refusal::NotOffered);
                let on = self.on(self.table);
                checks.push(refusal.check_of_doctor(on, "dynamodb:DescribeTable", &self.missing()));
                return (None, goes_on);
            }
        };
        let status = described.table_status().map_or("unknown", TableStatus::as_str);
        let is_there = matches!(status, "ACTIVE" | "UPDATING");
        checks.push(match is_there {
            true => Check::ok(self.on(self.table), status.to_lowercase()),
            false => Check::wrong(self.on(self.table), status.to_lowercase(), "wait until it is active"),
        });
        checks.push(self.key_schema(&described));
        (Some(described), is_there)
    }

    fn key_schema(&self, described: &TableDescription) -> Check {
        let key = |kind: &KeyType| {
            let found = described.key_schema().iter().find(|key| key.key_type() == kind);
            found.map_or("none", |key| key.attribute_name()).to_owned()
        };
        let found = [key(&KeyType::Hash), key(&KeyType::Range)];
        let keys = format!("`{}` and `{}`", found[0], found[1]);
        if found == self.keys {
            return Check::ok(self.on("keys"), keys);
        }
        let expected = format!("`{}` and `{}` are expected; {}", self.keys[0], self.keys[1], self.missing());
        Check::wrong(self.on("keys"), keys, expected)
    }
}
