//! Leases and their checkpoints: one item a piece of work. Each call is one conditional write.

use annals_application::ports::{Lease, LeaseStore, PortError};
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use uuid::Uuid;

use super::DynamoStateStore;
use super::items::{Item, ItemKey, StateTable, number, text};

const CHECKPOINT: &str = "checkpoint";

#[async_trait]
impl LeaseStore for DynamoStateStore {
    async fn acquire(
        &self,
        work: &str,
        token: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Lease>, PortError> {
        let request = update(&self.table, work, token)
            .update_expression("SET #token = :token, #until = :until")
            .condition_expression("attribute_not_exists(#token) OR #token = :token OR #until <= :now")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":until", number(until.millis()))
            .expression_attribute_values(":now", number(now.millis()));
        let Some(item) = send(&self.table, request).await? else { return Ok(None) };
        let checkpoint = item.text(CHECKPOINT).map(str::to_owned);
        Ok(Some(Lease { work: work.to_owned(), token, checkpoint }))
    }

    async fn renew(
        &self,
        work: &str,
        token: Uuid,
        until: Timestamp,
        checkpoint: Option<&str>,
    ) -> Result<bool, PortError> {
        let request = update(&self.table, work, token)
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
        Ok(send(&self.table, request).await?.is_some())
    }

    async fn release(&self, work: &str, token: Uuid) -> Result<bool, PortError> {
        let request = update(&self.table, work, token)
            .update_expression("REMOVE #token, #until")
            .condition_expression("#token = :token")
            .expression_attribute_names("#until", "until");
        Ok(send(&self.table, request).await?.is_some())
    }

    async fn finish(&self, work: &str, token: Uuid) -> Result<bool, PortError> {
        let request = self
            .table
            .client
            .delete_item()
            .table_name(&self.table.name)
            .set_key(Some(key_of(work).attributes()))
            .condition_expression("#token = :token")
            .expression_attribute_names("#token", "token")
            .expression_attribute_values(":token", value_of(token));
        Ok(self.table.unless_refused(request.send().await)?.is_some())
    }

    async fn checkpoint(&self, work: &str) -> Result<Option<String>, PortError> {
        let item = self.table.get(&key_of(work)).await?;
        Ok(item.and_then(|item| item.text(CHECKPOINT).map(str::to_owned)))
    }
}

fn update(table: &StateTable, work: &str, token: Uuid) -> UpdateItemFluentBuilder {
    table
        .client
        .update_item()
        .table_name(&table.name)
        .set_key(Some(key_of(work).attributes()))
        .expression_attribute_names("#token", "token")
        .expression_attribute_values(":token", value_of(token))
        .return_values(ReturnValue::AllNew)
}

/// The item after the update; `None` if the condition failed.
async fn send(table: &StateTable, request: UpdateItemFluentBuilder) -> Result<Option<Item>, PortError> {
    let response = table.unless_refused(request.send().await)?;
    Ok(response.map(|response| Item(response.attributes.unwrap_or_default())))
}

fn value_of(token: Uuid) -> AttributeValue {
    text(token.to_string())
}

fn key_of(work: &str) -> ItemKey {
    ItemKey::new(format!("lease#{work}"), "lease")
}
