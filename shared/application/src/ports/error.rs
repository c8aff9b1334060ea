//! The error of every port: which resource, and what the caller may do.

use std::error::Error;

/// What an error means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortErrorKind {
    /// Nothing was done; the same call may succeed later.
    Unavailable,
    /// The call may or may not have been carried out; the same call may be made again.
    OutcomeUnknown,
    /// The resource refuses this caller or is not there; only an operator can mend it.
    Misconfigured,
    /// What is stored cannot be read; only an operator can mend it.
    Corrupt,
    /// This very call can never succeed; others may.
    Rejected,
}

/// A port's failure.
#[derive(Debug, thiserror::Error)]
#[error("{resource}: {message}")]
pub struct PortError {
    /// What it means.
    pub kind: PortErrorKind,
    /// Which table, file, index or bus.
    pub resource: String,
    /// What happened there, in one line, without values of records.
    pub message: String,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl PortError {
    /// A failure of `resource`.
    pub fn new(kind: PortErrorKind, resource: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, resource: resource.into(), message: message.into(), source: None }
    }

    /// With its cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether the same call may succeed later without anyone's help.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, PortErrorKind::Unavailable | PortErrorKind::OutcomeUnknown)
    }
}
