//! Stored events: what came, exactly as it came, with what was known on arrival.
//!
//! Promises immutability: nothing here is changed once stored. What an event *says* is read from
//! its data by an adapter, so that a better reading needs no migration.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::identity::{AggregateId, EntityKey, EntityName, ExternalId, Provider};
use crate::position::{EventId, Position, Version};
use crate::timestamp::Timestamp;
use crate::validation_issue::ValidationIssue;

/// What happened, in this domain's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventType {
    /// The record came to be, or was met for the first time.
    Created,
    /// Some of its fields changed.
    Updated,
    /// It was deleted.
    Deleted,
    /// It was brought back from deletion.
    Restored,
    /// Something changed that the event does not carry.
    Gap,
}

impl EventType {
    /// The name in storage and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::Updated => "Updated",
            Self::Deleted => "Deleted",
            Self::Restored => "Restored",
            Self::Gap => "Gap",
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// By which way an event came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Change Data Capture.
    Cdc,
    /// A webhook.
    Webhook,
    /// A read of the CRM.
    Backfill,
}

/// The family of the body, which decides what null and absence mean in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyForm {
    /// Only what changed is there.
    Json,
    /// Every field is there; unchanged ones are null.
    Pubsub,
    /// A record as the CRM's read API gives it.
    Image,
}

/// What is known of an event beside its data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// By which way it came.
    pub source: Source,
    /// How its body is to be read.
    pub body_form: BodyForm,
    /// The CRM.
    pub provider: Provider,
    /// The record's id there.
    pub external_id: ExternalId,
    /// Who made the change, by the CRM's user id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// By which client the change was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_origin: Option<String>,
    /// The source's transaction; opaque.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_key: Option<String>,
    /// What this event belongs together with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The command that stored it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<String>,
    /// The record that this one was merged into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<ExternalId>,
    /// Whether an image of the same timestamp was stored before it: one of the two may not hold
    /// what the other says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub meets_image: bool,
}

/// One stored event.
#[derive(Debug, Clone, PartialEq)]
pub struct DomainEvent {
    /// The record.
    pub aggregate_id: AggregateId,
    /// The provider's object.
    pub entity_name: EntityName,
    /// What happened.
    pub event_type: EventType,
    /// Its number in the aggregate.
    pub version: Version,
    /// Its place at the source; holds its id and its timestamp.
    pub position: Position,
    /// When it was stored; never below its predecessor's.
    pub recorded_at: Timestamp,
    /// The input as it came, to the byte, whole header included.
    pub data: Arc<str>,
    /// What is known beside it.
    pub metadata: Metadata,
    /// What validation found on arrival.
    pub warnings: Vec<ValidationIssue>,
}

impl DomainEvent {
    /// What makes the change unique at its source.
    pub fn event_id(&self) -> EventId {
        self.position.event_id
    }

    /// When the CRM committed it.
    pub fn timestamp(&self) -> Timestamp {
        self.position.timestamp
    }

    /// The stream it is in.
    pub fn key(&self) -> EntityKey {
        EntityKey { entity_name: self.entity_name.clone(), aggregate_id: self.aggregate_id }
    }
}
