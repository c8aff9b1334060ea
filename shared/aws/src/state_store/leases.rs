//! Leases: who works at what, until when, and what it has come to.
//!
//! Promises that each step is one conditional write. Who releases or finishes, loses the answer and
//! tries again is told `false`: the lease is no longer theirs.

use annals_application::ports::{Lease, PortError};
use annals_domain::timestamp::Timestamp;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use uuid::Uuid;

use crate::state_store::items::{Item, Place, Table, number, text};

const CHECKPOINT: &str = "checkpoint";

pub(crate) async fn take(
    table: &Table,
    work: &str,
    token: Uuid,
    (now, until): (Timestamp, Timestamp),
) -> Result<Option<Lease>, PortError> {
    let request = update(table, work, token)
        .update_expression("SET #token = :token, #until = :until")
        .condition_expression("attribute_not_exists(#token) OR #token = :token OR #until <= :now")
        .expression_attribute_names("#until", "until")
        .expression_attribute_values(":until", number(until.millis()))
        .expression_attribute_values(":now", number(now.millis()));
    let Some(item) = send(table, request).await? else { return Ok(None) };
    let checkpoint = item.text(CHECKPOINT).map(str::to_owned);
    Ok(Some(Lease { work: work.to_owned(), token, checkpoint }))
}

pub(crate) async fn keep(
    table: &Table,
    work: &str,
    token: Uuid,
    until: Timestamp,
    checkpoint: Option<&str>,
) -> Result<bool, PortError> {
    let request = update(table, work, token)
        .condition_expression("#token = :token")
        .expression_attribute_names("#until", "until")
        .expression_attribute_values(":until", number(until.millis()));
    let request = match checkpoint {
        None => request.update_expression("SET #until = :until"),
        Some(checkpoint) => request
            .update_expression("SET #until = :until, #checkpoint = :checkpoint")
            .expression_attribute_names("#checkpoint", CHECKPOINT)
            .expression_attribute_values(":checkpoint", text(checkpoint)),
    };
    Ok(send(table, request).await?.is_some())
}

pub(crate) async fn release(table: &Table, work: &str, token: Uuid) -> Result<bool, PortError> {
    let request = update(table, work, token)
        .update_expression("REMOVE #token, #until")
        .condition_expression("#token = :token")
        .expression_attribute_names("#until", "until");
    Ok(send(table, request).await?.is_some())
}

pub(crate) async fn finish(table: &Table, work: &str, token: Uuid) -> Result<bool, PortError> {
    let request = table
        .client
        .delete_item()
        .table_name(&table.name)
        .set_key(Some(place(work).key()))
        .condition_expression("#token = :token")
        .expression_attribute_names("#token", "token")
        .expression_attribute_values(":token", value(token));
    Ok(table.held(request.send().await)?.is_some())
}

pub(crate) async fn checkpoint(table: &Table, work: &str) -> Result<Option<String>, PortError> {
    let item = table.get(&place(work)).await?;
    Ok(item.and_then(|item| item.text(CHECKPOINT).map(str::to_owned)))
}

fn update(table: &Table, work: &str, token: Uuid) -> UpdateItemFluentBuilder {
    table
        .client
        .update_item()
        .table_name(&table.name)
        .set_key(Some(place(work).key()))
        .expression_attribute_names("#token", "token")
        .expression_attribute_values(":token", value(token))
        .return_values(ReturnValue::AllNew)
}

/// The item as it is after the update; `None` where its condition did not hold.
async fn send(table: &Table, request: UpdateItemFluentBuilder) -> Result<Option<Item>, PortError> {
    Ok(table.held(request.send().await)?.map(|answer| Item(answer.attributes.unwrap_or_default())))
}

fn value(token: Uuid) -> AttributeValue {
    text(token.to_string())
}

fn place(work: &str) -> Place {
    Place::new(format!("lease#{work}"), "lease")
}
