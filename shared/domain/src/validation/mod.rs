//! Validation: one pipeline before every command, one report with errors and warnings.
//!
//! Promises that only schema, provider and size refuse a change. Ordering, consistency and business
//! rules warn: a CRM's order and taste are no reason to lose what it says.

mod rules;

pub use self::rules::{FUTURE_TOLERANCE_MS, MAX_EVENT_BYTES};
use crate::definition::EntitySchema;
use crate::head::StreamHead;
use crate::provider_adapter::{IncomingChange, ProviderAdapter};
use crate::timestamp::Timestamp;
use crate::validation_issue::ValidationIssue;

/// What validation found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Why the change cannot be stored.
    pub errors: Vec<ValidationIssue>,
    /// What is odd about it.
    pub warnings: Vec<ValidationIssue>,
}

impl Report {
    /// Whether the change may be stored.
    pub fn is_accepted(&self) -> bool {
        self.errors.is_empty()
    }
}

/// What the rules look at.
pub struct Subject<'a> {
    /// The change.
    pub incoming: &'a IncomingChange,
    /// The head of its stream, where there is one.
    pub head: Option<&'a StreamHead>,
    /// The schema of its object.
    pub schema: &'a EntitySchema,
    /// Its provider's adapter.
    pub adapter: &'a dyn ProviderAdapter,
    /// The present.
    pub now: Timestamp,
}

/// Runs all rules, in their order.
pub fn validate(subject: &Subject<'_>) -> Report {
    let mut report = Report { errors: Vec::new(), warnings: subject.incoming.warnings.clone() };
    for rule in rules::PIPELINE {
        rule(subject, &mut report);
    }
    report
}
