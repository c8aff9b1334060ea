//! One invocation: its deadline, its log span, its metrics.
//!
//! Every log line of an invocation has its request id, and its metrics are written before it returns.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use annals_application::ports::Clock;
use annals_domain::timestamp::Timestamp;
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tracing::Instrument;

use crate::telemetry::{Count, Meter};

/// The time reserved at the end of an invocation for its response.
const RESERVE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub struct Invocation {
    pub payload: Box<RawValue>,
    pub request_id: String,
    /// Work must stop by then: two seconds before Lambda stops the function.
    pub deadline: Instant,
}

/// The failure of a whole invocation. The invoker retries it, or keeps its input for later.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvocationFailed(pub String);

impl InvocationFailed {
    /// For a payload that cannot be parsed. `problem` says what it is not.
    pub fn unreadable(problem: &str, error: &serde_json::Error) -> Self {
        Self(at_source_location(problem, error))
    }

    /// For a response that cannot be serialized.
    pub fn unwritable(error: &serde_json::Error) -> Self {
        Self(format!("the response cannot be written as JSON: {error}"))
    }
}

/// The problem with its line and column. The parser's own message is left out because it may quote values.
pub fn at_source_location(problem: &str, error: &serde_json::Error) -> String {
    format!("{problem} at line {} column {}", error.line(), error.column())
}

impl From<InvocationFailed> for Diagnostic {
    fn from(failed: InvocationFailed) -> Self {
        Self { error_type: "InvocationFailed".to_owned(), error_message: failed.0 }
    }
}

/// Handles invocations one after the other, until the process ends.
pub async fn serve<F, Work, Response>(meter: Meter, clock: &dyn Clock, work: F) -> Result<(), lambda_runtime::Error>
where
    F: Fn(Invocation) -> Work,
    Work: Future<Output = Result<Response, InvocationFailed>>,
    Response: Serialize,
{
    let is_cold = AtomicBool::new(true);
    let work = &work;
    let is_cold = &is_cold;
    let service = lambda_runtime::service_fn(move |event: LambdaEvent<Box<RawValue>>| async move {
        if is_cold.swap(false, Ordering::Relaxed) {
            Count::ColdStart.add(1);
        }
        let invocation = invocation_of(event, clock.now());
        let request_id = invocation.request_id.clone();
        let span = tracing::info_span!("invocation", request_id);
        let result = work(invocation).instrument(span.clone()).await;
        if let Err(failed) = &result {
            span.in_scope(|| tracing::error!(error = %failed, "invocation failed"));
        }
        meter.flush(&request_id);
        result
    });
    lambda_runtime::run(service).await
}

fn invocation_of(event: LambdaEvent<Box<RawValue>>, now: Timestamp) -> Invocation {
    let LambdaEvent { payload, context } = event;
    let deadline = Instant::now() + time_left(&context, now);
    Invocation { payload, request_id: context.request_id, deadline }
}

fn time_left(context: &Context, now: Timestamp) -> Duration {
    let now = u64::try_from(now.millis()).unwrap_or_default();
    Duration::from_millis(context.deadline.saturating_sub(now)).saturating_sub(RESERVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(deadline: u64, now: i64, left_ms: u64) {
        let mut context = Context::default();
        context.deadline = deadline;
        let now = Timestamp::from_millis(now).expect("a timestamp");
        assert_eq!(time_left(&context, now), Duration::from_millis(left_ms));
    }

    #[test]
    fn work_ends_two_seconds_before_the_function_is_stopped() {
        check(1_700_000_030_000, 1_700_000_000_000, 28_000);
        check(1_700_000_001_000, 1_700_000_000_000, 0);
        check(0, 1_700_000_000_000, 0);
    }
}
