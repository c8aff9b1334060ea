//! Why a call of the command handler failed as a whole. Such a call may be repeated: what was stored before the failure
//! is then a duplicate.

use annals_domain::identity::Provider;
use annals_json::JsonError;

use crate::ports::PortError;

/// The most inputs that one body may hold. A body of the largest size has some 2,000 changes.
pub(super) const MAX_INPUTS: usize = 10_000;

/// Why a call failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// This installation does not accept events of that provider.
    #[error("{0} events are not accepted here")]
    UnknownProvider(Provider),
    /// Other writers of the same stream were faster until the deadline.
    #[error("too many concurrent writers on this stream")]
    Contended,
    #[error("the change could not be stored")]
    Port(#[from] PortError),
}

impl CommandError {
    /// Whether the same call may succeed later without anyone's help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::UnknownProvider(_) => false,
            Self::Contended => true,
            Self::Port(error) => error.is_retryable(),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error("the body is not JSON")]
    NotJson(#[source] JsonError),
    /// The body holds more inputs than one body may.
    #[error("the body holds {0} inputs: expected at most {MAX_INPUTS}")]
    TooMany(usize),
    #[error(transparent)]
    Command(#[from] CommandError),
}
