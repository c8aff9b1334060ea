//! Items: reading, replacing and removing them, each under the condition that nobody else did.
//!
//! Promises that a replacement never undoes another writer's: see [`Table::revise`].

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;

use crate::client::port_error;
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
use tokio::time::{Duration, sleep};

use crate::state_store::table::{LISTED, PK, SK};

/// How often a write is tried anew because others were faster. Each lost round is another's
/// success, so this is reached by that many writers of one item at once only.
const ROUNDS: usize = 200;

/// How often what DynamoDB left of a batch is asked for again, and how long the first pause is.
const BATCH_ROUNDS: u32 = 7;
const BATCH_PAUSE: Duration = Duration::from_millis(25);

/// What one call may name: DynamoDB's limits.
const READS_A_CALL: usize = 100;
const WRITES_A_CALL: usize = 25;

pub(crate) const ENTRY: &str = "entry";

pub(crate) type Attributes = HashMap<String, AttributeValue>;

/// Where an item is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl Place {
    pub(crate) fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    pub(crate) fn key(&self) -> Attributes {
        [(PK, &self.pk), (SK, &self.sk)].map(|(name, value)| (name.to_owned(), text(value))).into()
    }
}

/// An item as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Item(pub(crate) Attributes);

impl Item {
    /// An item that says what it is as JSON.
    pub(crate) fn of(place: &Place, entry: &impl Serialize) -> Result<Self, serde_json::Error> {
        Self(place.key()).saying(entry)
    }

    /// The same item, saying that it is something else.
    pub(crate) fn saying(self, entry: &impl Serialize) -> Result<Self, serde_json::Error> {
        Ok(self.with(ENTRY, text(serde_json::to_string(entry)?)))
    }

    /// With its place in its list.
    pub(crate) fn listed_at(self, order: String) -> Self {
        self.with(LISTED, text(order))
    }

    pub(crate) fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    pub(crate) fn entry(&self) -> &str {
        self.text(ENTRY).unwrap_or_default()
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_s().ok().map(String::as_str)
    }

    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.as_n().ok()?.parse().ok()
    }

    pub(crate) fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name)?.as_b().ok().map(AsRef::as_ref)
    }

    pub(crate) fn place(&self) -> Place {
        Place::new(self.text(PK).unwrap_or_default(), self.text(SK).unwrap_or_default())
    }
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// What is to become of an item.
pub(crate) enum Verdict {
    /// It stays as it is.
    Leave,
    /// It is replaced.
    Put(Item),
    /// It goes.
    Remove,
}

/// How a conditional write ended: as asked, or with what another wrote meanwhile.
enum Swap {
    Done(Option<Item>),
    Lost(Option<Item>),
}

/// The table and what is needed to use it.
pub(crate) struct Table {
    pub(crate) client: Client,
    pub(crate) name: String,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Table {
    /// For `map_err` on a call's answer.
    pub(crate) fn failed<E>(&self, error: SdkError<E, HttpResponse>) -> PortError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        port_error(&self.name, error)
    }

    /// For what is stored and does not read as what it should be.
    pub(crate) fn corrupt(
        &self,
        place: &Place,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> PortError {
        let message = format!("the item `{}` `{}` cannot be read", place.pk, place.sk);
        PortError::new(PortErrorKind::Corrupt, &self.name, message).caused_by(cause)
    }

    /// For what cannot be written at all.
    pub(crate) fn rejected(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
        PortError::new(PortErrorKind::Rejected, &self.name, "the value cannot be written").caused_by(cause)
    }

    /// What the item says it is.
    pub(crate) fn read<T: DeserializeOwned>(&self, item: &Item) -> Result<T, PortError> {
        serde_json::from_str(item.entry()).map_err(|error| self.corrupt(&item.place(), error))
    }

    /// Now, in seconds since 1970.
    pub(crate) fn now_seconds(&self) -> i64 {
        self.clock.now().millis().div_euclid(1000)
    }

    pub(crate) async fn get(&self, place: &Place) -> Result<Option<Item>, PortError> {
        let request = self.client.get_item().table_name(&self.name).set_key(Some(place.key())).consistent_read(true);
        let answer = request.send().await.map_err(|error| self.failed(error))?;
        Ok(answer.item.map(Item))
    }

    /// A consistent query of one partition, whose key is `:pk` in its expressions.
    pub(crate) fn query(&self, pk: impl Into<String>) -> QueryFluentBuilder {
        let request = self.client.query().table_name(&self.name).consistent_read(true);
        request.key_condition_expression("pk = :pk").expression_attribute_values(":pk", text(pk))
    }

    /// All that a query finds, over all pages.
    pub(crate) async fn found(&self, query: QueryFluentBuilder) -> Result<Vec<Item>, PortError> {
        let items = query.into_paginator().items().send().try_collect().await.map_err(|error| self.failed(error))?;
        Ok(items.into_iter().map(Item).collect())
    }

    /// The answer to a conditional write; `None` where its condition did not hold.
    pub(crate) fn held<T, E>(&self, sent: Result<T, SdkError<E, HttpResponse>>) -> Result<Option<T>, PortError>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match sent {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Writes an item whatever is there.
    pub(crate) async fn put(&self, item: Item) -> Result<(), PortError> {
        let request = self.client.put_item().table_name(&self.name).set_item(Some(item.0));
        request.send().await.map(drop).map_err(|error| self.failed(error))
    }

    /// Brings an item to what `decide` makes of what is there, and gives back what is there then.
    /// `found` is what the caller takes to be there; where it is mistaken, the refused write says
    /// what is. A write whose answer was lost is found to be there and decided on again, so that
    /// `decide` must leave what it made itself.
    pub(crate) async fn revise<F>(
        &self,
        place: &Place,
        mut found: Option<Item>,
        decide: F,
    ) -> Result<Option<Item>, PortError>
    where
        F: Fn(Option<&Item>) -> Result<Verdict, PortError> + Send + Sync,
    {
        for _ in 0..ROUNDS {
            let swap = match (decide(found.as_ref())?, &found) {
                (Verdict::Leave, _) => return Ok(found),
                (Verdict::Remove, None) => return Ok(None),
                (Verdict::Put(item), _) => self.put_over(found.as_ref(), item).await?,
                (Verdict::Remove, Some(old)) => self.remove(place, old).await?,
            };
            match swap {
                Swap::Done(item) => return Ok(item),
                Swap::Lost(item) => found = item,
            }
        }
        Err(PortError::new(PortErrorKind::Unavailable, &self.name, "too many write one item at once"))
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

    async fn remove(&self, place: &Place, old: &Item) -> Result<Swap, PortError> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(place.key()))
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

    /// Those of the items that are there, in any order, each place once.
    pub(crate) async fn get_all(&self, places: &[Place]) -> Result<Vec<Item>, PortError> {
        let mut items = Vec::new();
        for places in places.chunks(READS_A_CALL) {
            let keys = places.iter().map(Place::key).collect();
            let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let mut left = Some(HashMap::from([(self.name.clone(), keys.expect("there are keys"))]));
            let mut round = 0;
            while let Some(wanted) = left.filter(|left| !left.is_empty()) {
                self.pause(round).await?;
                round += 1;
                let request = self.client.batch_get_item().set_request_items(Some(wanted));
                let answer = request.send().await.map_err(|error| self.failed(error))?;
                items.extend(answer.responses.into_iter().flatten().flat_map(|(_, items)| items).map(Item));
                left = answer.unprocessed_keys;
            }
        }
        Ok(items)
    }

    /// Removes the items whatever they are by now, each place once.
    pub(crate) async fn remove_all(&self, places: &[Place]) -> Result<(), PortError> {
        for places in places.chunks(WRITES_A_CALL) {
            let deletes = places.iter().map(|place| {
                let delete = DeleteRequest::builder().set_key(Some(place.key())).build();
                WriteRequest::builder().delete_request(delete.expect("the key is given")).build()
            });
            let mut left = Some(HashMap::from([(self.name.clone(), deletes.collect::<Vec<_>>())]));
            let mut round = 0;
            while let Some(wanted) = left.filter(|left| !left.is_empty()) {
                self.pause(round).await?;
                round += 1;
                let request = self.client.batch_write_item().set_request_items(Some(wanted));
                let answer = request.send().await.map_err(|error| self.failed(error))?;
                left = answer.unprocessed_items;
            }
        }
        Ok(())
    }

    /// Waits before a batch's rest is asked for again: DynamoDB leaves a rest where it is throttled,
    /// or where an answer would pass 16 MB.
    async fn pause(&self, round: u32) -> Result<(), PortError> {
        if round >= BATCH_ROUNDS {
            return Err(PortError::new(PortErrorKind::Unavailable, &self.name, "a batch is not finished"));
        }
        if round > 0 {
            sleep(BATCH_PAUSE * 2_u32.pow(round - 1)).await;
        }
        Ok(())
    }
}
