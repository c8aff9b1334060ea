//! What an answer that is no success means for the caller.
//!
//! Promises that a message tells the kind of failure and never a value: OpenSearch's own reasons
//! quote what they could not parse.

use annals_application::ports::{PortError, PortErrorKind};
use opensearch::Error as ClientError;
use serde_json::Value;

use crate::read_model::call::Answer;

/// What a query's conditions are too many for.
const TOO_MANY: [&str; 2] = ["too_many_nested_clauses", "maxClauseCount"];

/// Why a schema's index cannot be used.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// It alone cannot: another hand made it, or the cluster does not make it.
    Alone(PortError),
    /// The call failed, as it would have for any index.
    Call(PortError),
}

impl Unusable {
    /// Why this one's documents are refused; a call's failure stays one.
    pub(crate) fn refusal(self) -> Result<String, PortError> {
        match self {
            Self::Alone(error) => Ok(error.to_string()),
            Self::Call(error) => Err(error),
        }
    }
}

impl From<PortError> for Unusable {
    fn from(error: PortError) -> Self {
        Self::Call(error)
    }
}

/// For whoever asks for one index only.
impl From<Unusable> for PortError {
    fn from(unusable: Unusable) -> Self {
        let (Unusable::Alone(error) | Unusable::Call(error)) = unusable;
        error
    }
}

/// A call that was not answered.
pub(crate) fn unanswered(resource: &str, error: ClientError) -> PortError {
    let is_connect = std::error::Error::source(&error)
        .and_then(|source| source.downcast_ref::<reqwest::Error>())
        .is_some_and(reqwest::Error::is_connect);
    let (kind, message) = if is_connect {
        (PortErrorKind::Unavailable, "OpenSearch cannot be reached")
    } else if error.is_timeout() {
        (PortErrorKind::OutcomeUnknown, "no answer in time")
    } else {
        (PortErrorKind::OutcomeUnknown, "the request was not answered")
    };
    PortError::new(kind, resource, message).caused_by(Cause(error))
}

/// Whether a request that may have been carried out lost its connection, and was not merely slow.
pub(crate) fn was_cut(error: &PortError) -> bool {
    let cause = error.source.as_ref().and_then(|source| source.downcast_ref::<Cause>());
    error.kind == PortErrorKind::OutcomeUnknown && cause.is_some_and(|Cause(error)| !error.is_timeout())
}

/// The client's error, named once: it repeats its cause in its own words.
#[derive(Debug, thiserror::Error)]
#[error("the client failed")]
struct Cause(#[source] ClientError);

/// An answer that nobody can read.
pub(crate) fn unreadable(resource: &str, error: serde_json::Error) -> PortError {
    let message = "the answer cannot be read";
    PortError::new(PortErrorKind::OutcomeUnknown, resource, message).caused_by(error)
}

/// An answer that is no success.
pub(crate) fn refused(resource: &str, answer: &Answer) -> PortError {
    let said = Said::of(answer);
    if TOO_MANY.into_iter().any(|text| answer.says(text)) {
        return PortError::new(PortErrorKind::Rejected, resource, "the query has too many conditions");
    }
    let message = match (kind(answer.status, &said.kind), said.reason) {
        // Rights are refused in words that name the action and the caller, and no values.
        (PortErrorKind::Misconfigured, Some(reason)) => format!("{} ({}): {reason}", said.kind, answer.status),
        _ => format!("{} ({})", said.kind, answer.status),
    };
    PortError::new(kind(answer.status, &said.kind), resource, message)
}

/// The same of a call that asks nothing of its own: what refuses it would refuse any, so that no
/// document is at fault.
pub(crate) fn refused_whole(resource: &str, answer: &Answer) -> PortError {
    let error = refused(resource, answer);
    match error.kind {
        PortErrorKind::Rejected => PortError { kind: PortErrorKind::Misconfigured, ..error },
        _ => error,
    }
}

/// What a status and the kind of an error mean.
pub(crate) fn kind(status: u16, error_type: &str) -> PortErrorKind {
    match status {
        // A block is lifted when the disk has room or the domain is done with its change.
        _ if error_type == "cluster_block_exception" => PortErrorKind::Unavailable,
        _ if error_type == "index_closed_exception" => PortErrorKind::Misconfigured,
        429 | 503 => PortErrorKind::Unavailable,
        401 | 403 => PortErrorKind::Misconfigured,
        // A plain 404 comes from something else at this address: OpenSearch says what is missing.
        404 => PortErrorKind::Misconfigured,
        400..=499 => PortErrorKind::Rejected,
        _ => PortErrorKind::OutcomeUnknown,
    }
}

/// What an answer says about its failure.
struct Said {
    kind: String,
    reason: Option<String>,
}

impl Said {
    fn of(answer: &Answer) -> Self {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let kind = text(&body["error"]["type"]).unwrap_or_else(|| "no error type".to_owned());
        // A domain's own gate says `Message`, and answers before OpenSearch does.
        let reason = [&body["error"]["reason"], &body["Message"], &body["message"]].into_iter().find_map(text);
        Self { kind, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &'static str, kind: PortErrorKind, message: &str) {
        let error = refused("client_index", &Answer { status, body: body.into() });
        assert_eq!((error.kind, error.to_string()), (kind, format!("client_index: {message}")), "{body}");
    }

    #[test]
    fn an_answer_is_told_without_its_values() {
        use PortErrorKind::{Misconfigured, OutcomeUnknown, Rejected, Unavailable};
        let parse = r#"{"error":{"type":"parsing_exception","reason":"no [secret]"},"status":400}"#;
        check(400, parse, Rejected, "parsing_exception (400)");
        let full = r#"{"error":{"type":"rejected_execution_exception","reason":"secret"}}"#;
        check(429, full, Unavailable, "rejected_execution_exception (429)");
        check(503, "<html>", Unavailable, "no error type (503)");
        check(500, "{}", OutcomeUnknown, "no error type (500)");
        check(504, "", OutcomeUnknown, "no error type (504)");
        let gate = r#"{"Message":"User: x is not authorized to perform: es:ESHttpPost"}"#;
        check(403, gate, Misconfigured, "no error type (403): User: x is not authorized to perform: es:ESHttpPost");
        let block = r#"{"error":{"type":"cluster_block_exception","reason":"index [x] blocked"}}"#;
        check(403, block, Unavailable, "cluster_block_exception (403)");
        let many = r#"{"error":{"type":"x","root_cause":[{"type":"too_many_nested_clauses"}]}}"#;
        check(500, many, Rejected, "the query has too many conditions");
    }
}
