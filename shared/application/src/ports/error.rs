//! The error of all ports: the resource, the cause, and whether the caller can retry.

use std::error::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortErrorKind {
    /// The call had no effect; a retry may succeed.
    Unavailable,
    /// The call may have had its effect; a retry is safe.
    OutcomeUnknown,
    /// The resource does not exist or denies access; an operator must fix it.
    Misconfigured,
    /// Stored data cannot be read; an operator must fix it.
    Corrupt,
    /// This call can never succeed; other calls can.
    Rejected,
}

#[derive(Debug, thiserror::Error)]
#[error("{resource}: {message}")]
pub struct PortError {
    pub kind: PortErrorKind,
    /// The table, file, index or bus.
    pub resource: String,
    /// One line, without values of records.
    pub message: String,
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl PortError {
    pub fn new(kind: PortErrorKind, resource: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, resource: resource.into(), message: message.into(), source: None }
    }

    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether the same call may succeed later without an operator.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, PortErrorKind::Unavailable | PortErrorKind::OutcomeUnknown)
    }
}
