//! The state table: its schema, its expiry, that it can be read and written, and what waits in it.

use annals_application::log_chain;
use annals_application::ports::StateStore;
use annals_aws::state_store::{EXPIRES_AT, LIST_INDEX};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, TableDescription, TimeToLiveStatus};

use super::check::Check;
use super::dynamodb::{Expected, Refusal};
use super::probe::{Probe, Write};

/// How many parked records are counted.
const COUNTED: usize = 1_000;

/// All checks of it.
pub(super) async fn checks(client: &Client, table: &str, state: &dyn StateStore) -> Vec<Check> {
    // The keys of the store's own making; a test compares them with a table that it made.
    let expected = Expected { name: "state table", table, flag: "--state-table", keys: ["pk", "sk"] };
    let mut checks = Vec::new();
    let (described, goes_on) = expected.describe(client, &mut checks).await;
    if !goes_on {
        return checks;
    }
    let has_index = described.as_ref().is_none_or(has_list_index);
    let probe = Probe { client, expected: &expected, sort_key: AttributeValue::S("probe".to_owned()) };
    if has_index {
        checks.push(probe.read(Some(LIST_INDEX)).await);
    } else {
        let remedy = "a local index is made with its table only: make the table anew, as template.yaml does";
        checks.push(Check::wrong(expected.on(LIST_INDEX), "there is no such index", remedy));
    }
    checks.push(expiry(&expected, client).await);
    checks.push(probe.read(None).await);
    checks.push(writing(&expected, &probe).await);
    if has_index {
        checks.push(parked(&expected, state).await);
    }
    checks
}

fn has_list_index(described: &TableDescription) -> bool {
    described.local_secondary_indexes().iter().any(|index| index.index_name() == Some(LIST_INDEX))
}

async fn expiry(expected: &Expected<'_>, client: &Client) -> Check {
    let on = expected.on("expiry");
    let answer = client.describe_time_to_live().table_name(expected.table).send().await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let refusal = Refusal::of(expected.table, error);
            return refusal.check_of_doctor(on, "dynamodb:DescribeTimeToLive", &expected.missing());
        }
    };
    let expiry = answer.time_to_live_description();
    let is_on = expiry
        .and_then(|expiry| expiry.time_to_live_status())
        .is_some_and(|status| matches!(status, TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling));
    match expiry.and_then(|expiry| expiry.attribute_name()) {
        Some(EXPIRES_AT) if is_on => Check::ok(on, format!("by `{EXPIRES_AT}`")),
        _ => Check::warning(on, "off", format!("turn time to live on, by `{EXPIRES_AT}`: settled inputs stay else")),
    }
}

async fn writing(expected: &Expected<'_>, probe: &Probe<'_>) -> Check {
    let on = expected.on("writing");
    let mut refused = Vec::new();
    for write in [Write::Put, Write::Update, Write::Delete] {
        match probe.may(write).await {
            Ok(true) => {}
            Ok(false) => refused.push(write.action()),
            Err(refusal) => return refusal.check(on, write.action(), &expected.missing()),
        }
    }
    if refused.is_empty() {
        return Check::ok(on, "this role may write");
    }
    let found = format!("this role may not {}", refused.join(" and "));
    Check::warning(on, found, "`annals ingest`, `rebuild` and `quarantine` need it")
}

async fn parked(expected: &Expected<'_>, state: &dyn StateStore) -> Check {
    let on = expected.on("parked records");
    match state.parked(COUNTED).await {
        Ok(parked) => match parked.first() {
            None => Check::ok(on, "none"),
            Some(first) => {
                let found = format!("{}, the first `{}`: {}", parked.len(), first.key, first.reason);
                Check::warning(on, found, "the backfill function tries them each minute, once the cause is gone")
            }
        },
        Err(error) => Check::wrong(on, log_chain(&error), "the checks above say why"),
    }
}
