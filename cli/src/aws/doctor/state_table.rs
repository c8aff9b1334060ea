//! The state table: its schema, its expiry, whether this role may read and write it, and its parked projections.

use annals_application::log_chain;
use annals_application::ports::ParkedProjections;
use annals_aws::state_store::{EXPIRES_AT, LIST_INDEX};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, TableDescription, TimeToLiveStatus};

use super::refusal::Refusal;
use super::table::{Table, Write};
use crate::doctor::Check;

/// Counting stops at so many parked projections.
const MAX_PARKED: usize = 1_000;

pub(super) async fn checks(client: &Client, name: &str, parked: &dyn ParkedProjections) -> Vec<Check> {
    // The keys that the store creates its table with; a test compares them.
    let (title, flag, keys) = ("state table", "--state-table", ["pk", "sk"]);
    let table = Table { client, title, name, flag, keys, sort_key: AttributeValue::S("probe".to_owned()) };
    let mut checks = Vec::new();
    let (described, is_usable) = table.describe(&mut checks).await;
    if !is_usable {
        return checks;
    }
    let has_index = described.as_ref().is_none_or(has_list_index);
    if has_index {
        checks.push(table.query(Some(LIST_INDEX)).await);
    } else {
        let remedy = "a local index can only be created with its table: create the table again with template.yaml";
        checks.push(Check::wrong(table.check_name(LIST_INDEX), "no such index", remedy));
    }
    checks.push(expiry(&table).await);
    checks.push(table.query(None).await);
    checks.push(writing(&table).await);
    if has_index {
        checks.push(parked_projections(&table, parked).await);
    }
    checks
}

fn has_list_index(described: &TableDescription) -> bool {
    described.local_secondary_indexes().iter().any(|index| index.index_name() == Some(LIST_INDEX))
}

async fn expiry(table: &Table<'_>) -> Check {
    let name = table.check_name("expiry");
    let response = match table.client.describe_time_to_live().table_name(table.name).send().await {
        Ok(response) => response,
        Err(error) => {
            let refusal = Refusal::of(table.name, error);
            return refusal.check_of_doctor(name, "dynamodb:DescribeTimeToLive", &table.not_found());
        }
    };
    let expiry = response.time_to_live_description();
    let is_on = expiry
        .and_then(|expiry| expiry.time_to_live_status())
        .is_some_and(|status| matches!(status, TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling));
    match expiry.and_then(|expiry| expiry.attribute_name()) {
        Some(EXPIRES_AT) if is_on => Check::ok(name, format!("by `{EXPIRES_AT}`")),
        _ => {
            let remedy =
                format!("turn time to live on for `{EXPIRES_AT}`; without it settled inputs are never removed");
            Check::warning(name, "off", remedy)
        }
    }
}

async fn writing(table: &Table<'_>) -> Check {
    let name = table.check_name("writing");
    let mut refused = Vec::new();
    for write in [Write::Put, Write::Update, Write::Delete] {
        match table.may(write).await {
            Ok(true) => {}
            Ok(false) => refused.push(write.action()),
            Err(refusal) => return refusal.check(name, write.action(), &table.not_found()),
        }
    }
    if refused.is_empty() {
        return Check::ok(name, "this role may write");
    }
    let found = format!("this role lacks the permissions {}", refused.join(" and "));
    Check::warning(name, found, "`annals ingest`, `rebuild` and `quarantine` need them")
}

async fn parked_projections(table: &Table<'_>, parked: &dyn ParkedProjections) -> Check {
    let name = table.check_name("parked projections");
    match parked.oldest(MAX_PARKED).await {
        Ok(parked) => match parked.first() {
            None => Check::ok(name, "none"),
            Some(first) => {
                let found = format!("{}; the first is of `{}`: {}", parked.len(), first.key, first.reason);
                Check::warning(name, found, "remove the cause; the backfill function retries them each minute")
            }
        },
        Err(error) => Check::wrong(name, log_chain(&error), "see the other checks of the table"),
    }
}
