//! The port that publishes changes of entities to other systems.
//!
//! Delivery is at least once. Each event has its own result: a rejected event does not delay others. A consumer
//! ignores versions that are not above the last one it has received.

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
    /// The id of the newest event of the change.
    pub event_id: EventId,
    /// The type of the newest event.
    pub event_type: EventType,
    /// The time at which the CRM committed the newest event.
    pub timestamp: Timestamp,
    pub schema: EntitySchema,
    /// The entity before the change; `None` if it was not visible.
    pub before: Option<Arc<Entity>>,
    pub entity: Arc<Entity>,
    /// The lowest version of the change.
    pub from_version: Version,
    /// The highest version of the change.
    pub version: Version,
    /// The validation issues of all its events.
    pub validation_info: Vec<ValidationIssue>,
    /// The correlation id of the newest event.
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

#[async_trait]
pub trait EventPublisher: Send + Sync {
    /// Returns one result per event, in their order.
    async fn publish(&self, events: Vec<NormalizedEntityEvent>) -> Vec<Result<(), PortError>>;
}
