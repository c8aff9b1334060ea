//! The events table: its schema, its safety, and that it can be appended to and not changed.

use annals_aws::event_store::{ENTITY_KEY, VERSION};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, PointInTimeRecoveryStatus, StreamViewType, TableDescription};

use super::check::Check;
use super::dynamodb::{Expected, Refusal};
use super::probe::{Probe, Write};

/// All checks of it.
pub(super) async fn checks(client: &Client, table: &str) -> Vec<Check> {
    let expected = Expected { name: "events table", table, flag: "--events-table", keys: [ENTITY_KEY, VERSION] };
    let mut checks = Vec::new();
    let (described, goes_on) = expected.describe(client, &mut checks).await;
    if !goes_on {
        return checks;
    }
    if let Some(described) = &described {
        checks.push(stream(&expected, described));
        checks.push(protection(&expected, described));
    }
    checks.push(recovery(&expected, client).await);
    let probe = Probe { client, expected: &expected, sort_key: AttributeValue::N("0".to_owned()) };
    checks.push(probe.read(None).await);
    checks.push(probe.scan().await);
    checks.push(append(&expected, &probe).await);
    checks.push(append_only(&expected, &probe).await);
    checks
}

fn stream(expected: &Expected<'_>, described: &TableDescription) -> Check {
    let on = expected.on("stream");
    let remedy = "turn the stream on with NEW_IMAGE: by it alone the projection learns of events";
    let stream = described.stream_specification().filter(|stream| stream.stream_enabled());
    match stream.and_then(|stream| stream.stream_view_type()) {
        Some(view @ (StreamViewType::NewImage | StreamViewType::NewAndOldImages)) => Check::ok(on, view.as_str()),
        Some(other) => Check::wrong(on, other.as_str(), remedy),
        None => Check::wrong(on, "there is none", remedy),
    }
}

fn protection(expected: &Expected<'_>, described: &TableDescription) -> Check {
    let on = expected.on("deletion protection");
    match described.deletion_protection_enabled() {
        Some(true) => Check::ok(on, "on"),
        Some(false) => Check::warning(on, "off", "turn it on: events exist nowhere else"),
        None => Check::unknown(on, "this endpoint does not tell"),
    }
}

async fn recovery(expected: &Expected<'_>, client: &Client) -> Check {
    let on = expected.on("point-in-time recovery");
    let answer = client.describe_continuous_backups().table_name(expected.table).send().await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let refusal = Refusal::of(expected.table, error);
            return refusal.check_of_doctor(on, "dynamodb:DescribeContinuousBackups", &expected.missing());
        }
    };
    let backups = answer.continuous_backups_description();
    let recovery = backups.and_then(|backups| backups.point_in_time_recovery_description());
    match recovery.and_then(|recovery| recovery.point_in_time_recovery_status()) {
        Some(PointInTimeRecoveryStatus::Enabled) => Check::ok(on, "on"),
        _ => Check::warning(on, "off", "turn it on: events exist nowhere else"),
    }
}

async fn append(expected: &Expected<'_>, probe: &Probe<'_>) -> Check {
    let on = expected.on("appending");
    match probe.may(Write::Put).await {
        Ok(true) => Check::ok(on, "this role may append"),
        Ok(false) => {
            let found = format!("this role may not {}", Write::Put.action());
            Check::warning(on, found, "`annals ingest` and `annals quarantine redrive` need it")
        }
        Err(refusal) => refusal.check(on, Write::Put.action(), &expected.missing()),
    }
}

async fn append_only(expected: &Expected<'_>, probe: &Probe<'_>) -> Check {
    let on = expected.on("append only");
    let mut allowed = Vec::new();
    for write in [Write::Update, Write::Delete] {
        match probe.may(write).await {
            Ok(true) => allowed.push(write.action()),
            Ok(false) => {}
            Err(refusal) => return refusal.check(on, write.action(), &expected.missing()),
        }
    }
    if allowed.is_empty() {
        return Check::ok(on, "this role cannot change stored events");
    }
    let remedy = format!("take {} from it: nothing here needs that", allowed.join(" and "));
    Check::warning(on, "this role can change stored events", remedy)
}
