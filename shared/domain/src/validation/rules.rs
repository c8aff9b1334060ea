//! The rules, each a pure function that adds to the report.
//!
//! Promises that none of them reads more than the change, the head and the definition, so that
//! validating costs no read.

use super::{Report, Subject};
use crate::services::{sequence, status};
use crate::validation_issue::ValidationIssue;

/// The largest input that is stored as an event: what a change event may have (Salesforce: 1 MB),
/// with room for its envelope. Larger ones go to quarantine.
pub const MAX_EVENT_BYTES: usize = 1024 * 1024 + 16 * 1024;

/// How far a commit may lie ahead before it is odd: clocks differ by seconds, not minutes.
pub const FUTURE_TOLERANCE_MS: i64 = 5 * 60 * 1000;

/// A rule.
pub(super) type Rule = fn(&Subject<'_>, &mut Report);

/// All of them. Schema and provider rules ran already: what they refuse is no change at all.
pub(super) const PIPELINE: [Rule; 4] = [size, ordering, clock, business];

fn size(subject: &Subject<'_>, report: &mut Report) {
    let bytes = subject.incoming.data.len();
    if bytes > MAX_EVENT_BYTES {
        let message = format!("the input has {bytes} bytes; an event holds {MAX_EVENT_BYTES} at most");
        report.errors.push(ValidationIssue::new("", message));
    }
}

fn ordering(subject: &Subject<'_>, report: &mut Report) {
    report.warnings.extend(sequence::issues(subject.head, subject.incoming));
}

fn clock(subject: &Subject<'_>, report: &mut Report) {
    let at = subject.incoming.change.position.timestamp;
    if at > subject.now.plus_millis(FUTURE_TOLERANCE_MS) {
        let message = format!("{at} is in the future (now {})", subject.now);
        report.warnings.push(ValidationIssue::new("timestamp", message));
    }
}

fn business(subject: &Subject<'_>, report: &mut Report) {
    report.warnings.extend(status::issues(subject.incoming, subject.schema, subject.adapter));
}
