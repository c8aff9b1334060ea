//! Rules: which requests meet which fault, and how often.
//!
//! Promises that ready-made answers are what the services send, byte for byte where clients look.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;

use super::request::RecordedRequest;

/// Requests, and the fault that they meet.
#[derive(Debug)]
pub struct Rule {
    matches: Match,
    times: Times,
    fault: Fault,
    /// How many requests matched so far.
    matched: usize,
}

/// Which requests a rule is for.
#[derive(Clone)]
pub enum Match {
    /// All.
    Any,
    /// Those of an operation of an AWS service, such as `PutItem`.
    Target(&'static str),
    /// Those with this segment in their path, such as `_bulk`.
    Path(&'static str),
    /// Those of which the function says so.
    When(Arc<dyn Fn(&RecordedRequest) -> bool + Send + Sync>),
}

/// Which of the requests that match meet the fault, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// Each.
    Always,
    /// The first so many.
    First(usize),
    /// Only this one.
    Nth(usize),
    /// All but the first so many.
    After(usize),
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it is passed on. Keeps requests from the rules that follow.
    Pass,
    /// It is not passed on, and this is its answer.
    Answer {
        /// The status of the answer.
        status: StatusCode,
        /// Its headers.
        headers: Vec<(&'static str, String)>,
        /// Its body.
        body: Bytes,
    },
    /// It is passed on after so long, also where its client has gone by then.
    Delay(Duration),
    /// The connection is reset; it is not passed on.
    DropBefore,
    /// It is passed on, and when its answer is there, the connection is reset.
    DropAfter,
    /// It is neither passed on nor answered; the connection stays open.
    HangBefore,
    /// It is passed on and never answered; the connection stays open.
    HangAfter,
}

impl Rule {
    /// The requests that match meet the fault so many times.
    pub fn new(matches: Match, times: Times, fault: Fault) -> Self {
        Self { matches, times, fault, matched: 0 }
    }

    /// Each request that matches meets the fault.
    pub fn always(matches: Match, fault: Fault) -> Self {
        Self::new(matches, Times::Always, fault)
    }

    /// The first `count` requests that match meet the fault.
    pub fn first(count: usize, matches: Match, fault: Fault) -> Self {
        Self::new(matches, Times::First(count), fault)
    }

    /// The request that is the `nth` to match meets the fault.
    pub fn nth(nth: usize, matches: Match, fault: Fault) -> Self {
        Self::new(matches, Times::Nth(nth), fault)
    }

    /// The fault that this request meets, which is counted where it matches.
    pub(super) fn take(&mut self, request: &RecordedRequest) -> Option<Fault> {
        if !self.matches.holds(request) {
            return None;
        }
        self.matched += 1;
        self.times.holds(self.matched).then(|| self.fault.clone())
    }
}

impl Match {
    /// Those of which `function` says so.
    pub fn when(function: impl Fn(&RecordedRequest) -> bool + Send + Sync + 'static) -> Self {
        Self::When(Arc::new(function))
    }

    fn holds(&self, request: &RecordedRequest) -> bool {
        match self {
            Self::Any => true,
            Self::Target(operation) => request.operation() == Some(operation),
            Self::Path(segment) => request.has_segment(segment),
            Self::When(function) => function(request),
        }
    }
}

impl fmt::Debug for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("Any"),
            Self::Target(operation) => f.debug_tuple("Target").field(operation).finish(),
            Self::Path(segment) => f.debug_tuple("Path").field(segment).finish(),
            Self::When(_) => f.write_str("When"),
        }
    }
}

impl Times {
    fn holds(self, count: usize) -> bool {
        match self {
            Self::Always => true,
            Self::First(most) => count <= most,
            Self::Nth(nth) => count == nth,
            Self::After(first) => count > first,
        }
    }
}

impl Fault {
    /// An answer in place of the service's.
    pub fn answer(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::Answer { status, headers: vec![("content-type", content_type.to_owned())], body: body.into() }
    }

    /// An answer as the services with a JSON protocol (DynamoDB, EventBridge, SQS) send it.
    pub fn aws_answer(status: StatusCode, body: &serde_json::Value) -> Self {
        Self::answer(status, "application/x-amz-json-1.0", body.to_string())
    }

    /// An error as they send it.
    pub fn aws_error(status: StatusCode, code: &str, message: &str) -> Self {
        Self::aws_answer(status, &serde_json::json!({ "__type": code, "message": message }))
    }

    /// DynamoDB's word that it left some of a batch undone: what `rest` says, under the name of its field.
    pub fn left_of_batch(field: &str, table: &str, rest: &serde_json::Value) -> Self {
        let body = serde_json::json!({ "Responses": {}, field: { table: rest } });
        Self::aws_answer(StatusCode::OK, &body)
    }

    /// DynamoDB's throttling.
    pub fn throttled() -> Self {
        let message = "The level of configured provisioned throughput for the table was exceeded. \
            Consider increasing your provisioning level with the UpdateTable API.";
        let code = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException";
        Self::aws_error(StatusCode::BAD_REQUEST, code, message)
    }

    /// What IAM refuses, as DynamoDB says it.
    pub fn access_denied() -> Self {
        let code = "com.amazon.coral.service#AccessDeniedException";
        Self::aws_error(StatusCode::BAD_REQUEST, code, "User is not authorized to perform this action on this resource")
    }

    /// 503, from whatever stands before a service.
    pub fn unavailable() -> Self {
        Self::answer(StatusCode::SERVICE_UNAVAILABLE, "application/json", r#"{"message":"Service Unavailable"}"#)
    }

    /// 429, OpenSearch's own when its queues are full.
    pub fn too_many_requests() -> Self {
        let reason =
            r#"{"type":"rejected_execution_exception","reason":"rejected execution of coordinating operation"}"#;
        let body = format!(
            r#"{{"error":{{"root_cause":[{reason}],"type":"rejected_execution_exception","reason":"rejected execution of coordinating operation"}},"status":429}}"#
        );
        Self::answer(StatusCode::TOO_MANY_REQUESTS, "application/json; charset=UTF-8", body)
    }
}
