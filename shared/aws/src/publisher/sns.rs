//! The publisher on Amazon SNS, by PublishBatch.
//!
//! On a FIFO topic the events of one record are one message group, and the topic passes on the same event only once
//! within five minutes. Success means that the topic has the event; who subscribes is not known here.

use std::collections::HashMap;
use std::sync::Arc;

use annals_application::ports::{EventPublisher, NormalizedEntityEvent, PortError, PortErrorKind};
use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::operation::publish_batch::PublishBatchOutput;
use aws_sdk_sns::types::{BatchResultErrorEntry, MessageAttributeValue, PublishBatchRequestEntry};
use aws_types::SdkConfig;

use super::bus::{Bus, EntryOutcome, entry_error};
use super::delivery::publish;
use crate::client::port_error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnsSettings {
    /// A topic whose name ends with `.fifo` is a FIFO topic.
    pub topic_arn: String,
    /// How many bytes the messages of one call may have together.
    pub max_bytes: usize,
}

#[derive(Debug, Clone)]
pub struct SnsPublisher {
    client: Client,
    settings: Arc<SnsSettings>,
    resource: Arc<str>,
}

impl SnsPublisher {
    pub fn new(config: &SdkConfig, settings: SnsSettings) -> Self {
        let resource = format!("topic `{}`", settings.topic_arn).into();
        Self { client: Client::new(config), settings: Arc::new(settings), resource }
    }

    fn is_fifo(&self) -> bool {
        self.settings.topic_arn.ends_with(".fifo")
    }

    /// The outcome of each entry. An entry's id is its index in the call.
    fn outcomes(&self, output: &PublishBatchOutput, count: usize) -> Vec<EntryOutcome> {
        let failed: HashMap<_, _> = output.failed().iter().map(|entry| (entry.id(), entry)).collect();
        let is_accepted = |id: &str| output.successful().iter().any(|entry| entry.id() == Some(id));
        let outcome = |index: usize| {
            let id = index.to_string();
            match failed.get(id.as_str()) {
                Some(entry) => self.failure(entry),
                None if is_accepted(&id) => EntryOutcome::Accepted,
                None => EntryOutcome::missing(&self.resource),
            }
        };
        (0..count).map(outcome).collect()
    }

    fn failure(&self, entry: &BatchResultErrorEntry) -> EntryOutcome {
        let error = entry_error(&self.resource, entry.code(), entry.message());
        if entry.sender_fault() {
            return EntryOutcome::Failed(error);
        }
        // The service says that the fault is its own: it may accept the entry later, whatever the code.
        let message = format!("an entry was not accepted: {}", entry.code());
        let unknown = || PortError::new(PortErrorKind::OutcomeUnknown, &*self.resource, message);
        EntryOutcome::Retryable(if error.is_retryable() { error } else { unknown() })
    }
}

#[async_trait]
impl EventPublisher for SnsPublisher {
    async fn publish(&self, events: Vec<NormalizedEntityEvent>) -> Vec<Result<(), PortError>> {
        publish(self, events).await
    }
}

#[async_trait]
impl Bus for SnsPublisher {
    type Entry = PublishBatchRequestEntry;

    fn resource(&self) -> &str {
        &self.resource
    }

    fn max_bytes(&self) -> usize {
        self.settings.max_bytes
    }

    fn entry(&self, event: &NormalizedEntityEvent, message: String) -> PublishBatchRequestEntry {
        let mut entry = PublishBatchRequestEntry::builder()
            .id("")
            .message(message)
            .message_attributes("aggregate_type", attribute(event.entity.aggregate_type.as_str()))
            .message_attributes("event_type", attribute(event.event_type.as_str()))
            .message_attributes("provider", attribute(event.entity.provider.as_str()));
        if self.is_fifo() {
            entry = entry
                .message_group_id(event.entity.aggregate_id.to_string())
                .message_deduplication_id(format!("{}-{}", event.event_id, event.version));
        }
        entry.build().expect("the required id and message are set")
    }

    fn size(&self, entry: &PublishBatchRequestEntry) -> usize {
        size_of(entry)
    }

    async fn send(&self, mut entries: Vec<PublishBatchRequestEntry>) -> Result<Vec<EntryOutcome>, PortError> {
        let count = entries.len();
        for (index, entry) in entries.iter_mut().enumerate() {
            entry.id = index.to_string();
        }
        let call = self.client.publish_batch().topic_arn(&self.settings.topic_arn);
        let response = call.set_publish_batch_request_entries(Some(entries)).send().await;
        let output = response.map_err(|error| port_error(&self.resource, error))?;
        Ok(self.outcomes(&output, count))
    }
}

fn attribute(text: &str) -> MessageAttributeValue {
    let attribute = MessageAttributeValue::builder().data_type("String").string_value(text);
    attribute.build().expect("the required data type is set")
}

/// A message's size in bytes: its body, and the name, type and value of each attribute.
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html>
fn size_of(entry: &PublishBatchRequestEntry) -> usize {
    let attributes = entry.message_attributes().into_iter().flatten();
    let attribute_size = |(name, value): (&String, &MessageAttributeValue)| {
        name.len() + value.data_type().len() + value.string_value().map_or(0, str::len)
    };
    entry.message().len() + attributes.map(attribute_size).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_message_is_counted_as_the_service_does() {
        let entry = PublishBatchRequestEntry::builder().id("not counted").message("süß");
        assert_eq!(size_of(&entry.clone().build().unwrap()), 5);
        let entry = entry.message_attributes("provider", attribute("hubspot"));
        assert_eq!(size_of(&entry.build().unwrap()), 5 + 8 + 6 + 7);
    }
}
