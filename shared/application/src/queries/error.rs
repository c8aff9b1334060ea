//! Why a query fails.

use annals_domain::position::Version;
use annals_domain::provider_adapter::UnreadableEvent;

use super::filter::InvalidParameter;
use crate::ports::{MAX_PAGE_BYTES, PortError};

/// Why a query fails.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// No definition and no known object has that name.
    #[error("no entity type `{0}`")]
    UnknownType(String),
    /// No event of the entity is stored. A change event that was accepted a moment ago may still come.
    #[error("no {aggregate_type} `{id}`")]
    NotFound {
        /// The name of the entity type.
        aggregate_type: String,
        /// The id as the request has it.
        id: String,
    },
    /// Events of the entity are stored, but not its creation. Only its history can be queried.
    #[error("the creation of the {aggregate_type} `{id}` has not arrived yet; its history is available")]
    AwaitingBase {
        /// The name of the entity type.
        aggregate_type: String,
        /// The id as the request has it.
        id: String,
    },
    /// Events of the entity are stored, but none that counts at the moment of the request.
    #[error("no {aggregate_type} `{id}` at that moment: {reason}")]
    NotAtMoment {
        /// The name of the entity type.
        aggregate_type: String,
        /// The id as the request has it.
        id: String,
        /// What the entity has instead.
        reason: String,
    },
    /// Parameters of the request are invalid: all of them, not only the first.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    InvalidParameters(Vec<InvalidParameter>),
    /// One result alone is larger than a page may be.
    #[error("{what} has {bytes} bytes, more than the {MAX_PAGE_BYTES} of a page: {remedy}")]
    TooLarge {
        /// The result.
        what: String,
        /// The size of its JSON.
        bytes: usize,
        /// How to get at it.
        remedy: String,
    },
    /// A stored event cannot be parsed, so that the history has a gap there. An operator must look at it.
    #[error("a stored event cannot be read")]
    Unreadable(#[source] UnreadableEvent),
    /// A store failed; [`PortError::is_retryable`] says whether the same query may succeed later.
    #[error("the query failed")]
    Port(#[from] PortError),
}

impl QueryError {
    pub(super) fn not_found(aggregate_type: impl ToString, id: &str) -> Self {
        Self::NotFound { aggregate_type: aggregate_type.to_string(), id: id.to_owned() }
    }

    /// The error of an entity that does not have a version yet.
    pub(super) fn no_version(aggregate_type: impl ToString, id: &str, version: Version, newest: Version) -> Self {
        let reason = format!("it has no version {version}, its newest is {newest}");
        Self::NotAtMoment { aggregate_type: aggregate_type.to_string(), id: id.to_owned(), reason }
    }

    pub(super) fn awaiting_base(aggregate_type: impl ToString, id: &str) -> Self {
        Self::AwaitingBase { aggregate_type: aggregate_type.to_string(), id: id.to_owned() }
    }
}
