//! Appending: one conditional write an event, the streams of a call beside each other.
//!
//! Promises an exact answer for each event. A write is never tried again here: after an answer that
//! was lost, only the caller's same append at the same version tells what became of it. Nothing is
//! called "not applied" unless the service said so, and any of its own failures (5xx) leaves that
//! open.

use std::collections::HashMap;

use crate::client::port_error;
use annals_application::ports::{AppendError, PortError, PortErrorKind, StoredEvent};
use annals_domain::identity::{AggregateId, EntityName};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use futures::{StreamExt, stream};

use crate::event_store::item::{OF_A_HEAD, decode_head, encode};
use crate::event_store::{DynamoEventStore, IN_FLIGHT};

type Answer = Result<(), AppendError>;

/// Nothing is at that key and version. (An item that is there has its key.)
const NOTHING_THERE: &str = "attribute_not_exists(entity_key)";

impl DynamoEventStore {
    pub(crate) async fn append_all(&self, events: &[StoredEvent]) -> Vec<Answer> {
        if let [event] = events {
            return vec![self.put(event).await];
        }
        let mut answers: Vec<Answer> = events.iter().map(|_| Err(AppendError::NotTried)).collect();
        let streams = by_stream(events).into_iter().map(|indices| self.append_stream(events, indices));
        let mut tried = stream::iter(streams).buffer_unordered(IN_FLIGHT);
        while let Some(stream) = tried.next().await {
            for (index, answer) in stream {
                answers[index] = answer;
            }
        }
        answers
    }

    /// One after the other, up to the first that fails.
    async fn append_stream(&self, events: &[StoredEvent], indices: Vec<usize>) -> Vec<(usize, Answer)> {
        let mut tried = Vec::with_capacity(indices.len());
        for index in indices {
            let answer = self.put(&events[index]).await;
            let failed = answer.is_err();
            tried.push((index, answer));
            if failed {
                break;
            }
        }
        tried
    }

    async fn put(&self, stored: &StoredEvent) -> Answer {
        let item = encode(stored).map_err(|error| {
            AppendError::NotApplied(PortError::new(PortErrorKind::Rejected, &*self.table, error.to_string()))
        })?;
        let sent = self
            .writer
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(item.into()))
            .condition_expression(NOTHING_THERE)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) => Err(self.why_not(stored, error)),
        }
    }

    fn why_not(&self, stored: &StoredEvent, error: SdkError<PutItemError>) -> AppendError {
        if let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() {
            return self.taken(stored, failed);
        }
        let is_of_the_service = error.raw_response().is_some_and(|answer| answer.status().as_u16() >= 500);
        let mut error = port_error(&self.table, error);
        if is_of_the_service {
            error.kind = PortErrorKind::OutcomeUnknown;
        }
        match error.kind {
            PortErrorKind::OutcomeUnknown => AppendError::OutcomeUnknown(error),
            _ => AppendError::NotApplied(error),
        }
    }

    /// Who has the version, by the item that the failed condition returned.
    fn taken(&self, stored: &StoredEvent, failed: &ConditionalCheckFailedException) -> AppendError {
        let item = failed.item().into_iter().flat_map(of_a_head).collect::<HashMap<_, _>>();
        match decode_head(item.into()) {
            Ok((event_id, head)) => AppendError::Conflict { event_id, head: Box::new(head) },
            Err(error) => {
                let (key, version) = (stored.event.key(), stored.event.version);
                let what = format!("version {version} of `{key}` is taken, and what is there cannot be read");
                AppendError::NotApplied(self.corrupt(what, error))
            }
        }
    }
}

/// Copies no more of an item than a head is read from.
fn of_a_head(item: &HashMap<String, AttributeValue>) -> impl Iterator<Item = (String, AttributeValue)> {
    OF_A_HEAD.iter().filter_map(|name| Some(((*name).to_owned(), item.get(*name)?.clone())))
}

/// The indices of each stream's events, in their order.
fn by_stream(events: &[StoredEvent]) -> Vec<Vec<usize>> {
    let mut places: HashMap<(&EntityName, AggregateId), usize> = HashMap::new();
    let mut streams: Vec<Vec<usize>> = Vec::new();
    for (index, stored) in events.iter().enumerate() {
        let place = *places.entry((&stored.event.entity_name, stored.event.aggregate_id)).or_insert(streams.len());
        if place == streams.len() {
            streams.push(Vec::new());
        }
        streams[place].push(index);
    }
    streams
}
