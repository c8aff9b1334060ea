//! The response to one record's change, as the HTTP contract has it.

use annals_domain::event::EventType;
use annals_domain::identity::{AggregateId, AggregateType, EntityName, ExternalId, Provider};
use annals_domain::position::{EventId, Version};
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Stored,
    /// Appended; the entity waits for its base.
    AwaitingBase,
    Duplicate,
    /// Concerns all records of an object; a backfill job keeps the input.
    BackfillRequested,
    /// Not a change event; not kept.
    Ignored,
    /// Kept in quarantine with its errors.
    Quarantined,
}

impl Outcome {
    /// All, in the order of a summary.
    pub const ALL: [Self; 6] =
        [Self::Stored, Self::AwaitingBase, Self::Duplicate, Self::BackfillRequested, Self::Ignored, Self::Quarantined];

    /// Whether something was written for it.
    pub fn is_kept_now(self) -> bool {
        match self {
            Self::Stored | Self::AwaitingBase | Self::BackfillRequested | Self::Quarantined => true,
            Self::Duplicate | Self::Ignored => false,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::AwaitingBase => "awaiting_base",
            Self::Duplicate => "duplicate",
            Self::BackfillRequested => "backfill_requested",
            Self::Ignored => "ignored",
            Self::Quarantined => "quarantined",
        }
    }
}

const NOT_PROJECTED: &str = "stored, but not projected yet: entities and lists show the change later";

/// The response to one record's change. What does not apply to the outcome is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventRead {
    pub event_id: Option<EventId>,
    pub provider: Provider,
    pub entity_name: Option<EntityName>,
    pub external_id: Option<ExternalId>,
    pub aggregate_type: Option<AggregateType>,
    pub aggregate_id: Option<AggregateId>,
    pub event_type: Option<EventType>,
    /// The version it is stored at; null for a duplicate.
    pub version: Option<Version>,
    /// When the CRM committed it.
    pub timestamp: Option<Timestamp>,
    pub outcome: Outcome,
    pub errors: Vec<ValidationIssue>,
    pub warnings: Vec<ValidationIssue>,
    pub processed_at: Timestamp,
    /// The backfill job that keeps the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<Uuid>,
    /// The quarantine entry that keeps the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantine_id: Option<String>,
    #[serde(skip)]
    pub correlation_id: Option<String>,
    #[serde(skip)]
    is_unrecognised: bool,
}

impl EventRead {
    /// A response that names no record.
    pub(super) fn of_input(provider: Provider, outcome: Outcome, processed_at: Timestamp) -> Self {
        Self {
            event_id: None,
            provider,
            entity_name: None,
            external_id: None,
            aggregate_type: None,
            aggregate_id: None,
            event_type: None,
            version: None,
            timestamp: None,
            outcome,
            errors: Vec::new(),
            warnings: Vec::new(),
            processed_at,
            job_id: None,
            quarantine_id: None,
            correlation_id: None,
            is_unrecognised: false,
        }
    }

    /// The response to an input, or to a change of it, that is kept in quarantine.
    pub(super) fn quarantined(
        provider: Provider,
        quarantine_id: String,
        errors: Vec<ValidationIssue>,
        processed_at: Timestamp,
    ) -> Self {
        let read = Self::of_input(provider, Outcome::Quarantined, processed_at);
        Self { errors, quarantine_id: Some(quarantine_id), ..read }
    }

    /// The same, of an input in which no form of the provider is recognised.
    pub(super) fn unrecognised(mut self) -> Self {
        self.is_unrecognised = true;
        self
    }

    /// Warns that readers do not find the change yet, if it is stored.
    pub(super) fn add_not_projected(&mut self) {
        if matches!(self.outcome, Outcome::Stored | Outcome::AwaitingBase) {
            self.warnings.push(ValidationIssue::new("", NOT_PROJECTED));
        }
    }

    /// Whether no form of the provider was recognised in the input.
    pub fn is_unrecognised(&self) -> bool {
        self.is_unrecognised
    }
}
