//! The invoker: API Gateway with a request, or the schedule.
//!
//! Every payload that is not a request of API Gateway counts as the schedule's, whatever it contains, so that due work
//! does not depend on the form of the schedule's event.

use annals_lambda::{Gateway, Invocation, InvocationFailed};
use serde_json::value::{RawValue, to_raw_value};

use crate::due::DueWork;

pub(crate) struct Inputs {
    due: DueWork,
    gateway: Gateway,
}

impl Inputs {
    pub(crate) fn new(due: DueWork, gateway: Gateway) -> Self {
        Self { due, gateway }
    }

    /// Handles a request, or does the due work.
    pub(crate) async fn handle(&self, invocation: Invocation) -> Result<Box<RawValue>, InvocationFailed> {
        if let Some(request) = Gateway::request(&invocation.payload) {
            return self.gateway.handle(request, invocation.deadline).await;
        }
        let report = self.due.run(invocation).await?;
        to_raw_value(&report).map_err(|error| InvocationFailed::unwritable(&error))
    }
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
