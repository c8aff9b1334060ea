//! Appending: one conditional write per event. The streams of a call are written concurrently.
//!
//! The result of each event is exact. A write is never retried here: after a lost response, only the same append at the
//! same version shows whether the event was stored. A write counts as not applied only if the service said so; any
//! failure of the service itself (5xx) leaves the outcome unknown.

use std::collections::HashMap;

use annals_application::ports::{AppendError, PortError, PortErrorKind, StoredEvent};
use annals_domain::identity::{AggregateId, EntityName};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use futures::{StreamExt, stream};

use crate::client::port_error;
use crate::event_store::item::{HEAD_ATTRIBUTES, decode_head, encode};
use crate::event_store::{CONCURRENT_REQUESTS, DynamoEventStore};

type AppendResult = Result<(), AppendError>;

/// No item has that key and version. (Every existing item has the attribute.)
const VERSION_IS_FREE: &str = "attribute_not_exists(entity_key)";

impl DynamoEventStore {
    pub(crate) async fn append_all(&self, events: &[StoredEvent]) -> Vec<AppendResult> {
        if let [event] = events {
            return vec![self.put(event).await];
        }
        let mut results: Vec<AppendResult> = events.iter().map(|_| Err(AppendError::NotTried)).collect();
        let streams = by_stream(events).into_iter().map(|indices| self.append_stream(events, indices));
        let mut tried = stream::iter(streams).buffer_unordered(CONCURRENT_REQUESTS);
        while let Some(stream) = tried.next().await {
            for (index, result) in stream {
                results[index] = result;
            }
        }
        results
    }

    /// Appends the events of one stream one after the other, up to the first failure.
    async fn append_stream(&self, events: &[StoredEvent], indices: Vec<usize>) -> Vec<(usize, AppendResult)> {
        let mut tried = Vec::with_capacity(indices.len());
        for index in indices {
            let result = self.put(&events[index]).await;
            let failed = result.is_err();
            tried.push((index, result));
            if failed {
                break;
            }
        }
        tried
    }

    async fn put(&self, stored: &StoredEvent) -> AppendResult {
        let item = encode(stored).map_err(|error| {
            AppendError::NotApplied(PortError::new(PortErrorKind::Rejected, &*self.table, error.to_string()))
        })?;
        let sent = self
            .writer
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(item.into()))
            .condition_expression(VERSION_IS_FREE)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) => Err(self.append_error(stored, error)),
        }
    }

    fn append_error(&self, stored: &StoredEvent, error: SdkError<PutItemError>) -> AppendError {
        if let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() {
            return self.conflict(stored, failed);
        }
        let is_service_failure = error.raw_response().is_some_and(|response| response.status().as_u16() >= 500);
        let mut error = port_error(&self.table, error);
        if is_service_failure {
            error.kind = PortErrorKind::OutcomeUnknown;
        }
        match error.kind {
            PortErrorKind::OutcomeUnknown => AppendError::OutcomeUnknown(error),
            _ => AppendError::NotApplied(error),
        }
    }

    /// The conflict with the event that has the version, from the item that the failed condition returned.
    fn conflict(&self, stored: &StoredEvent, failed: &ConditionalCheckFailedException) -> AppendError {
        let item = failed.item().into_iter().flat_map(head_attributes).collect::<HashMap<_, _>>();
        match decode_head(item) {
            Ok((event_id, head)) => AppendError::Conflict { event_id, head: Box::new(head) },
            Err(error) => {
                let (key, version) = (stored.event.key(), stored.event.version);
                let what = format!("version {version} of `{key}` exists and cannot be read");
                AppendError::NotApplied(self.corrupt(what, error))
            }
        }
    }
}

/// Copies only the attributes that a head is decoded from.
fn head_attributes(item: &HashMap<String, AttributeValue>) -> impl Iterator<Item = (String, AttributeValue)> {
    HEAD_ATTRIBUTES.iter().filter_map(|name| Some(((*name).to_owned(), item.get(*name)?.clone())))
}

/// The indices of the events of each stream, in their order.
fn by_stream(events: &[StoredEvent]) -> Vec<Vec<usize>> {
    let mut numbers: HashMap<(&EntityName, AggregateId), usize> = HashMap::new();
    let mut streams: Vec<Vec<usize>> = Vec::new();
    for (index, stored) in events.iter().enumerate() {
        let number = *numbers.entry((&stored.event.entity_name, stored.event.aggregate_id)).or_insert(streams.len());
        if number == streams.len() {
            streams.push(Vec::new());
        }
        streams[number].push(index);
    }
    streams
}
