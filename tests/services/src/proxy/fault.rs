//! Rules: which requests get which fault, and how often.
//!
//! The predefined responses are those of the real services, byte for byte where clients read them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;

use super::request::RecordedRequest;

/// Requests and the fault that they get.
#[derive(Debug)]
pub struct Rule {
    matches: Match,
    times: Times,
    fault: Fault,
    /// The number of requests that have matched so far.
    matched: usize,
}

/// The requests that a rule matches.
#[derive(Clone)]
pub enum Match {
    /// All requests.
    Any,
    /// Requests for an operation of an AWS service, such as `PutItem`.
    Target(&'static str),
    /// Requests with this segment in their path, such as `_bulk`.
    Path(&'static str),
    /// Requests for which the function returns true.
    When(Arc<dyn Fn(&RecordedRequest) -> bool + Send + Sync>),
}

/// Which of the matching requests get the fault, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// Each of them.
    Always,
    /// The first `n`.
    First(usize),
    /// Only this one.
    Nth(usize),
    /// All but the first `n`.
    After(usize),
}

/// What the proxy does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Forwards it. The rules that follow do not apply to it.
    Pass,
    /// Responds in place of the service, without forwarding it.
    Answer {
        /// The status of the response.
        status: StatusCode,
        /// Its headers.
        headers: Vec<(&'static str, String)>,
        /// Its body.
        body: Bytes,
    },
    /// Forwards it after this delay, even if the client has disconnected by then.
    Delay(Duration),
    /// Resets the connection without forwarding it.
    DropBefore,
    /// Forwards it and resets the connection when the response has arrived.
    DropAfter,
    /// Neither forwards it nor responds; the connection stays open.
    HangBefore,
    /// Forwards it and never responds; the connection stays open.
    HangAfter,
}

impl Rule {
    /// The matching requests get the fault that many times.
    pub fn new(matches: Match, times: Times, fault: Fault) -> Self {
        Self { matches, times, fault, matched: 0 }
    }

    /// Each matching request gets the fault.
    pub fn always(matches: Match, fault: Fault) -> Self {
        Self::new(matches, Times::Always, fault)
    }

    /// The first `count` matching requests get the fault.
    pub fn first(count: usize, matches: Match, fault: Fault) -> Self {
        Self::new(matches, Times::First(count), fault)
    }

    /// Only the `nth` matching request gets the fault.
    pub fn nth(nth: usize, matches: Match, fault: Fault) -> Self {
        Self::new(matches, Times::Nth(nth), fault)
    }

    /// The fault for this request. Counts the request if it matches.
    pub(super) fn take(&mut self, request: &RecordedRequest) -> Option<Fault> {
        if !self.matches.holds(request) {
            return None;
        }
        self.matched += 1;
        self.times.holds(self.matched).then(|| self.fault.clone())
    }
}

impl Match {
    /// Matches the requests for which `function` returns true.
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
    /// A response in place of the service's own.
    pub fn answer(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::Answer { status, headers: vec![("content-type", content_type.to_owned())], body: body.into() }
    }

    /// A response in the form of the services with a JSON protocol (DynamoDB, EventBridge, SQS).
    pub fn aws_answer(status: StatusCode, body: &serde_json::Value) -> Self {
        Self::answer(status, "application/x-amz-json-1.0", body.to_string())
    }

    /// An error in the form of those services.
    pub fn aws_error(status: StatusCode, code: &str, message: &str) -> Self {
        Self::aws_answer(status, &serde_json::json!({ "__type": code, "message": message }))
    }

    /// DynamoDB's response that a part of a batch was not processed: `rest`, under the name of its field.
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

    /// DynamoDB's error for a request that IAM denies.
    pub fn access_denied() -> Self {
        let code = "com.amazon.coral.service#AccessDeniedException";
        Self::aws_error(StatusCode::BAD_REQUEST, code, "User is not authorized to perform this action on this resource")
    }

    /// 503, as from a load balancer before a service.
    pub fn unavailable() -> Self {
        Self::answer(StatusCode::SERVICE_UNAVAILABLE, "application/json", r#"{"message":"Service Unavailable"}"#)
    }

    /// 429, OpenSearch's response when its queues are full.
    pub fn too_many_requests() -> Self {
        let reason =
            r#"{"type":"rejected_execution_exception","reason":"rejected execution of coordinating operation"}"#;
        let body = format!(
            r#"{{"error":{{"root_cause":[{reason}],"type":"rejected_execution_exception","reason":"rejected execution of coordinating operation"}},"status":429}}"#
        );
        Self::answer(StatusCode::TOO_MANY_REQUESTS, "application/json; charset=UTF-8", body)
    }
}
