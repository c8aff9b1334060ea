//! What became of one record's change: the answer's DTO, as the HTTP contract has it.

use annals_domain::event::EventType;
use annals_domain::identity::{AggregateId, AggregateType, EntityName, ExternalId, Provider};
use annals_domain::position::{EventId, Version};
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Appended.
    Stored,
    /// Appended; the entity waits for its base.
    AwaitingBase,
    /// Was there already.
    Duplicate,
    /// A change of a whole object; a job keeps the input.
    BackfillRequested,
    /// No change event; not kept.
    Ignored,
    /// Kept aside with its errors.
    Quarantined,
}

impl Outcome {
    /// All, in the order of a summary.
    pub const ALL: [Self; 6] =
        [Self::Stored, Self::AwaitingBase, Self::Duplicate, Self::BackfillRequested, Self::Ignored, Self::Quarantined];

    /// The name in answers.
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

/// The answer for one record's change. What does not apply to the outcome is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventRead {
    /// The change's identity.
    pub event_id: Option<EventId>,
    /// The CRM.
    pub provider: Provider,
    /// The object.
    pub entity_name: Option<EntityName>,
    /// The record's id there.
    pub external_id: Option<ExternalId>,
    /// The entity's type.
    pub aggregate_type: Option<AggregateType>,
    /// The entity.
    pub aggregate_id: Option<AggregateId>,
    /// What happened.
    pub event_type: Option<EventType>,
    /// The version it is stored at; of a duplicate null.
    pub version: Option<Version>,
    /// When the CRM committed it.
    pub timestamp: Option<Timestamp>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it was refused.
    pub errors: Vec<ValidationIssue>,
    /// What is odd about it.
    pub warnings: Vec<ValidationIssue>,
    /// When this was decided.
    pub processed_at: Timestamp,
    /// The job that keeps the input of a change of a whole object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<Uuid>,
    /// Where a refused input is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantine_id: Option<String>,
    /// What it belongs together with, for logs.
    #[serde(skip)]
    pub correlation_id: Option<String>,
    /// Whether the input was none of the provider's forms.
    #[serde(skip)]
    is_unrecognised: bool,
}

impl EventRead {
    /// An answer that names no record.
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

    /// The same, of an input in which no form of the provider is recognised.
    pub(super) fn unrecognised(mut self) -> Self {
        self.is_unrecognised = true;
        self
    }

    /// Whether the input was none of the provider's forms.
    pub fn is_unrecognised(&self) -> bool {
        self.is_unrecognised
    }
}
