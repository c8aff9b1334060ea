//! Why an audit fails.

use annals_domain::identity::Provider;
use annals_domain::timestamp::Timestamp;

use crate::commands::CommandError;
use crate::crm::{crm_retry_at, quota_retry_at, retry_at};
use crate::ports::{CrmError, PortError};

#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("no connection to read {0} records is set up")]
    NotConnected(Provider),
    #[error("records cannot be read")]
    Crm(#[from] CrmError),
    /// The share of the quota is used.
    #[error("{reason}")]
    Quota { reason: String, until: Option<Timestamp> },
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A mistake in the program. Other audits go on.
    #[error("comparing ended unexpectedly; see the log")]
    Panicked,
    #[error("the stores of this installation cannot be used")]
    Port(#[from] PortError),
}

impl AuditError {
    /// When the same audit is tried again that failed so often in a row; `None` if a person must act first.
    pub(super) fn retry_at(&self, failures: u32, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Crm(error) => crm_retry_at(&error.kind, failures, now),
            Self::Quota { until, .. } => Some(quota_retry_at(*until, now)),
            Self::Command(error) => error.is_retryable().then(|| retry_at(failures, now)),
            Self::Panicked => Some(retry_at(failures, now)),
            Self::NotConnected(_) | Self::Port(_) => None,
        }
    }

    /// Whether audits of the CRM's other objects fail for the same reason.
    pub(super) fn concerns_all_objects(&self) -> bool {
        match self {
            Self::Crm(error) => error.concerns_all_objects(),
            Self::Quota { .. } => true,
            Self::NotConnected(_) | Self::Command(_) | Self::Panicked | Self::Port(_) => false,
        }
    }
}
