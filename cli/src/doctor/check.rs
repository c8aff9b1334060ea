//! One check, and what came of it.

use serde_json::{Value, json};

use crate::style::Paint;

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All well.
    Ok,
    /// It could not be found out, or there is no such thing here.
    Unknown,
    /// It works, and something should be done about it.
    Warning,
    /// Something does not work.
    Wrong,
}

impl Verdict {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "not known",
            Self::Warning => "warning",
            Self::Wrong => "wrong",
        }
    }

    pub(super) fn paint(self) -> Paint {
        match self {
            Self::Ok => Paint::Green,
            Self::Unknown => Paint::Dim,
            Self::Warning => Paint::Yellow,
            Self::Wrong => Paint::Red,
        }
    }
}

/// A check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    /// What was looked at.
    pub(super) on: String,
    pub(super) verdict: Verdict,
    /// What was found there.
    pub(super) found: String,
    /// What to do about it.
    pub(super) remedy: Option<String>,
}

impl Check {
    pub(super) fn ok(on: impl Into<String>, found: impl Into<String>) -> Self {
        Self { on: on.into(), verdict: Verdict::Ok, found: found.into(), remedy: None }
    }

    pub(super) fn unknown(on: impl Into<String>, found: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unknown, ..Self::ok(on, found) }
    }

    pub(super) fn warning(on: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warning, remedy: Some(remedy.into()), ..Self::ok(on, found) }
    }

    pub(super) fn wrong(on: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Wrong, ..Self::warning(on, found, remedy) }
    }

    pub(super) fn to_json(&self) -> Value {
        let Self { on, verdict, found, remedy } = self;
        json!({ "check": on, "verdict": verdict.as_str(), "found": found, "remedy": remedy })
    }
}
