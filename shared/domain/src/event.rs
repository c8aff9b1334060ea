//! Stored events: the input exactly as it arrived, and what was known on arrival.
//!
//! A stored event is immutable. What it says is read from its data by an adapter each time, so that a corrected adapter
//! needs no migration.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::identity::{AggregateId, EntityKey, EntityName, ExternalId, Provider};
use crate::path::Path;
use crate::position::{ChangeKind, EventId, Position, Rank, Version};
use crate::timestamp::Timestamp;
use crate::validation_issue::ValidationIssue;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventType {
    /// The record was created, or seen for the first time.
    Created,
    Updated,
    Deleted,
    /// The record was restored after a deletion.
    Restored,
    /// Something changed, and the event does not carry what.
    Gap,
}

impl EventType {
    pub const ALL: [Self; 5] = [Self::Created, Self::Updated, Self::Deleted, Self::Restored, Self::Gap];

    /// The name in storage and in responses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::Updated => "Updated",
            Self::Deleted => "Deleted",
            Self::Restored => "Restored",
            Self::Gap => "Gap",
        }
    }

    /// The kind in the position of an event of this type and rank.
    pub fn kind(self, rank: Rank) -> ChangeKind {
        match self {
            _ if rank != Rank::Change => ChangeKind::Update,
            Self::Created => ChangeKind::Creation,
            Self::Updated => ChangeKind::Update,
            Self::Deleted => ChangeKind::Deletion,
            Self::Restored => ChangeKind::Restoration,
            Self::Gap => ChangeKind::Gap,
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    Cdc,
    Webhook,
    Backfill,
}

impl Source {
    pub const ALL: [Self; 3] = [Self::Cdc, Self::Webhook, Self::Backfill];
}

/// The form of the body. It decides what a null and a missing field mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyForm {
    Json,
    /// Every field; unchanged ones are null.
    Pubsub,
    /// A record as the CRM's read API returns it.
    Image,
}

/// The parts of a record image that stand at the time at which it was read, not at the record's last modification.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ObservedParts {
    /// Canonical paths. What is below them belongs to them.
    #[serde(rename = "p", default, skip_serializing_if = "BTreeSet::is_empty")]
    pub paths: BTreeSet<Path>,
    /// Whether the record exists, and that the image states all of it.
    #[serde(rename = "w", default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
}

impl ObservedParts {
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && !self.whole
    }

    pub fn covers(&self, path: &Path) -> bool {
        self.paths.contains(path) || path.ancestors().any(|above| self.paths.contains(above))
    }
}

/// What is known about an event besides its data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    pub source: Source,
    pub body_form: BodyForm,
    pub provider: Provider,
    pub external_id: ExternalId,
    /// The CRM's id of the user who made the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The client that made the change, as the CRM names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_origin: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_key: Option<String>,
    /// Events with the same id belong together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<ExternalId>,
    /// Whether a record image of the same timestamp was stored before it. The image may not include the change.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub meets_image: bool,
    #[serde(default, skip_serializing_if = "ObservedParts::is_empty")]
    pub observed: ObservedParts,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DomainEvent {
    pub aggregate_id: AggregateId,
    pub entity_name: EntityName,
    pub event_type: EventType,
    pub version: Version,
    /// Its order at the source, with its id and its timestamp.
    pub position: Position,
    /// When it was stored. Never earlier than the event before it.
    pub recorded_at: Timestamp,
    /// The input byte for byte, with its header.
    pub data: Arc<str>,
    pub metadata: Metadata,
    pub warnings: Vec<ValidationIssue>,
}

impl DomainEvent {
    /// The id that a redelivery of the same change has too.
    pub fn event_id(&self) -> EventId {
        self.position.event_id
    }

    /// When the CRM committed the change.
    pub fn timestamp(&self) -> Timestamp {
        self.position.timestamp
    }

    pub fn key(&self) -> EntityKey {
        EntityKey { entity_name: self.entity_name.clone(), aggregate_id: self.aggregate_id }
    }

    pub fn input(&self) -> EventInput<'_> {
        EventInput {
            provider: self.metadata.provider,
            entity_name: &self.entity_name,
            external_id: &self.metadata.external_id,
            source: self.metadata.source,
            position: self.position,
            observed: &self.metadata.observed,
            data: &self.data,
        }
    }
}

/// What of a stored event determines its change.
#[derive(Debug, Clone, Copy)]
pub struct EventInput<'a> {
    pub provider: Provider,
    pub entity_name: &'a EntityName,
    pub external_id: &'a ExternalId,
    pub source: Source,
    pub position: Position,
    pub observed: &'a ObservedParts,
    pub data: &'a str,
}
