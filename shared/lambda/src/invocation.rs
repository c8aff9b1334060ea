//! One invocation: its deadline, its span, its metrics.
//!
//! Promises that every log line of an invocation carries its request id, that metrics are written
//! before it is answered, and that work knows when it must be answered.

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

/// What is left of an invocation's time for its answer, once no more is tried.
const RESERVE: Duration = Duration::from_secs(2);

/// An invocation's input and its circumstances.
#[derive(Debug)]
pub struct Invocation {
    /// The input as it came.
    pub payload: Box<RawValue>,
    /// The request's id.
    pub request_id: String,
    /// Until when work may go on: two seconds before the function is stopped.
    pub deadline: Instant,
}

/// Why an invocation failed; the invoker tries it again or keeps it for later.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvocationFailed(pub String);

impl InvocationFailed {
    /// For a payload that is not of its form.
    pub fn unreadable(what: &str, error: &serde_json::Error) -> Self {
        Self(unreadable(what, error))
    }
}

/// What is not of its form, said by the place of the fault: the parser's own words quote values.
pub fn unreadable(what: &str, error: &serde_json::Error) -> String {
    format!("{what}, from line {} column {} on", error.line(), error.column())
}

impl From<InvocationFailed> for Diagnostic {
    fn from(failed: InvocationFailed) -> Self {
        Self { error_type: "InvocationFailed".to_owned(), error_message: failed.0 }
    }
}

/// Polls for invocations, one after the other, until the process is ended.
pub async fn serve<F, Work, Answer>(meter: Meter, clock: &dyn Clock, work: F) -> Result<(), lambda_runtime::Error>
where
    F: Fn(Invocation) -> Work,
    Work: Future<Output = Result<Answer, InvocationFailed>>,
    Answer: Serialize,
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
        let answer = work(invocation).instrument(span.clone()).await;
        if let Err(failed) = &answer {
            span.in_scope(|| tracing::error!(error = %failed, "the invocation failed"));
        }
        meter.flush(&request_id);
        answer
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
