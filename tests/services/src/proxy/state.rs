//! What the proxy has recorded, and the rules that it follows.
//!
//! Requests are kept in the order of their arrival. The times of a rule are counted exactly, however many requests
//! arrive at once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;

use super::fault::{Fault, Rule};
use super::request::RecordedRequest;

/// The number of a recorded request.
pub(super) type Number = u64;

/// The state that the proxy and its connections share.
#[derive(Debug, Default)]
pub(super) struct State(Mutex<Recorded>);

#[derive(Debug, Default)]
struct Recorded {
    next: Number,
    requests: Vec<(Number, RecordedRequest)>,
    rules: Vec<Rule>,
    connections: usize,
}

impl State {
    /// Records the request and returns what to do with it.
    pub(super) fn arrived(&self, request: RecordedRequest) -> (Number, Fault) {
        let mut recorded = self.lock();
        let fault = recorded.rules.iter_mut().find_map(|rule| rule.take(&request)).unwrap_or(Fault::Pass);
        let number = recorded.next;
        recorded.next += 1;
        recorded.requests.push((number, request));
        (number, fault)
    }

    /// Counts a connection that a client has opened.
    pub(super) fn connected(&self) {
        self.lock().connections += 1;
    }

    pub(super) fn connections(&self) -> usize {
        self.lock().connections
    }

    pub(super) fn forwarded(&self, number: Number) {
        self.change(number, |request| request.forwarded = true);
    }

    pub(super) fn answered(&self, number: Number, status: StatusCode) {
        self.change(number, |request| request.status = Some(status));
    }

    pub(super) fn requests(&self) -> Vec<RecordedRequest> {
        self.lock().requests.iter().map(|(_, request)| request.clone()).collect()
    }

    pub(super) fn clear(&self) {
        self.lock().requests.clear();
    }

    pub(super) fn add(&self, rule: Rule) {
        self.lock().rules.push(rule);
    }

    pub(super) fn heal(&self) {
        self.lock().rules.clear();
    }

    /// Updates a recorded request, unless it has been cleared.
    fn change(&self, number: Number, change: impl FnOnce(&mut RecordedRequest)) {
        let mut recorded = self.lock();
        if let Ok(at) = recorded.requests.binary_search_by_key(&number, |(number, _)| *number) {
            change(&mut recorded.requests[at].1);
        }
    }

    /// A test's own matching function may panic while it holds the lock; the state is consistent nevertheless.
    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
