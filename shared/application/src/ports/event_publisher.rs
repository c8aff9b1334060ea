//! The publisher: tells other systems what changed.
//!
//! Promises at least once, each answer its own: one refused event does not hold up another. A
//! consumer ignores a version not above the last it has seen.

use annals_domain::event::EventType;
use annals_domain::finding::Finding;
use annals_domain::identity::{AggregateId, AggregateType, ExternalId, Provider};
use annals_domain::instant::Instant;
use annals_domain::position::{EventId, Version};
use async_trait::async_trait;
use serde::Serialize;
use serde_json::{Map, Value};

use super::PortError;

/// What is announced: one entity's change over a run of versions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NormalizedEntityEvent {
    /// The id of the newest event in it.
    pub event_id: EventId,
    /// The entity's type.
    pub aggregate_type: AggregateType,
    /// The entity.
    pub aggregate_id: AggregateId,
    /// Its id at the CRM.
    pub external_id: ExternalId,
    /// The CRM.
    pub provider: Provider,
    /// The type of the newest event in it.
    pub event_type: EventType,
    /// When the CRM committed the newest event in it.
    pub timestamp: Instant,
    /// The whole entity: all fields of its definition, null where not known.
    pub data: Map<String, Value>,
    /// Per field that changed, `{from, to}`.
    pub changes: Map<String, Value>,
    /// The lowest version it covers.
    pub from_version: Version,
    /// The highest version it covers.
    pub version: Version,
    /// What validation found in the events it covers.
    pub validation_info: Vec<Finding>,
    /// What the newest event in it belongs together with.
    pub correlation_id: Option<String>,
}

/// A bus, a topic or a file.
#[async_trait]
pub trait EventPublisher: Send + Sync {
    /// Publishes events; one answer each, in their order.
    async fn publish(&self, events: Vec<NormalizedEntityEvent>) -> Vec<Result<(), PortError>>;
}
