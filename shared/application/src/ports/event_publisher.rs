//! The port that publishes changes of entities to other systems.
//!
//! Delivery is at least once, and each event has a result of its own: one refused event does not hold up another. A
//! consumer ignores a version that is not above the last one it has received.

use std::sync::Arc;

use annals_domain::definition::EntitySchema;
use annals_domain::entity::{Entity, EntityJson};
use annals_domain::entity_changes::EntityChanges;
use annals_domain::event::EventType;
use annals_domain::identity::{AggregateId, AggregateType, ExternalId, Provider};
use annals_domain::position::{EventId, Version};
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;
use async_trait::async_trait;
use serde::{Serialize, Serializer};

use super::PortError;

/// The change of one entity over one or several versions. It serializes as consumers receive it.
#[derive(Debug, Clone, PartialEq)]
pub struct NormalizedEntityEvent {
    /// The id of the newest event in it.
    pub event_id: EventId,
    /// The type of the newest event in it.
    pub event_type: EventType,
    /// When the CRM committed the newest event in it.
    pub timestamp: Timestamp,
    /// The entity's schema.
    pub schema: EntitySchema,
    /// The entity before; `None` where it did not show.
    pub before: Option<Arc<Entity>>,
    /// The entity.
    pub entity: Arc<Entity>,
    /// The lowest version it covers.
    pub from_version: Version,
    /// The highest version it covers.
    pub version: Version,
    /// What validation found in the events it covers.
    pub validation_info: Vec<ValidationIssue>,
    /// What the newest event in it belongs together with.
    pub correlation_id: Option<String>,
}

/// The JSON that consumers receive: `data` has all fields of the definition, null if unknown; `changes` has
/// `{from, to}` for each field that changed.
#[derive(Serialize)]
struct PublishedEvent<'a> {
    event_id: EventId,
    aggregate_type: &'a AggregateType,
    aggregate_id: AggregateId,
    external_id: &'a ExternalId,
    provider: Provider,
    event_type: EventType,
    timestamp: Timestamp,
    data: EntityJson<'a>,
    changes: EntityChanges<'a>,
    from_version: Version,
    version: Version,
    validation_info: &'a [ValidationIssue],
    correlation_id: Option<&'a str>,
}

impl NormalizedEntityEvent {
    /// What changed, field by field.
    pub fn changes(&self) -> EntityChanges<'_> {
        EntityChanges::between(&self.schema, self.before.as_deref(), &self.entity)
    }
}

impl Serialize for NormalizedEntityEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let published = PublishedEvent {
            event_id: self.event_id,
            aggregate_type: &self.entity.aggregate_type,
            aggregate_id: self.entity.aggregate_id,
            external_id: &self.entity.external_id,
            provider: self.entity.provider,
            event_type: self.event_type,
            timestamp: self.timestamp,
            data: self.entity.as_data(&self.schema),
            changes: self.changes(),
            from_version: self.from_version,
            version: self.version,
            validation_info: &self.validation_info,
            correlation_id: self.correlation_id.as_deref(),
        };
        published.serialize(serializer)
    }
}

/// A bus, a topic or a file.
#[async_trait]
pub trait EventPublisher: Send + Sync {
    /// Publishes events; one answer each, in their order.
    async fn publish(&self, events: Vec<NormalizedEntityEvent>) -> Vec<Result<(), PortError>>;
}
