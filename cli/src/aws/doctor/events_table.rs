//! The events table: its schema, its protection, and whether this role may append to it but not change it.

use annals_aws::event_store::{ENTITY_KEY, VERSION};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, PointInTimeRecoveryStatus, StreamViewType, TableDescription};

use super::refusal::{Refusal, lacks};
use super::table::{Table, Write};
use crate::doctor::Check;

const PROTECT: &str = "turn it on: the events are stored nowhere else";

pub(super) async fn checks(client: &Client, name: &str) -> Vec<Check> {
    let sort_key = AttributeValue::N("0".to_owned());
    let (title, flag, keys) = ("events table", "--events-table", [ENTITY_KEY, VERSION]);
    let table = Table { client, title, name, flag, keys, sort_key };
    let mut checks = Vec::new();
    let (described, is_usable) = table.describe(&mut checks).await;
    if !is_usable {
        return checks;
    }
    if let Some(described) = &described {
        checks.push(stream(&table, described));
        checks.push(deletion_protection(&table, described));
    }
    checks.push(recovery(&table).await);
    checks.push(table.query(None).await);
    checks.push(table.scan().await);
    checks.push(append(&table).await);
    checks.push(append_only(&table).await);
    checks
}

fn stream(table: &Table<'_>, described: &TableDescription) -> Check {
    let name = table.check_name("stream");
    let remedy = "turn the stream on with NEW_IMAGE: the projection function reads events from it only";
    let stream = described.stream_specification().filter(|stream| stream.stream_enabled());
    match stream.and_then(|stream| stream.stream_view_type()) {
        Some(view @ (StreamViewType::NewImage | StreamViewType::NewAndOldImages)) => Check::ok(name, view.as_str()),
        Some(other) => Check::wrong(name, other.as_str(), remedy),
        None => Check::wrong(name, "off", remedy),
    }
}

fn deletion_protection(table: &Table<'_>, described: &TableDescription) -> Check {
    let name = table.check_name("deletion protection");
    match described.deletion_protection_enabled() {
        Some(true) => Check::ok(name, "on"),
        Some(false) => Check::warning(name, "off", PROTECT),
        None => Check::unknown(name, "this endpoint does not report it"),
    }
}

async fn recovery(table: &Table<'_>) -> Check {
    let name = table.check_name("point-in-time recovery");
    let response = match table.client.describe_continuous_backups().table_name(table.name).send().await {
        Ok(response) => response,
        Err(error) => {
            let refusal = Refusal::of(table.name, error);
            return refusal.check_of_doctor(name, "dynamodb:DescribeContinuousBackups", &table.not_found());
        }
    };
    let backups = response.continuous_backups_description();
    let recovery = backups.and_then(|backups| backups.point_in_time_recovery_description());
    match recovery.and_then(|recovery| recovery.point_in_time_recovery_status()) {
        Some(PointInTimeRecoveryStatus::Enabled) => Check::ok(name, "on"),
        _ => Check::warning(name, "off", PROTECT),
    }
}

async fn append(table: &Table<'_>) -> Check {
    let (name, action) = (table.check_name("appending"), Write::Put.action());
    match table.may(Write::Put).await {
        Ok(true) => Check::ok(name, "this role may append"),
        Ok(false) => Check::warning(name, lacks(action), "`annals ingest` and `annals quarantine redrive` need it"),
        Err(refusal) => refusal.check(name, action, &table.not_found()),
    }
}

async fn append_only(table: &Table<'_>) -> Check {
    let name = table.check_name("append only");
    let mut allowed = Vec::new();
    for write in [Write::Update, Write::Delete] {
        match table.may(write).await {
            Ok(true) => allowed.push(write.action()),
            Ok(false) => {}
            Err(refusal) => return refusal.check(name, write.action(), &table.not_found()),
        }
    }
    if allowed.is_empty() {
        return Check::ok(name, "this role cannot change stored events");
    }
    let remedy = format!("revoke {}: nothing in Annals needs it", allowed.join(" and "));
    Check::warning(name, "this role can change stored events", remedy)
}
