//! What EventBridge and SNS have in common: events become entries that fit, and entries are delivered.
//!
//! Promises each event its own answer, in their order; an event that cannot be sent holds up no other,
//! and a code that is not known is the entry's own fault. Passes on a service's words only about rights
//! and keys, never about an entry's content.

use crate::client::kind_of_code;
use annals_application::ports::{NormalizedEntityEvent, PortError, PortErrorKind};
use annals_domain::identity::AggregateId;
use annals_domain::position::EventId;
use async_trait::async_trait;

use super::message;
use super::retry::{Answer, Patience, deliver};

/// A service that takes up to ten entries in a call, and answers each.
#[async_trait]
pub(crate) trait Bus: Send + Sync {
    /// What it takes.
    type Entry: Clone + Send + Sync;

    /// The resource, as errors name it.
    fn resource(&self) -> &str;

    /// How many bytes the entries of one call may have.
    fn max_bytes(&self) -> usize;

    /// The event as an entry with that message.
    fn entry(&self, event: &NormalizedEntityEvent, message: String) -> Self::Entry;

    /// An entry's size, as the service counts it.
    fn size(&self, entry: &Self::Entry) -> usize;

    /// Makes one call; an answer for each entry, in their order, or the failure of the call as a whole.
    async fn send(&self, entries: Vec<Self::Entry>) -> Result<Vec<Answer>, PortError>;
}

/// An entry under way.
pub(crate) struct Item<E> {
    /// Which of the events it is.
    pub(crate) number: usize,
    pub(crate) aggregate_id: AggregateId,
    pub(crate) event_id: EventId,
    pub(crate) size: usize,
    pub(crate) entry: E,
}

/// Publishes the events; one answer each, in their order.
pub(crate) async fn publish<B: Bus>(
    bus: &B,
    patience: &Patience,
    events: Vec<NormalizedEntityEvent>,
) -> Vec<Result<(), PortError>> {
    let (mut items, mut refused) = (Vec::with_capacity(events.len()), Vec::new());
    // An event is let go when its entry is made, so that the two do not stand in memory together.
    for (number, event) in events.into_iter().enumerate() {
        match item(bus, number, &event) {
            Ok(item) => items.push(item),
            Err(error) => refused.push((number, Err(error))),
        }
    }
    let mut answers = deliver(bus, patience, &items).await;
    answers.extend(refused);
    answers.into_values().collect()
}

fn item<B: Bus>(bus: &B, number: usize, event: &NormalizedEntityEvent) -> Result<Item<B::Entry>, PortError> {
    let make = |message| bus.entry(event, message);
    let entry = message::fitting(bus.resource(), event, bus.max_bytes(), make, |entry| bus.size(entry))?;
    let (aggregate_id, event_id) = (event.entity.aggregate_id, event.event_id);
    Ok(Item { number, aggregate_id, event_id, size: bus.size(&entry), entry })
}

/// Why a service refuses an entry.
pub(crate) fn entry_error(resource: &str, code: &str, message: Option<&str>) -> PortError {
    let kind = kind_of_code(code).unwrap_or(PortErrorKind::Rejected);
    let text = match message {
        Some(message) if kind == PortErrorKind::Misconfigured => format!("an entry was refused: {code}: {message}"),
        _ => format!("an entry was refused: {code}"),
    };
    PortError::new(kind, resource, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_quoted_on_rights_and_never_on_content() {
        let on_rights = entry_error("bus `b`", "NotAuthorizedForSourceException", Some("no permission"));
        assert_eq!(
            on_rights.to_string(),
            "bus `b`: an entry was refused: NotAuthorizedForSourceException: no permission"
        );
        let on_content = entry_error("bus `b`", "MalformedDetail", Some("`secret` is malformed"));
        assert_eq!(on_content.to_string(), "bus `b`: an entry was refused: MalformedDetail");
        assert_eq!(on_content.kind, PortErrorKind::Rejected);
    }
}
