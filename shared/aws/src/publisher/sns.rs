//! The publisher on Amazon SNS.
//!
//! Promises one PublishBatch call for each ten messages or byte limit's worth, and an answer for each
//! message that was refused. On a FIFO topic a record's announcements are one group, and the same
//! announcement within five minutes is passed on once. Does not know who subscribes.

use std::collections::HashMap;
use std::sync::Arc;

use crate::client::port_error;
use annals_application::ports::{EventPublisher, NormalizedEntityEvent, PortError, PortErrorKind};
use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::operation::publish_batch::PublishBatchOutput;
use aws_sdk_sns::types::{BatchResultErrorEntry, MessageAttributeValue, PublishBatchRequestEntry};
use aws_types::SdkConfig;

use super::bus::{Bus, entry_error, publish};
use super::retry::{Answer, Patience};

/// Where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnsSettings {
    /// The topic; one whose name ends with `.fifo` is a FIFO topic.
    pub topic_arn: String,
    /// How many bytes the messages of one call may have.
    pub max_bytes: usize,
}

/// Publishes to a topic.
#[derive(Debug, Clone)]
pub struct SnsPublisher {
    client: Client,
    settings: Arc<SnsSettings>,
    resource: Arc<str>,
    patience: Patience,
}

impl SnsPublisher {
    /// With a client of that configuration.
    pub fn new(config: &SdkConfig, settings: SnsSettings) -> Self {
        let resource = format!("topic `{}`", settings.topic_arn).into();
        Self { client: Client::new(config), settings: Arc::new(settings), resource, patience: Patience::default() }
    }

    fn is_fifo(&self) -> bool {
        self.settings.topic_arn.ends_with(".fifo")
    }

    /// Each entry's answer; an entry's id is its number in the call.
    fn answers(&self, output: &PublishBatchOutput, count: usize) -> Vec<Answer> {
        let failed: HashMap<_, _> = output.failed().iter().map(|entry| (entry.id(), entry)).collect();
        let taken = |id: &str| output.successful().iter().any(|entry| entry.id() == Some(id));
        let answer = |number: usize| {
            let id = number.to_string();
            match failed.get(id.as_str()) {
                Some(entry) => self.failure(entry),
                None if taken(&id) => Answer::Taken,
                None => Answer::unanswered(&self.resource),
            }
        };
        (0..count).map(answer).collect()
    }

    fn failure(&self, entry: &BatchResultErrorEntry) -> Answer {
        let error = entry_error(&self.resource, entry.code(), entry.message());
        if entry.sender_fault() {
            return Answer::Refused(error);
        }
        // The service says that it is its own fault: then it may work later, whatever the code.
        let unknown = format!("an entry was not taken: {}", entry.code());
        let unknown = || PortError::new(PortErrorKind::OutcomeUnknown, &*self.resource, unknown);
        Answer::Again(if error.is_retryable() { error } else { unknown() })
    }
}

#[async_trait]
impl EventPublisher for SnsPublisher {
    async fn publish(&self, events: Vec<NormalizedEntityEvent>) -> Vec<Result<(), PortError>> {
        publish(self, &self.patience, events).await
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
        entry.build().expect("id and message, which it needs, are set")
    }

    fn size(&self, entry: &PublishBatchRequestEntry) -> usize {
        size_of(entry)
    }

    async fn send(&self, mut entries: Vec<PublishBatchRequestEntry>) -> Result<Vec<Answer>, PortError> {
        let count = entries.len();
        for (number, entry) in entries.iter_mut().enumerate() {
            entry.id = number.to_string();
        }
        let call = self.client.publish_batch().topic_arn(&self.settings.topic_arn);
        let sent = call.set_publish_batch_request_entries(Some(entries)).send().await;
        let output = sent.map_err(|error| port_error(&self.resource, error))?;
        Ok(self.answers(&output, count))
    }
}

fn attribute(text: &str) -> MessageAttributeValue {
    let attribute = MessageAttributeValue::builder().data_type("String").string_value(text);
    attribute.build().expect("the data type, which it needs, is set")
}

/// A message's size: its body, and of each attribute name, type and value.
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html>
fn size_of(entry: &PublishBatchRequestEntry) -> usize {
    let attributes = entry.message_attributes().into_iter().flatten();
    let of_attribute = |(name, value): (&String, &MessageAttributeValue)| {
        name.len() + value.data_type().len() + value.string_value().map_or(0, str::len)
    };
    entry.message().len() + attributes.map(of_attribute).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_as_large_as_the_service_counts_it() {
        let entry = PublishBatchRequestEntry::builder().id("not counted").message("süß");
        assert_eq!(size_of(&entry.clone().build().unwrap()), 5);
        let entry = entry.message_attributes("provider", attribute("hubspot"));
        assert_eq!(size_of(&entry.build().unwrap()), 5 + 8 + 6 + 7);
    }
}
