//! Validation: the rules that run before a change is stored, and one report with errors and warnings.
//!
//! Only schema, provider and size can reject a change. Rules about order, consistency and business produce warnings,
//! because a change that the CRM has made must not be lost.

mod rules;

pub use self::rules::{FUTURE_TOLERANCE_MS, MAX_EVENT_BYTES};
use crate::definition::EntitySchema;
use crate::provider_adapter::{IncomingChange, ProviderAdapter};
use crate::stream_head::StreamHead;
use crate::timestamp::Timestamp;
use crate::validation_issue::ValidationIssue;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ValidationReport {
    /// Why the change cannot be stored; empty if it can.
    pub errors: Vec<ValidationIssue>,
    pub warnings: Vec<ValidationIssue>,
}

impl ValidationReport {
    pub fn is_accepted(&self) -> bool {
        self.errors.is_empty()
    }
}

pub struct ValidationInput<'a> {
    pub incoming: &'a IncomingChange,
    /// The head of its stream; `None` for the first event.
    pub head: Option<&'a StreamHead>,
    pub schema: &'a EntitySchema,
    pub adapter: &'a dyn ProviderAdapter,
    pub now: Timestamp,
}

/// Runs all rules in order.
pub fn validate(input: &ValidationInput<'_>) -> ValidationReport {
    let mut report = ValidationReport { errors: Vec::new(), warnings: input.incoming.warnings.clone() };
    for rule in rules::PIPELINE {
        rule(input, &mut report);
    }
    report
}
