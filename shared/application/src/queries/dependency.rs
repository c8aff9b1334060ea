//! The state of one dependency in a health report.

use std::time::Duration;

use annals_domain::identity::AggregateId;
use serde::Serialize;
use tokio::time::timeout;
use uuid::Uuid;

use crate::ports::{PortError, PortErrorKind};

/// How long a check waits for one dependency.
const READ_TIME: Duration = Duration::from_secs(2);

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
    /// Its name: `event_store`, `state_store`, `read_model`, `projection`, `publisher` or `crm`.
    pub name: String,
    /// Whether it works.
    pub status: Health,
    /// A short explanation for an operator.
    pub detail: String,
}

impl DependencyState {
    /// The state after a check. Logs the error of a failed one: the report is public and does not show it.
    pub(super) fn of(name: &str, check: Result<(String, Health), PortError>) -> Self {
        match check {
            Ok((detail, status)) => Self { name: name.to_owned(), status, detail },
            Err(error) => Self::unreachable(name, &error),
        }
    }

    /// The state of a dependency that cannot be read. Logs the error.
    pub(super) fn unreachable(name: &str, error: &PortError) -> Self {
        tracing::error!(error = %crate::log_chain(error), dependency = name, "health check failed");
        let detail = "it cannot be reached; see the log".to_owned();
        Self { name: name.to_owned(), status: Health::Degraded, detail }
    }

    /// The state after a read that only shows whether the dependency can be reached.
    pub(super) fn of_read<T>(name: &str, read: Result<T, PortError>) -> Self {
        Self::of(name, read.map(|_| ("it can be reached".to_owned(), Health::Ok)))
    }
}

/// The result of one read of a check, which must not wait for long.
pub(super) async fn in_time<T>(read: impl Future<Output = Result<T, PortError>>) -> Result<T, PortError> {
    let late = || PortError::new(PortErrorKind::Unavailable, "health check", "no response in time");
    timeout(READ_TIME, read).await.unwrap_or_else(|_| Err(late()))
}

/// An id that no record has, for reads that only show whether a store can be reached.
pub(super) fn unused_id() -> AggregateId {
    AggregateId::from_uuid(Uuid::nil())
}
