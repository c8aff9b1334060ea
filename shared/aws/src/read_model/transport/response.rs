//! A response of OpenSearch, and what a failed one means for the caller.
//!
//! An error message names the kind of the failure and never a value: OpenSearch's own reasons quote the values
//! that it could not parse.

use annals_application::ports::{PortError, PortErrorKind};
use bytes::Bytes;
use serde::de::Deserialize;
use serde_json::Value;

/// How OpenSearch reports a query with too many conditions.
const TOO_MANY_CLAUSES: [&str; 2] = ["too_many_nested_clauses", "maxClauseCount"];

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Response {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the index or alias of the request does not exist.
    pub(crate) fn is_missing_index(&self) -> bool {
        self.status == 404 && self.contains("index_not_found_exception")
    }

    pub(crate) fn contains(&self, text: &str) -> bool {
        self.body.windows(text.len()).any(|part| part == text.as_bytes())
    }

    /// The body of a successful response; for requests that carry nothing which could be rejected.
    pub(crate) fn json<'a, T: Deserialize<'a>>(&'a self, resource: &str) -> Result<T, PortError> {
        if !self.is_success() {
            return Err(self.service_error(resource));
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            let message = "the response is not the expected JSON";
            PortError::new(PortErrorKind::OutcomeUnknown, resource, message).caused_by(error)
        })
    }

    pub(crate) fn error(&self, resource: &str) -> PortError {
        if TOO_MANY_CLAUSES.into_iter().any(|text| self.contains(text)) {
            return PortError::new(PortErrorKind::Rejected, resource, "the query has too many conditions");
        }
        let body = ErrorBody::of(self);
        let kind = error_kind(self.status, &body.error_type);
        let message = match (kind, body.reason) {
            // A refusal of rights names the action and the caller, and no values.
            (PortErrorKind::Misconfigured, Some(reason)) => format!("{} ({}): {reason}", body.error_type, self.status),
            _ => format!("{} ({})", body.error_type, self.status),
        };
        PortError::new(kind, resource, message)
    }

    /// The error of a request that carries nothing which could be rejected: any such request would fail the
    /// same way, so that no document is at fault.
    pub(crate) fn service_error(&self, resource: &str) -> PortError {
        let error = self.error(resource);
        match error.kind {
            PortErrorKind::Rejected => PortError { kind: PortErrorKind::Misconfigured, ..error },
            _ => error,
        }
    }

    /// OpenSearch's own reason for a failure. It may quote values of a document.
    pub(crate) fn reason(&self) -> Option<String> {
        ErrorBody::of(self).reason
    }
}

/// What a status and an error type mean for the caller.
pub(crate) fn error_kind(status: u16, error_type: &str) -> PortErrorKind {
    match status {
        // The block ends when the disk has room again or the domain's configuration change is finished.
        _ if error_type == "cluster_block_exception" => PortErrorKind::Unavailable,
        _ if error_type == "index_closed_exception" => PortErrorKind::Misconfigured,
        429 | 503 => PortErrorKind::Unavailable,
        401 | 403 => PortErrorKind::Misconfigured,
        // A plain 404 does not come from OpenSearch, which names what is missing, but from another program there.
        404 => PortErrorKind::Misconfigured,
        400..=499 => PortErrorKind::Rejected,
        _ => PortErrorKind::OutcomeUnknown,
    }
}

struct ErrorBody {
    error_type: String,
    reason: Option<String>,
}

impl ErrorBody {
    fn of(response: &Response) -> Self {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let error_type = text(&body["error"]["type"]).unwrap_or_else(|| "no error type".to_owned());
        // The access control of a domain, in front of OpenSearch, writes `Message`.
        let reason = [&body["error"]["reason"], &body["Message"], &body["message"]].into_iter().find_map(text);
        Self { error_type, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &'static str, kind: PortErrorKind, message: &str) {
        let error = Response { status, body: body.into() }.error("client_index");
        assert_eq!((error.kind, error.to_string()), (kind, format!("client_index: {message}")), "{body}");
    }

    #[test]
    fn an_error_message_contains_no_values() {
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
