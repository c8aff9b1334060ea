//! Why an index cannot be used.

use annals_application::ports::PortError;

/// Why the index of a schema cannot be used.
#[derive(Debug)]
pub(crate) enum IndexFailure {
    /// Only this index cannot be used: Annals did not create it, or the cluster refuses to create it.
    ThisIndex(PortError),
    /// The call failed, as it would for any index.
    AnyIndex(PortError),
}

impl IndexFailure {
    /// The reason to refuse documents of this index. A failure of any index stays an error of the call.
    pub(crate) fn refusal(self) -> Result<String, PortError> {
        match self {
            Self::ThisIndex(error) => Ok(error.to_string()),
            Self::AnyIndex(error) => Err(error),
        }
    }
}

impl From<PortError> for IndexFailure {
    fn from(error: PortError) -> Self {
        Self::AnyIndex(error)
    }
}

impl From<IndexFailure> for PortError {
    /// For calls on one index, where the difference does not matter.
    fn from(failure: IndexFailure) -> Self {
        let (IndexFailure::ThisIndex(error) | IndexFailure::AnyIndex(error)) = failure;
        error
    }
}
