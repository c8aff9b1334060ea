//! The invoker: API Gateway with a request, or a schedule.
//!
//! Every payload that is neither a request of API Gateway nor the input of another schedule counts as each minute's,
//! whatever it contains, so that due work does not depend on the form of the schedule's event.

use annals_lambda::{Gateway, Invocation, InvocationFailed};
use serde::Serialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use crate::due::DueWork;
use crate::schedule::Schedule;

pub(crate) struct Inputs {
    due: DueWork,
    gateway: Gateway,
}

impl Inputs {
    pub(crate) fn new(due: DueWork, gateway: Gateway) -> Self {
        Self { due, gateway }
    }

    /// Handles a request, notes what a schedule requests, or does the due work.
    pub(crate) async fn handle(&self, invocation: Invocation) -> Result<Box<RawValue>, InvocationFailed> {
        if let Some(request) = Gateway::request(&invocation.payload) {
            return self.gateway.handle(request, invocation.deadline).await;
        }
        if let Some(schedule) = Schedule::of(invocation.payload.get()) {
            let requested = self.due.request(schedule).await?;
            return response(&json!({ "requested": requested }));
        }
        response(&self.due.run(invocation).await?)
    }
}

fn response(report: &impl Serialize) -> Result<Box<RawValue>, InvocationFailed> {
    to_raw_value(report).map_err(|error| InvocationFailed::unwritable(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(payload: &str, is_request: bool) {
        let payload: Box<RawValue> = serde_json::from_str(payload).expect("valid JSON");
        assert_eq!(Gateway::request(&payload).is_some(), is_request, "{payload}");
    }

    #[test]
    fn only_a_request_of_api_gateway_counts_as_one() {
        check(include_str!("../../../events/backfill/status.json"), true);
        check(include_str!("../../../events/backfill/schedule.json"), false);
        check("{}", false);
        check("null", false);
        check(r#"{"detail": {"requestContext": {}}}"#, false);
    }
}
