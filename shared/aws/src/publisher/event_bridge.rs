//! The publisher on Amazon EventBridge.
//!
//! Promises one PutEvents call for each ten entries or byte limit's worth, and an answer for each
//! entry that PutEvents refused. Does not know whether any rule on the bus passes them on.

use std::sync::Arc;

use crate::client::port_error;
use annals_application::ports::{EventPublisher, NormalizedEntityEvent, PortError};
use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use aws_types::SdkConfig;

use super::bus::{Bus, entry_error, publish};
use super::retry::{Answer, Patience};
use super::settings::DEFAULT_MAX_BYTES;

/// What an entry's time counts for.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html>
const TIME_BYTES: usize = 14;

/// Where to, and under which names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventBridgeSettings {
    /// The bus, by name or ARN.
    pub bus: String,
    /// Each event's source.
    pub source: String,
    /// What follows the aggregate type in the detail type.
    pub detail_type_suffix: String,
    /// How many bytes the entries of one call may have.
    pub max_bytes: usize,
}

impl Default for EventBridgeSettings {
    fn default() -> Self {
        Self {
            bus: "default".to_owned(),
            source: "event-sourcing-system".to_owned(),
            detail_type_suffix: "Changed".to_owned(),
            max_bytes: DEFAULT_MAX_BYTES,
        }
    }
}

/// Publishes to a bus.
#[derive(Debug, Clone)]
pub struct EventBridgePublisher {
    client: Client,
    settings: Arc<EventBridgeSettings>,
    resource: Arc<str>,
    patience: Patience,
}

impl EventBridgePublisher {
    /// With a client of that configuration.
    pub fn new(config: &SdkConfig, settings: EventBridgeSettings) -> Self {
        let resource = format!("bus `{}`", settings.bus).into();
        Self { client: Client::new(config), settings: Arc::new(settings), resource, patience: Patience::default() }
    }

    fn answer(&self, entry: &PutEventsResultEntry) -> Answer {
        let Some(code) = entry.error_code() else {
            return if entry.event_id().is_some() { Answer::Taken } else { Answer::unanswered(&self.resource) };
        };
        let error = entry_error(&self.resource, code, entry.error_message());
        if error.is_retryable() { Answer::Again(error) } else { Answer::Refused(error) }
    }
}

#[async_trait]
impl EventPublisher for EventBridgePublisher {
    async fn publish(&self, events: Vec<NormalizedEntityEvent>) -> Vec<Result<(), PortError>> {
        publish(self, &self.patience, events).await
    }
}

#[async_trait]
impl Bus for EventBridgePublisher {
    type Entry = PutEventsRequestEntry;

    fn resource(&self) -> &str {
        &self.resource
    }

    fn max_bytes(&self) -> usize {
        self.settings.max_bytes
    }

    fn entry(&self, event: &NormalizedEntityEvent, message: String) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.settings.bus)
            .source(&self.settings.source)
            .detail_type(format!("{}{}", event.entity.aggregate_type, self.settings.detail_type_suffix))
            .time(DateTime::from_millis(event.timestamp.millis()))
            .detail(message)
            .build()
    }

    fn size(&self, entry: &PutEventsRequestEntry) -> usize {
        size_of(entry)
    }

    async fn send(&self, entries: Vec<PutEventsRequestEntry>) -> Result<Vec<Answer>, PortError> {
        let sent = self.client.put_events().set_entries(Some(entries)).send().await;
        let output = sent.map_err(|error| port_error(&self.resource, error))?;
        Ok(output.entries().iter().map(|entry| self.answer(entry)).collect())
    }
}

/// An entry's size by the formula that AWS gives: see [`TIME_BYTES`].
fn size_of(entry: &PutEventsRequestEntry) -> usize {
    let time = entry.time().map_or(0, |_| TIME_BYTES);
    let texts = [entry.source(), entry.detail_type(), entry.detail()];
    let texts: usize = texts.into_iter().flatten().map(str::len).sum();
    time + texts + entry.resources().iter().map(String::len).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_as_large_as_the_service_counts_it() {
        let entry = PutEventsRequestEntry::builder()
            .source("süß")
            .detail_type("type")
            .detail("{}")
            .event_bus_name("not counted");
        assert_eq!(size_of(&entry.clone().build()), 5 + 4 + 2);
        assert_eq!(size_of(&entry.clone().time(DateTime::from_secs(0)).build()), 14 + 5 + 4 + 2);
        assert_eq!(size_of(&entry.resources("arn:1").resources("arn:22").build()), 5 + 4 + 2 + 5 + 6);
    }
}
