//! The publisher on Amazon EventBridge, by PutEvents.
//!
//! Success means that the bus has the event. Whether a rule on the bus matches it is not known here.

use std::sync::Arc;

use annals_application::ports::{EventPublisher, NormalizedEntityEvent, PortError};
use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use aws_types::SdkConfig;

use super::bus::{Bus, DEFAULT_MAX_BYTES, EntryOutcome, entry_error};
use super::delivery::publish;
use crate::client::port_error;

/// The bytes that an entry's time counts for.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html>
const TIME_BYTES: usize = 14;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventBridgeSettings {
    pub bus: String,
    pub source: String,
    /// Follows the aggregate type in the detail type: `clientChanged`.
    pub detail_type_suffix: String,
    /// How many bytes the entries of one call may have together.
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

#[derive(Debug, Clone)]
pub struct EventBridgePublisher {
    client: Client,
    settings: Arc<EventBridgeSettings>,
    resource: Arc<str>,
}

impl EventBridgePublisher {
    pub fn new(config: &SdkConfig, settings: EventBridgeSettings) -> Self {
        let resource = format!("bus `{}`", settings.bus).into();
        Self { client: Client::new(config), settings: Arc::new(settings), resource }
    }

    fn outcome(&self, entry: &PutEventsResultEntry) -> EntryOutcome {
        let Some(code) = entry.error_code() else {
            let is_accepted = entry.event_id().is_some();
            return if is_accepted { EntryOutcome::Accepted } else { EntryOutcome::missing(&self.resource) };
        };
        let error = entry_error(&self.resource, code, entry.error_message());
        if error.is_retryable() { EntryOutcome::Retryable(error) } else { EntryOutcome::Failed(error) }
    }
}

#[async_trait]
impl EventPublisher for EventBridgePublisher {
    async fn publish(&self, events: Vec<NormalizedEntityEvent>) -> Vec<Result<(), PortError>> {
        publish(self, events).await
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

    async fn send(&self, entries: Vec<PutEventsRequestEntry>) -> Result<Vec<EntryOutcome>, PortError> {
        let response = self.client.put_events().set_entries(Some(entries)).send().await;
        let output = response.map_err(|error| port_error(&self.resource, error))?;
        Ok(output.entries().iter().map(|entry| self.outcome(entry)).collect())
    }
}

/// An entry's size in bytes by the formula of AWS: see [`TIME_BYTES`].
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
    fn the_size_of_an_entry_is_counted_as_the_service_does() {
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
