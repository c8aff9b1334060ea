//! The events of a history: what each version changed.

use annals_domain::event::{DomainEvent, EventType, Source};
use annals_domain::position::{EventId, Position, Version};
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The position of an event at its source. Its numbers are texts, since they may exceed 2^53.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryPosition {
    /// When the CRM committed the change.
    pub timestamp: Timestamp,
    /// The number of the commit, if the source has one.
    pub commit_number: Option<String>,
    /// The number inside the transaction, if the source has one.
    pub sequence_number: Option<String>,
}

impl From<&Position> for HistoryPosition {
    fn from(position: &Position) -> Self {
        Self {
            timestamp: position.timestamp,
            commit_number: position.commit_number.map(|number| number.to_string()),
            sequence_number: position.sequence_number.map(|number| number.to_string()),
        }
    }
}

/// One event of a history.
#[derive(Debug, Clone, Serialize)]
pub struct HistoryEvent {
    /// The id of the event: the same when the same change is delivered again.
    pub event_id: EventId,
    /// The version of the entity after this event.
    pub version: Version,
    /// What happened to the record.
    pub event_type: EventType,
    /// When the CRM committed the change.
    pub timestamp: Timestamp,
    /// The order of the change at its source.
    pub position: HistoryPosition,
    /// When the event was stored.
    pub recorded_at: Timestamp,
    /// How the change reached Annals.
    pub source: Source,
    /// The CRM user who made the change.
    pub user: Option<String>,
    /// The client that made the change.
    pub change_origin: Option<String>,
    /// The transaction at the source.
    pub transaction_key: Option<String>,
    /// The id that connects everything caused by the same request.
    pub correlation_id: Option<String>,
    /// The id of the command that stored the event.
    pub causation_id: Option<String>,
    /// The warnings of the validation when the change arrived.
    pub warnings: Vec<ValidationIssue>,
    /// Whether a change with a later position was stored before it.
    pub late: bool,
    /// For each changed field `{from, to}`: its values in the mapped entity before and after this version.
    pub changes: Map<String, Value>,
    /// The stored input, if the request asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
}

impl HistoryEvent {
    /// With its stored input if `raw`.
    pub(super) fn of(event: &DomainEvent, late: bool, changes: Map<String, Value>, raw: bool) -> Self {
        let metadata = &event.metadata;
        Self {
            event_id: event.event_id(),
            version: event.version,
            event_type: event.event_type,
            timestamp: event.timestamp(),
            position: HistoryPosition::from(&event.position),
            recorded_at: event.recorded_at,
            source: metadata.source,
            user: metadata.user.clone(),
            change_origin: metadata.change_origin.clone(),
            transaction_key: metadata.transaction_key.clone(),
            correlation_id: metadata.correlation_id.clone(),
            causation_id: metadata.causation_id.clone(),
            warnings: event.warnings.clone(),
            late,
            changes,
            data: raw.then(|| RawValue::from_string(event.data.to_string()).ok()).flatten(),
        }
    }
}
