//! Events as plain items, and the plain writes and reads of the floors.

use std::collections::HashMap;

use annals_application::ports::StoredEvent;
use annals_aws::client::without_retries;
use annals_aws::event_store::{ENTITY_KEY, VERSION, encode};
use anyhow::{Result, bail};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

/// An item of the SDK.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// Exactly the item that the event store writes.
pub(crate) fn item(stored: &StoredEvent) -> Result<Item> {
    Ok(encode(stored)?.into())
}

/// A table and a client without retries, like that of the event store.
#[derive(Clone)]
pub(crate) struct Bare {
    client: Client,
    table: String,
}

impl Bare {
    pub(crate) fn new(config: &SdkConfig, table: &str) -> Self {
        Self { client: Client::new(&without_retries(config)), table: table.to_owned() }
    }

    /// Puts an item if its key is free. Returns whether it was.
    pub(crate) async fn put(&self, item: Item) -> Result<bool> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        match put.condition_expression("attribute_not_exists(entity_key)").send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The newest version of a stream.
    pub(crate) async fn newest(&self, key: &str) -> Result<u64> {
        let query = self.query(key).scan_index_forward(false).limit(1).projection_expression("#version");
        let page = query.expression_attribute_names("#version", VERSION).send().await?;
        match page.items().first().and_then(|item| item.get(VERSION)) {
            None => Ok(0),
            Some(AttributeValue::N(number)) => Ok(number.parse()?),
            Some(_) => bail!("a version is a number"),
        }
    }

    /// All items of a stream, page by page.
    pub(crate) async fn items(&self, key: &str) -> Result<Vec<Item>> {
        Ok(self.query(key).into_paginator().items().send().try_collect().await?)
    }

    fn query(&self, key: &str) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("#key = :key")
            .expression_attribute_names("#key", ENTITY_KEY)
            .expression_attribute_values(":key", AttributeValue::S(key.to_owned()))
    }
}
