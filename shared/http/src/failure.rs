//! Which problem each failure of the use cases is.
//!
//! Promises that a store's failure is logged once, here, with all its causes, and that its answer
//! says only whether the same request may succeed later.

use std::error::Error;

use annals_application::backfill::BackfillError;
use annals_application::commands::{CommandError, QuarantineError};
use annals_application::log_chain;
use annals_application::ports::PortError;
use annals_application::queries::QueryError;
use annals_domain::validation_issue::ValidationIssue;
use axum::http::header;

use crate::problem::{Kind, Problem};

impl Problem {
    /// A failure that the caller can do nothing about.
    pub(crate) fn internal(error: &dyn Error) -> Self {
        tracing::error!(error = %log_chain(error), "a request failed");
        Self::new(Kind::Internal, "the request could not be answered; an operator has to look at it")
    }

    /// A failure that passes by itself.
    fn unavailable(error: &dyn Error) -> Self {
        tracing::warn!(error = %log_chain(error), "a request failed for now");
        let detail = "the store is unavailable; the same request may be sent again";
        Self::new(Kind::Unavailable, detail).with_header(header::RETRY_AFTER, "1")
    }

    fn of(error: &dyn Error, is_retryable: bool) -> Self {
        if is_retryable { Self::unavailable(error) } else { Self::internal(error) }
    }
}

impl From<PortError> for Problem {
    fn from(error: PortError) -> Self {
        Self::of(&error, error.is_retryable())
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match &error {
            QueryError::UnknownType(_) => Self::new(Kind::UnknownType, error.to_string()),
            QueryError::NotFound { .. } => Self::new(Kind::NotFound, error.to_string()),
            QueryError::AwaitingBase { .. } => Self::new(Kind::AwaitingBase, error.to_string()),
            QueryError::InvalidParameters(rejected) => {
                Self::invalid(rejected.iter().map(|no| ValidationIssue::new(&*no.field, &*no.message)).collect())
            }
            QueryError::Unreadable(_) => Self::internal(&error),
            QueryError::Port(port) => Self::of(&error, port.is_retryable()),
        }
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::UnknownProvider(_) => Self::new(Kind::UnknownProvider, error.to_string()),
            CommandError::Contended | CommandError::Port(_) => Self::of(&error, error.is_retryable()),
        }
    }
}

impl From<QuarantineError> for Problem {
    fn from(error: QuarantineError) -> Self {
        match error {
            QuarantineError::NotFound(_) => Self::new(Kind::NotFound, error.to_string()),
            QuarantineError::Port(port) => port.into(),
            QuarantineError::Command(command) => command.into(),
        }
    }
}

impl From<BackfillError> for Problem {
    fn from(error: BackfillError) -> Self {
        match error {
            BackfillError::UnknownType(_) => Self::new(Kind::UnknownType, error.to_string()),
            BackfillError::NoJob(_) => Self::new(Kind::NotFound, error.to_string()),
            BackfillError::NotEnded { .. } | BackfillError::Ended { .. } => {
                Self::new(Kind::Conflict, error.to_string())
            }
            BackfillError::Rejected(errors) => Self::invalid(errors),
            BackfillError::Contended(_) => Self::unavailable(&error),
            BackfillError::Port(port) => port.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use annals_application::ports::PortErrorKind;
    use axum::http::StatusCode;
    use axum::response::IntoResponse;

    use super::*;

    #[track_caller]
    fn check(kind: PortErrorKind, status: StatusCode, retry_after: Option<&str>) {
        let response = Problem::from(PortError::new(kind, "annals.db", "disk on fire")).into_response();
        assert_eq!(response.status(), status);
        let header = response.headers().get(header::RETRY_AFTER).map(|value| value.to_str().unwrap());
        assert_eq!(header, retry_after, "{kind:?}");
    }

    #[test]
    fn only_a_failure_that_passes_by_itself_asks_to_try_again() {
        check(PortErrorKind::Unavailable, StatusCode::SERVICE_UNAVAILABLE, Some("1"));
        check(PortErrorKind::OutcomeUnknown, StatusCode::SERVICE_UNAVAILABLE, Some("1"));
        check(PortErrorKind::Misconfigured, StatusCode::INTERNAL_SERVER_ERROR, None);
        check(PortErrorKind::Corrupt, StatusCode::INTERNAL_SERVER_ERROR, None);
        check(PortErrorKind::Rejected, StatusCode::INTERNAL_SERVER_ERROR, None);
    }

    #[tokio::test]
    async fn no_cause_is_told_to_the_caller() {
        let cause = std::io::Error::other("secret host");
        let error = QueryError::Port(PortError::new(PortErrorKind::Corrupt, "annals.db", "on fire").caused_by(cause));
        let body = Problem::from(error).into_response().into_body();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = std::str::from_utf8(&body).unwrap();
        let leaked = ["annals.db", "on fire", "secret"].into_iter().find(|word| text.contains(word));
        assert_eq!(leaked, None, "{text}");
    }
}
