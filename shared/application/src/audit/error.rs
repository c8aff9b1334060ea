//! Why an audit fails.

use annals_domain::identity::Provider;

use crate::commands::CommandError;
use crate::ports::{CrmError, PortError};

#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("no connection to read {0} records is set up")]
    NotConnected(Provider),
    #[error("records cannot be read")]
    Crm(#[from] CrmError),
    /// The share of the quota is used.
    #[error("{0}")]
    Quota(String),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("the stores of this installation cannot be used")]
    Port(#[from] PortError),
}

impl AuditError {
    /// Whether the same audit may succeed later, without somebody's help.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Crm(error) => error.is_retryable() || error.concerns_all_objects(),
            Self::Quota(_) | Self::Command(_) => true,
            Self::NotConnected(_) | Self::Port(_) => false,
        }
    }
}
