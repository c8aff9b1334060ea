//! Why a projection did not process a record.

use annals_domain::provider_adapter::UnreadableEvent;

use crate::ports::{PortError, PortErrorKind};

/// Why a projection did not process a record.
#[derive(Debug)]
pub enum ProjectionFailure {
    /// A dependency failed: the same work may succeed later.
    Outage(PortError),
    /// The record cannot be projected and would fail again. It is parked, so that others go on.
    Poison(String),
}

impl ProjectionFailure {
    /// The failure of a read of one stream: an event that cannot be decoded is no outage, since only
    /// its own record fails.
    pub(super) fn of_stream_read(error: PortError) -> Self {
        match error.kind {
            PortErrorKind::Corrupt => Self::Poison(error.to_string()),
            _ => error.into(),
        }
    }

    /// One record's copy of the error of a call that was made for several records.
    pub(super) fn of_shared_call(error: &PortError) -> Self {
        PortError::new(error.kind, error.resource.clone(), error.message.clone()).into()
    }
}

impl From<PortError> for ProjectionFailure {
    fn from(error: PortError) -> Self {
        match error.kind {
            PortErrorKind::Rejected => Self::Poison(error.to_string()),
            _ => Self::Outage(error),
        }
    }
}

impl From<UnreadableEvent> for ProjectionFailure {
    fn from(error: UnreadableEvent) -> Self {
        Self::Poison(error.to_string())
    }
}
