//! What the proxy has seen, and what it is to do.
//!
//! Promises that requests are kept in the order in which they came, and that a rule's times are
//! counted exactly, however many requests come at once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use bytes::Bytes;

use super::fault::{Fault, Rule};

/// A request that came to the proxy, and what became of it.
#[derive(Debug, Clone)]
pub struct SeenRequest {
    /// The method.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// The query, without its `?`; empty where there is none.
    pub query: String,
    /// The header `X-Amz-Target`, such as `DynamoDB_20120810.PutItem`.
    pub target: Option<String>,
    /// The whole body.
    pub body: Bytes,
    /// Whether it was passed on to the service.
    pub forwarded: bool,
    /// The status of its answer, also where that answer was thrown away. None where there is none (yet).
    pub status: Option<StatusCode>,
}

impl SeenRequest {
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

    /// The operation of an AWS service: of its target (`PutItem`), or of the form of a query protocol (`Publish`).
    pub fn operation(&self) -> Option<&str> {
        match &self.target {
            Some(target) => target.rsplit('.').next(),
            None => std::str::from_utf8(&self.body).ok()?.split('&').find_map(|field| field.strip_prefix("Action=")),
        }
    }

    /// Whether a segment of the path is `segment`.
    pub fn has_segment(&self, segment: &str) -> bool {
        self.path.split('/').any(|part| part == segment)
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.operation() == Some(name) || self.has_segment(name)
    }
}

/// The number under which a request is kept.
pub(super) type Number = u64;

/// What the proxy and its connections share.
#[derive(Debug, Default)]
pub(super) struct State(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    next: Number,
    requests: Vec<(Number, SeenRequest)>,
    rules: Vec<Rule>,
    connections: usize,
}

impl State {
    /// Keeps the request, and says what is to become of it.
    pub(super) fn arrived(&self, request: SeenRequest) -> (Number, Fault) {
        let mut seen = self.seen();
        let fault = seen.rules.iter_mut().find_map(|rule| rule.take(&request)).unwrap_or(Fault::Pass);
        let number = seen.next;
        seen.next += 1;
        seen.requests.push((number, request));
        (number, fault)
    }

    /// Counts a connection that a client has opened.
    pub(super) fn connected(&self) {
        self.seen().connections += 1;
    }

    pub(super) fn connections(&self) -> usize {
        self.seen().connections
    }

    pub(super) fn forwarded(&self, number: Number) {
        self.change(number, |request| request.forwarded = true);
    }

    pub(super) fn answered(&self, number: Number, status: StatusCode) {
        self.change(number, |request| request.status = Some(status));
    }

    pub(super) fn requests(&self) -> Vec<SeenRequest> {
        self.seen().requests.iter().map(|(_, request)| request.clone()).collect()
    }

    pub(super) fn clear(&self) {
        self.seen().requests.clear();
    }

    pub(super) fn add(&self, rule: Rule) {
        self.seen().rules.push(rule);
    }

    pub(super) fn heal(&self) {
        self.seen().rules.clear();
    }

    /// Changes a request, unless it has been forgotten.
    fn change(&self, number: Number, change: impl FnOnce(&mut SeenRequest)) {
        let mut seen = self.seen();
        if let Ok(at) = seen.requests.binary_search_by_key(&number, |(number, _)| *number) {
            change(&mut seen.requests[at].1);
        }
    }

    /// A test's own matching function may panic under the lock: what it guards is whole all the same.
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
