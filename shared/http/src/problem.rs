//! Problems: every error answer, as RFC 9457 has it.
//!
//! Promises that a problem says what the caller can do, with a type that never changes, and carries
//! nothing of what went wrong inside: causes are logged where they are turned into a problem.

use annals_application::commands::EventRead;
use annals_domain::validation_issue::ValidationIssue;
use axum::body::Body;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What kind of error it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No such entity, quarantined input or route.
    NotFound,
    /// No entity type of that name.
    UnknownType,
    /// No provider of that name, or none that is taken here.
    UnknownProvider,
    /// The entity waits for its base.
    AwaitingBase,
    /// The route has other methods.
    WrongMethod,
    /// Parameters or headers do not fit.
    InvalidRequest,
    /// The body is not JSON.
    InvalidBody,
    /// The body is too large.
    TooLarge,
    /// What is there does not allow it.
    Conflict,
    /// Nothing in the body has a form of the provider.
    NotRecognised,
    /// Who asks is not known.
    Unauthorized,
    /// Who asks may not.
    Forbidden,
    /// A store does not answer; the same request may succeed later.
    Unavailable,
    /// Only an operator can mend it.
    Internal,
}

impl Kind {
    #[cfg(test)]
    const ALL: [Self; 14] = [
        Self::NotFound,
        Self::UnknownType,
        Self::UnknownProvider,
        Self::AwaitingBase,
        Self::WrongMethod,
        Self::InvalidRequest,
        Self::InvalidBody,
        Self::TooLarge,
        Self::Conflict,
        Self::NotRecognised,
        Self::Unauthorized,
        Self::Forbidden,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The status, the type and the title.
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
            Self::Conflict => (StatusCode::CONFLICT, "/problems/conflict", "Conflict"),
            Self::NotRecognised => (StatusCode::UNPROCESSABLE_ENTITY, "/problems/not-recognised", "Not recognised"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "/problems/unauthorized", "Unauthorized"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "/problems/forbidden", "Forbidden"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "/problems/unavailable", "Unavailable"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "/problems/internal", "Internal error"),
        }
    }
}

/// One error answer.
#[derive(Debug)]
pub(crate) struct Problem(Box<Content>);

#[derive(Debug)]
struct Content {
    kind: Kind,
    detail: String,
    errors: Vec<ValidationIssue>,
    results: Option<Vec<EventRead>>,
    header: Option<(HeaderName, HeaderValue)>,
}

#[derive(Serialize)]
struct Members {
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
    /// A problem of a kind, with a sentence on this very case.
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self(Box::new(Content { kind, detail: detail.into(), errors: Vec::new(), results: None, header: None }))
    }

    /// Parameters or headers that do not fit, each with what would.
    pub(crate) fn invalid(errors: Vec<ValidationIssue>) -> Self {
        let detail = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        Self::new(Kind::InvalidRequest, detail).with_errors(errors)
    }

    /// With what is wrong, field by field.
    pub(crate) fn with_errors(mut self, errors: Vec<ValidationIssue>) -> Self {
        self.0.errors = errors;
        self
    }

    /// With what became of each record nevertheless.
    pub(crate) fn with_results(mut self, results: Vec<EventRead>) -> Self {
        self.0.results = Some(results);
        self
    }

    /// With more on what would fit, where the request was invalid.
    pub(crate) fn with_hint(mut self, hint: Option<String>) -> Self {
        if let (Kind::InvalidRequest, Some(hint)) = (self.0.kind, hint) {
            self.0.detail = format!("{}; {hint}", self.0.detail);
        }
        self
    }

    /// With a header that tells a client what to do.
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
        let Content { kind, detail, errors, results, header } = *self.0;
        let (status, r#type, title) = kind.parts();
        let members = Members { r#type, title, status: status.as_u16(), detail, errors, results };
        let json = serde_json::to_vec(&members).expect("texts, numbers and timestamps always have a JSON form");
        let mut response = (status, Body::from(json)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.extend(header);
        response
    }
}

/// The answer where no route has the path.
pub(crate) async fn no_such_route(uri: Uri) -> Problem {
    Problem::new(Kind::NotFound, format!("there is nothing at `{}`", uri.path()))
}

/// The answer where the path's route has other methods; the router adds which, as `Allow`.
pub(crate) async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem::new(Kind::WrongMethod, format!("`{}` does not take {method}", uri.path()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    async fn text_of(problem: Problem) -> (StatusCode, String, String) {
        let response = problem.into_response();
        let content_type = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, content_type, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_problem_has_the_members_of_rfc_9457() {
        let problem = Problem::new(Kind::AwaitingBase, "the client `1` waits");
        let (status, content_type, body) = text_of(problem).await;
        assert_eq!((status, content_type.as_str()), (StatusCode::NOT_FOUND, "application/problem+json"));
        insta::assert_snapshot!(body, @r#"{"type":"/problems/awaiting-base","title":"Waiting for its creation","status":404,"detail":"the client `1` waits"}"#);
    }

    #[tokio::test]
    async fn errors_are_named_field_by_field() {
        let errors =
            vec![ValidationIssue::new("page", "`x` does not fit"), ValidationIssue::new("sort", "`y` does not fit")];
        let (_, _, body) = text_of(Problem::invalid(errors)).await;
        insta::assert_snapshot!(body, @r#"{"type":"/problems/invalid-request","title":"Invalid request","status":400,"detail":"page: `x` does not fit; sort: `y` does not fit","errors":[{"field":"page","message":"`x` does not fit"},{"field":"sort","message":"`y` does not fit"}]}"#);
    }

    #[test]
    fn no_two_kinds_share_a_type() {
        let types: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.parts().1).collect();
        assert_eq!(types.len(), Kind::ALL.len());
    }
}
