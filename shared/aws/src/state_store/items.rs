//! The state table's items: reads, and writes under the condition that nobody else wrote meanwhile
//! ([`StateTable::revise`]).

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;

use annals_application::ports::{Clock, PortError, PortErrorKind};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, DeleteRequest, KeysAndAttributes, ReturnValuesOnConditionCheckFailure, WriteRequest,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::table::{LISTED, PK, SK};
use crate::client::{port_error, wait_for_batch};

/// How often a conditional write is tried. Each failed attempt is another writer's success, so only
/// this many concurrent writers of one item can reach it.
const ATTEMPTS: usize = 200;

/// DynamoDB's limits of items in one batch call.
const READS_A_CALL: usize = 100;
const WRITES_A_CALL: usize = 25;

/// The attribute that holds an item's value, as JSON.
pub(super) const ENTRY: &str = "entry";

pub(super) type Attributes = HashMap<String, AttributeValue>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ItemKey {
    pub(super) pk: String,
    pub(super) sk: String,
}

impl ItemKey {
    pub(super) fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    pub(super) fn attributes(&self) -> Attributes {
        [(PK, &self.pk), (SK, &self.sk)].map(|(name, value)| (name.to_owned(), text(value))).into()
    }
}

#[derive(Debug, Clone)]
pub(super) struct Item(pub(super) Attributes);

impl Item {
    pub(super) fn at(key: &ItemKey) -> Self {
        Self(key.attributes())
    }

    pub(super) fn of(key: &ItemKey, entry: &impl Serialize) -> Result<Self, serde_json::Error> {
        Self::at(key).with_entry(entry)
    }

    /// The same item with another value.
    pub(super) fn with_entry(self, entry: &impl Serialize) -> Result<Self, serde_json::Error> {
        Ok(self.with(ENTRY, text(serde_json::to_string(entry)?)))
    }

    /// Lists the item, in the order of this text.
    pub(super) fn listed_as(self, order: String) -> Self {
        self.with(LISTED, text(order))
    }

    pub(super) fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    pub(super) fn entry(&self) -> &str {
        self.text(ENTRY).unwrap_or_default()
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_s().ok().map(String::as_str)
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_n().ok()?.parse().ok()
    }

    pub(super) fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name)?.as_b().ok().map(AsRef::as_ref)
    }

    pub(super) fn key(&self) -> ItemKey {
        ItemKey::new(self.text(PK).unwrap_or_default(), self.text(SK).unwrap_or_default())
    }
}

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn number(value: impl Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(super) enum Revision {
    Keep,
    Put(Item),
    Remove,
}

/// The result of a conditional write: the item now, whether by this call or by another.
enum Swap {
    Done(Option<Item>),
    Lost(Option<Item>),
}

/// The state table, its client, and the clock that decides what has expired.
pub(super) struct StateTable {
    pub(super) client: Client,
    pub(super) name: String,
    pub(super) clock: Arc<dyn Clock>,
}

impl StateTable {
    pub(super) fn failed<E>(&self, error: SdkError<E, HttpResponse>) -> PortError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        port_error(&self.name, error)
    }

    pub(super) fn corrupt(
        &self,
        key: &ItemKey,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> PortError {
        let message = format!("the item `{}` `{}` cannot be read", key.pk, key.sk);
        PortError::new(PortErrorKind::Corrupt, &self.name, message).caused_by(cause)
    }

    /// The error of a value that cannot be written.
    pub(super) fn rejected(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
        PortError::new(PortErrorKind::Rejected, &self.name, "the value cannot be written").caused_by(cause)
    }

    pub(super) fn read<T: DeserializeOwned>(&self, item: &Item) -> Result<T, PortError> {
        serde_json::from_str(item.entry()).map_err(|error| self.corrupt(&item.key(), error))
    }

    /// Now, in seconds since 1970.
    pub(super) fn now_seconds(&self) -> i64 {
        self.clock.now().millis().div_euclid(1000)
    }

    pub(super) async fn get(&self, key: &ItemKey) -> Result<Option<Item>, PortError> {
        let request =
            self.client.get_item().table_name(&self.name).set_key(Some(key.attributes())).consistent_read(true);
        let response = request.send().await.map_err(|error| self.failed(error))?;
        Ok(response.item.map(Item))
    }

    /// A consistent query of one partition. Its expressions may use `:pk`, the partition's key.
    pub(super) fn query(&self, pk: impl Into<String>) -> QueryFluentBuilder {
        let request = self.client.query().table_name(&self.name).consistent_read(true);
        request.key_condition_expression("pk = :pk").expression_attribute_values(":pk", text(pk))
    }

    /// All items that a query finds, over all pages.
    pub(super) async fn found(&self, query: QueryFluentBuilder) -> Result<Vec<Item>, PortError> {
        let items = query.into_paginator().items().send().try_collect().await.map_err(|error| self.failed(error))?;
        Ok(items.into_iter().map(Item).collect())
    }

    /// The response to a conditional write; `None` if its condition failed.
    pub(super) fn unless_refused<T, E>(
        &self,
        sent: Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<Option<T>, PortError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match sent {
            Ok(response) => Ok(Some(response)),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Writes an item without a condition.
    pub(super) async fn put(&self, item: Item) -> Result<(), PortError> {
        let request = self.client.put_item().table_name(&self.name).set_item(Some(item.0));
        request.send().await.map(drop).map_err(|error| self.failed(error))
    }

    /// Changes an item as `decide` says and returns the item after it.
    ///
    /// `found` is what the caller believes to be stored. If that is wrong, the write is refused with
    /// the item that is stored, and `decide` is asked again. The SDK repeats a write whose response was
    /// lost; the repeated write is refused with its own item, so `decide` must keep what it made itself.
    pub(super) async fn revise<F>(
        &self,
        key: &ItemKey,
        mut found: Option<Item>,
        decide: F,
    ) -> Result<Option<Item>, PortError>
    where
        F: Fn(Option<&Item>) -> Result<Revision, PortError> + Send + Sync,
    {
        for _ in 0..ATTEMPTS {
            let swap = match (decide(found.as_ref())?, &found) {
                (Revision::Keep, _) => return Ok(found),
                (Revision::Remove, None) => return Ok(None),
                (Revision::Put(item), _) => self.put_over(found.as_ref(), item).await?,
                (Revision::Remove, Some(old)) => self.remove(key, old).await?,
            };
            match swap {
                Swap::Done(item) => return Ok(item),
                Swap::Lost(item) => found = item,
            }
        }
        Err(PortError::new(PortErrorKind::Unavailable, &self.name, "too many concurrent writers of one item"))
    }

    async fn put_over(&self, old: Option<&Item>, item: Item) -> Result<Swap, PortError> {
        let request = self.client.put_item().table_name(&self.name).set_item(Some(item.0.clone()));
        let request = match old {
            None => request.condition_expression("attribute_not_exists(pk)"),
            Some(old) => request
                .condition_expression("#entry = :old")
                .expression_attribute_names("#entry", ENTRY)
                .expression_attribute_values(":old", text(old.entry())),
        };
        let request = request.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(_) => Ok(Swap::Done(Some(item))),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(Swap::Lost(refused.item.clone().map(Item)))
                }
                _ => Err(self.failed(error)),
            },
        }
    }

    async fn remove(&self, key: &ItemKey, old: &Item) -> Result<Swap, PortError> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .condition_expression("#entry = :old")
            .expression_attribute_names("#entry", ENTRY)
            .expression_attribute_values(":old", text(old.entry()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(_) => Ok(Swap::Done(None)),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(Swap::Lost(refused.item.clone().map(Item)))
                }
                _ => Err(self.failed(error)),
            },
        }
    }

    /// The items with these keys that exist, in any order. No key may be named twice.
    pub(super) async fn get_all(&self, keys: &[ItemKey]) -> Result<Vec<Item>, PortError> {
        let mut items = Vec::new();
        for keys in keys.chunks(READS_A_CALL) {
            let keys = keys.iter().map(ItemKey::attributes).collect();
            let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let mut left = Some(HashMap::from([(self.name.clone(), keys.expect("there are keys"))]));
            let mut attempt = 0;
            while let Some(wanted) = left.filter(|left| !left.is_empty()) {
                wait_for_batch(&self.name, attempt).await?;
                attempt += 1;
                let request = self.client.batch_get_item().set_request_items(Some(wanted));
                let response = request.send().await.map_err(|error| self.failed(error))?;
                items.extend(response.responses.into_iter().flatten().flat_map(|(_, items)| items).map(Item));
                left = response.unprocessed_keys;
            }
        }
        Ok(items)
    }

    /// Deletes items without a condition. No key may be named twice.
    pub(super) async fn remove_all(&self, keys: &[ItemKey]) -> Result<(), PortError> {
        for keys in keys.chunks(WRITES_A_CALL) {
            let deletes = keys.iter().map(|key| {
                let delete = DeleteRequest::builder().set_key(Some(key.attributes())).build();
                WriteRequest::builder().delete_request(delete.expect("the key is given")).build()
            });
            let mut left = Some(HashMap::from([(self.name.clone(), deletes.collect::<Vec<_>>())]));
            let mut attempt = 0;
            while let Some(wanted) = left.filter(|left| !left.is_empty()) {
                wait_for_batch(&self.name, attempt).await?;
                attempt += 1;
                let request = self.client.batch_write_item().set_request_items(Some(wanted));
                let response = request.send().await.map_err(|error| self.failed(error))?;
                left = response.unprocessed_items;
            }
        }
        Ok(())
    }
}
