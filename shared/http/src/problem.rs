//! The error responses: `application/problem+json` of RFC 9457, and the problem that each error of a use case becomes.
//!
//! The `type` of a problem never changes, and its detail says what the caller can do. Nothing internal reaches the
//! caller: the failure of a store is logged here, once and with all its causes; the response only says whether the
//! same request may succeed later.

use std::error::Error;

use annals_application::backfill::BackfillError;
use annals_application::commands::{CommandError, EventRead, QuarantineError};
use annals_application::log_chain;
use annals_application::ports::PortError;
use annals_application::queries::QueryError;
use annals_domain::validation_issue::ValidationIssue;
use axum::body::Body;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The kinds of problems: each has a status, a `type` and a title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProblemKind {
    /// No such entity, quarantine entry or route.
    NotFound,
    UnknownType,
    /// No provider has this name, or this installation ingests nothing from it.
    UnknownProvider,
    /// The entity exists, and the event that states its whole record has not arrived.
    AwaitingBase,
    WrongMethod,
    /// Invalid parameters, headers or members of the body.
    InvalidRequest,
    InvalidBody,
    TooLarge,
    /// One result alone is larger than an answer may be.
    ResultTooLarge,
    /// The body is compressed, which no route reads.
    UnsupportedEncoding,
    /// The current state does not allow the action.
    Conflict,
    /// The body has no change event of the provider.
    NotRecognised,
    Unauthorized,
    Forbidden,
    /// A store does not respond; the same request may succeed later.
    Unavailable,
    /// Only an operator can repair it.
    Internal,
}

impl ProblemKind {
    pub(crate) const ALL: [Self; 16] = [
        Self::NotFound,
        Self::UnknownType,
        Self::UnknownProvider,
        Self::AwaitingBase,
        Self::WrongMethod,
        Self::InvalidRequest,
        Self::InvalidBody,
        Self::TooLarge,
        Self::ResultTooLarge,
        Self::UnsupportedEncoding,
        Self::Conflict,
        Self::NotRecognised,
        Self::Unauthorized,
        Self::Forbidden,
        Self::Unavailable,
        Self::Internal,
    ];

    pub(crate) fn status(self) -> StatusCode {
        self.parts().0
    }

    /// The `type` of the problem.
    pub(crate) fn type_uri(self) -> &'static str {
        self.parts().1
    }

    pub(crate) fn title(self) -> &'static str {
        self.parts().2
    }

    /// The status, the `type` and the title.
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "/problems/not-found", "Not found"),
            Self::UnknownType => (StatusCode::NOT_FOUND, "/problems/unknown-entity-type", "Unknown entity type"),
            Self::UnknownProvider => (StatusCode::NOT_FOUND, "/problems/unknown-provider", "Unknown provider"),
            Self::AwaitingBase => (StatusCode::NOT_FOUND, "/problems/awaiting-base", "Waiting for its creation"),
            Self::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, "/problems/wrong-method", "Method not allowed"),
            Self::InvalidRequest => (StatusCode::BAD_REQUEST, "/problems/invalid-request", "Invalid request"),
            Self::InvalidBody => (StatusCode::BAD_REQUEST, "/problems/invalid-body", "Not JSON"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "/problems/too-large", "Body too large"),
            Self::ResultTooLarge => {
                (StatusCode::UNPROCESSABLE_ENTITY, "/problems/result-too-large", "Result too large")
            }
            Self::UnsupportedEncoding => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "/problems/unsupported-encoding", "Unsupported encoding")
            }
            Self::Conflict => (StatusCode::CONFLICT, "/problems/conflict", "Conflict"),
            Self::NotRecognised => (StatusCode::UNPROCESSABLE_ENTITY, "/problems/not-recognised", "Not recognised"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "/problems/unauthorized", "Unauthorized"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "/problems/forbidden", "Forbidden"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "/problems/unavailable", "Unavailable"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "/problems/internal", "Internal error"),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Problem(Box<ProblemContent>);

#[derive(Debug)]
struct ProblemContent {
    kind: ProblemKind,
    detail: String,
    errors: Vec<ValidationIssue>,
    results: Option<Vec<EventRead>>,
    header: Option<(HeaderName, HeaderValue)>,
}

/// The JSON of a problem.
#[derive(Serialize)]
struct ProblemBody {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ValidationIssue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    results: Option<Vec<EventRead>>,
}

impl Problem {
    /// The detail says what happened in this request.
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self(Box::new(ProblemContent { kind, detail: detail.into(), errors: Vec::new(), results: None, header: None }))
    }

    /// Invalid parameters, headers or members, each with what is expected.
    pub(crate) fn invalid(errors: Vec<ValidationIssue>) -> Self {
        let detail = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        Self::new(ProblemKind::InvalidRequest, detail).with_errors(errors)
    }

    /// A failure that the caller can do nothing about.
    pub(crate) fn internal(error: &dyn Error) -> Self {
        tracing::error!(error = %log_chain(error), "request failed");
        Self::new(ProblemKind::Internal, "internal error: the operator finds its cause in the log")
    }

    fn unavailable(error: &dyn Error) -> Self {
        tracing::warn!(error = %log_chain(error), "request failed for now");
        let detail = "the store is unavailable: send the same request again";
        Self::new(ProblemKind::Unavailable, detail).with_header(header::RETRY_AFTER, "1")
    }

    /// No response before the deadline of the request.
    pub(crate) fn late() -> Self {
        tracing::warn!("deadline reached; the request was given up");
        let detail = "a store does not respond in time: send the same request again";
        Self::new(ProblemKind::Unavailable, detail).with_header(header::RETRY_AFTER, "1")
    }

    fn of_failure(error: &dyn Error, is_retryable: bool) -> Self {
        if is_retryable { Self::unavailable(error) } else { Self::internal(error) }
    }

    pub(crate) fn with_errors(mut self, errors: Vec<ValidationIssue>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Adds the result of each change event of the request, where some were stored although the request failed.
    pub(crate) fn with_results(mut self, results: Vec<EventRead>) -> Self {
        self.0.results = Some(results);
        self
    }

    /// Adds to the detail of an invalid request what else is expected.
    pub(crate) fn with_hint(mut self, hint: Option<String>) -> Self {
        if let (ProblemKind::InvalidRequest, Some(hint)) = (self.0.kind, hint) {
            self.0.detail = format!("{}; {hint}", self.0.detail);
        }
        self
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.0.header = Some((name, HeaderValue::from_static(value)));
        self
    }

    #[cfg(test)]
    pub(crate) fn errors(&self) -> &[ValidationIssue] {
        &self.0.errors
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let ProblemContent { kind, detail, errors, results, header } = *self.0;
        let (status, r#type, title) = kind.parts();
        let body = ProblemBody { r#type, title, status: status.as_u16(), detail, errors, results };
        let json = serde_json::to_vec(&body).expect("strings, numbers and timestamps always have a JSON form");
        let mut response = (status, Body::from(json)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(header);
        response
    }
}

/// The response if no route has the path.
pub(crate) async fn no_such_route(uri: Uri) -> Problem {
    Problem::new(ProblemKind::NotFound, format!("no route `{}`", uri.path()))
}

/// The response if the route does not have the method; the router adds the `Allow` header.
pub(crate) async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem::new(ProblemKind::WrongMethod, format!("`{}` does not allow {method}", uri.path()))
}

impl From<PortError> for Problem {
    fn from(error: PortError) -> Self {
        Self::of_failure(&error, error.is_retryable())
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match &error {
            QueryError::UnknownType(_) => Self::new(ProblemKind::UnknownType, error.to_string()),
            QueryError::NotFound { .. } | QueryError::NotAtMoment { .. } => {
                Self::new(ProblemKind::NotFound, error.to_string())
            }
            QueryError::AwaitingBase { .. } => Self::new(ProblemKind::AwaitingBase, error.to_string()),
            QueryError::InvalidParameters(invalid) => {
                Self::invalid(invalid.iter().map(|one| ValidationIssue::new(&*one.field, &*one.message)).collect())
            }
            QueryError::TooLarge { .. } => Self::new(ProblemKind::ResultTooLarge, error.to_string()),
            QueryError::Unreadable(_) => Self::internal(&error),
            QueryError::Port(port) => Self::of_failure(&error, port.is_retryable()),
        }
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::UnknownProvider(_) => Self::new(ProblemKind::UnknownProvider, error.to_string()),
            CommandError::Contended | CommandError::Port(_) => Self::of_failure(&error, error.is_retryable()),
        }
    }
}

impl From<QuarantineError> for Problem {
    fn from(error: QuarantineError) -> Self {
        match error {
            QuarantineError::NotFound(_) => Self::new(ProblemKind::NotFound, error.to_string()),
            QuarantineError::Port(port) => port.into(),
            QuarantineError::Command(command) => command.into(),
        }
    }
}

impl From<BackfillError> for Problem {
    fn from(error: BackfillError) -> Self {
        match error {
            BackfillError::UnknownType(_) => Self::new(ProblemKind::UnknownType, error.to_string()),
            BackfillError::NoJob(_) => Self::new(ProblemKind::NotFound, error.to_string()),
            BackfillError::NotEnded { .. } | BackfillError::Ended { .. } => {
                Self::new(ProblemKind::Conflict, error.to_string())
            }
            BackfillError::Rejected(errors) => Self::invalid(errors),
            BackfillError::Contended(_) => Self::unavailable(&error),
            BackfillError::Port(port) => port.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use annals_application::ports::PortErrorKind;

    use super::*;

    async fn parts_of(problem: Problem) -> (StatusCode, String, String) {
        let response = problem.into_response();
        let content_type = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, content_type, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_problem_has_the_members_of_rfc_9457() {
        let problem = Problem::new(ProblemKind::AwaitingBase, "the client `1` waits");
        let (status, content_type, body) = parts_of(problem).await;
        assert_eq!((status, content_type.as_str()), (StatusCode::NOT_FOUND, "application/problem+json"));
        insta::assert_snapshot!(body, @r#"{"type":"/problems/awaiting-base","title":"Waiting for its creation","status":404,"detail":"the client `1` waits"}"#);
    }

    #[tokio::test]
    async fn each_error_names_its_field() {
        let errors =
            vec![ValidationIssue::new("page", "invalid value `x`"), ValidationIssue::new("sort", "invalid value `y`")];
        let (_, _, body) = parts_of(Problem::invalid(errors)).await;
        insta::assert_snapshot!(body, @r#"{"type":"/problems/invalid-request","title":"Invalid request","status":400,"detail":"page: invalid value `x`; sort: invalid value `y`","errors":[{"field":"page","message":"invalid value `x`"},{"field":"sort","message":"invalid value `y`"}]}"#);
    }

    #[test]
    fn no_two_kinds_share_a_type() {
        let types: BTreeSet<_> = ProblemKind::ALL.iter().map(|kind| kind.parts().1).collect();
        assert_eq!(types.len(), ProblemKind::ALL.len());
    }

    #[track_caller]
    fn check(kind: PortErrorKind, status: StatusCode, retry_after: Option<&str>) {
        let response = Problem::from(PortError::new(kind, "annals.db", "disk on fire")).into_response();
        assert_eq!(response.status(), status);
        let header = response.headers().get(header::RETRY_AFTER).map(|value| value.to_str().unwrap());
        assert_eq!(header, retry_after, "{kind:?}");
    }

    #[test]
    fn only_a_temporary_failure_has_a_retry_after_header() {
        check(PortErrorKind::Unavailable, StatusCode::SERVICE_UNAVAILABLE, Some("1"));
        check(PortErrorKind::OutcomeUnknown, StatusCode::SERVICE_UNAVAILABLE, Some("1"));
        check(PortErrorKind::Misconfigured, StatusCode::INTERNAL_SERVER_ERROR, None);
        check(PortErrorKind::Corrupt, StatusCode::INTERNAL_SERVER_ERROR, None);
        check(PortErrorKind::Rejected, StatusCode::INTERNAL_SERVER_ERROR, None);
    }

    #[tokio::test]
    async fn the_cause_of_a_failure_does_not_reach_the_caller() {
        let cause = std::io::Error::other("secret host");
        let error = QueryError::Port(PortError::new(PortErrorKind::Corrupt, "annals.db", "on fire").caused_by(cause));
        let body = Problem::from(error).into_response().into_body();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = std::str::from_utf8(&body).unwrap();
        let leaked = ["annals.db", "on fire", "secret"].into_iter().find(|word| text.contains(word));
        assert_eq!(leaked, None, "{text}");
    }
}
