//! The state of one dependency in a health report.

use annals_domain::identity::AggregateId;
use serde::Serialize;
use uuid::Uuid;

use crate::ports::PortError;

/// Whether a dependency works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// It works.
    Ok,
    /// It cannot be reached, or something waits for an operator.
    Degraded,
}

/// The state of one dependency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DependencyState {
    /// Its name: `event_store`, `state_store`, `read_model` or `projection`.
    pub name: String,
    /// Whether it works.
    pub status: Health,
    /// A short explanation for an operator.
    pub detail: String,
}

impl DependencyState {
    /// The state after a check. Logs the error of a failed one: the report is public and does not show it.
    pub(super) fn of(name: &str, check: Result<(String, Health), PortError>) -> Self {
        let (detail, status) = check.unwrap_or_else(|error| {
            tracing::error!(error = %crate::log_chain(&error), dependency = name, "health check failed");
            ("it cannot be reached; see the log".to_owned(), Health::Degraded)
        });
        Self { name: name.to_owned(), status, detail }
    }

    /// The state after a read that only shows whether the dependency can be reached.
    pub(super) fn of_read<T>(name: &str, read: Result<T, PortError>) -> Self {
        Self::of(name, read.map(|_| ("it can be reached".to_owned(), Health::Ok)))
    }
}

/// An id that no record has, for reads that only show whether a store can be reached.
pub(super) fn unused_id() -> AggregateId {
    AggregateId::from_uuid(Uuid::nil())
}
