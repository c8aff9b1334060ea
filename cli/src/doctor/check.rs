//! One check and its result.

use serde_json::{Value, json};

use crate::style::Paint;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ok,
    /// It could not be found out, or does not apply here.
    Unknown,
    /// It works, but something should be done about it.
    Warning,
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
    pub(crate) found: String,
    pub(crate) remedy: Option<String>,
}

impl Check {
    pub(crate) fn ok(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { name: name.into(), verdict: Verdict::Ok, found: found.into(), remedy: None }
    }

    pub(crate) fn unknown(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unknown, ..Self::ok(name, found) }
    }

    pub(crate) fn warning(name: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warning, remedy: Some(remedy.into()), ..Self::ok(name, found) }
    }

    pub(crate) fn wrong(name: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Wrong, ..Self::warning(name, found, remedy) }
    }

    pub(super) fn to_json(&self) -> Value {
        let Self { name, verdict, found, remedy } = self;
        json!({ "check": name, "verdict": verdict.as_str(), "found": found, "remedy": remedy })
    }
}
