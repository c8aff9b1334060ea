//! The validation rules. Each is a pure function that adds to the report.
//!
//! No rule reads more than the change, the stream head and the definition, so validation costs no I/O.

use super::{ValidationInput, ValidationReport};
use crate::services::{sequence, status};
use crate::validation_issue::ValidationIssue;

/// The largest input that is stored as an event, in bytes: the limit of a change event (Salesforce: 1 MB) and room for
/// its envelope. Larger inputs go to quarantine.
pub const MAX_EVENT_BYTES: usize = 1024 * 1024 + 16 * 1024;

/// How far in the future a commit may be without a warning, in milliseconds. Clocks differ by seconds, not minutes.
pub const FUTURE_TOLERANCE_MS: i64 = 5 * 60 * 1000;

pub(super) type Rule = fn(&ValidationInput<'_>, &mut ValidationReport);

/// All rules. Schema and provider rules ran earlier, when the adapter parsed the input.
pub(super) const PIPELINE: [Rule; 4] = [size, ordering, clock, business];

fn size(input: &ValidationInput<'_>, report: &mut ValidationReport) {
    let bytes = input.incoming.data.len();
    if bytes > MAX_EVENT_BYTES {
        let message = format!("the input has {bytes} bytes: expected at most {MAX_EVENT_BYTES}");
        report.errors.push(ValidationIssue::new("", message));
    }
}

fn ordering(input: &ValidationInput<'_>, report: &mut ValidationReport) {
    report.warnings.extend(sequence::issues(input.head, input.incoming));
}

fn clock(input: &ValidationInput<'_>, report: &mut ValidationReport) {
    let at = input.incoming.change.position.timestamp;
    if at > input.now.plus_millis(FUTURE_TOLERANCE_MS) {
        let message = format!("{at} is in the future (now {})", input.now);
        report.warnings.push(ValidationIssue::new("timestamp", message));
    }
}

fn business(input: &ValidationInput<'_>, report: &mut ValidationReport) {
    report.warnings.extend(status::issues(input.incoming, input.schema, input.adapter));
}
