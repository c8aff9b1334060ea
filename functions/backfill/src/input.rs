//! Who calls: API Gateway with a request, or the schedule.
//!
//! Promises that only what is a request of API Gateway is answered as one; all else is the
//! schedule's, whatever it holds, so that due work never depends on the form of a wake-up call.

use annals_lambda::{Gateway, Invocation, InvocationFailed};
use serde_json::value::{RawValue, to_raw_value};

use crate::due::DueWork;

/// What answers each caller.
pub(crate) struct Inputs {
    due: DueWork,
    gateway: Gateway,
}

impl Inputs {
    /// By those.
    pub(crate) fn new(due: DueWork, gateway: Gateway) -> Self {
        Self { due, gateway }
    }

    /// Answers a request, or does what is due.
    pub(crate) async fn answer(&self, invocation: Invocation) -> Result<Box<RawValue>, InvocationFailed> {
        if let Some(request) = Gateway::request(&invocation.payload) {
            return self.gateway.answer(request, invocation.deadline).await;
        }
        let done = self.due.work(invocation).await?;
        to_raw_value(&done).map_err(|error| InvocationFailed(format!("the answer cannot be written: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(payload: &str, is_request: bool) {
        let payload: Box<RawValue> = serde_json::from_str(payload).expect("it is JSON");
        assert_eq!(Gateway::request(&payload).is_some(), is_request, "{payload}");
    }

    #[test]
    fn the_schedule_and_a_request_are_told_apart() {
        check(include_str!("../../../events/backfill/status.json"), true);
        check(include_str!("../../../events/backfill/schedule.json"), false);
        check("{}", false);
        check("null", false);
        check(r#"{"detail": {"requestContext": {}}}"#, false);
    }
}
