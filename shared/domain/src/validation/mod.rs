//! Validation: one pipeline before every command, one report with errors and warnings.
//!
//! Promises that only schema, provider and size refuse a change. Ordering, consistency and business
//! rules warn: a CRM's order and taste are no reason to lose what it says.

mod rules;

pub use self::rules::{FUTURE_TOLERANCE_MS, MAX_EVENT_BYTES};
use crate::definition::Shape;
use crate::dialect::{Dialect, IncomingChange};
use crate::finding::Finding;
use crate::head::Head;
use crate::instant::Instant;

/// What validation found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Why the change cannot be stored.
    pub errors: Vec<Finding>,
    /// What is odd about it.
    pub warnings: Vec<Finding>,
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
    pub head: Option<&'a Head>,
    /// The shape of its object.
    pub shape: &'a Shape,
    /// Its provider's dialect.
    pub dialect: &'a dyn Dialect,
    /// The present.
    pub now: Instant,
}

/// Runs all rules, in their order.
pub fn validate(subject: &Subject<'_>) -> Report {
    let mut report = Report { errors: Vec::new(), warnings: subject.incoming.warnings.clone() };
    for rule in rules::PIPELINE {
        rule(subject, &mut report);
    }
    report
}
