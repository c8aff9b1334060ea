//! A request as the proxy records it.

use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use bytes::Bytes;

/// A request that the proxy received, and its outcome.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    /// The method.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// The query, without its `?`; empty if there is none.
    pub query: String,
    /// The header `X-Amz-Target`, such as `DynamoDB_20120810.PutItem`.
    pub target: Option<String>,
    /// The whole body.
    pub body: Bytes,
    /// Whether the proxy forwarded it to the service.
    pub forwarded: bool,
    /// The status of its response, even if that was discarded. `None` if there is no response (yet).
    pub status: Option<StatusCode>,
}

impl RecordedRequest {
    pub(super) fn new(parts: &Parts, body: Bytes) -> Self {
        let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
        Self {
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            target: target.map(str::to_owned),
            body,
            forwarded: false,
            status: None,
        }
    }

    /// The operation of an AWS service, from its target (`PutItem`) or from the form of a query protocol (`Publish`).
    pub fn operation(&self) -> Option<&str> {
        match &self.target {
            Some(target) => target.rsplit('.').next(),
            None => std::str::from_utf8(&self.body).ok()?.split('&').find_map(|field| field.strip_prefix("Action=")),
        }
    }

    /// Whether the path has the segment `segment`.
    pub fn has_segment(&self, segment: &str) -> bool {
        self.path.split('/').any(|part| part == segment)
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.operation() == Some(name) || self.has_segment(name)
    }
}
