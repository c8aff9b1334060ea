//! The kinds of payload that the function is invoked with.
//!
//! A payload of no known form counts as an event, so that it is stored or quarantined and never lost.

use annals_lambda::{Gateway, GatewayRequest};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Debug)]
pub(crate) enum Input {
    Request(Box<GatewayRequest>),
    Queue(Vec<Message>),
    /// One change event or an array of them.
    Events,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    #[serde(rename = "messageId")]
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) body: String,
    #[serde(rename = "eventSource")]
    source: String,
}

#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Message>,
}

/// What Lambda sends to an on-failure destination: the event, and how its invocation failed.
#[derive(Deserialize)]
struct FailedInvocation<'a> {
    #[serde(rename = "requestContext")]
    _context: FailedContext,
    #[serde(rename = "requestPayload", borrow)]
    payload: &'a RawValue,
}

#[derive(Deserialize)]
struct FailedContext {
    #[serde(rename = "functionArn")]
    _function: String,
    #[serde(rename = "condition")]
    _condition: String,
}

impl Input {
    pub(crate) fn of(payload: &RawValue) -> Self {
        if let Some(request) = Gateway::request(payload) {
            return Self::Request(Box::new(request));
        }
        // The cheap check first: a change event has no such field.
        if payload.get().contains("\"Records\"")
            && let Ok(batch) = serde_json::from_str::<Batch>(payload.get())
            && batch.records.iter().all(|message| message.source == "aws:sqs")
        {
            return Self::Queue(batch.records);
        }
        Self::Events
    }
}

/// The event in the body of a queue's message: the report of a failed invocation contains it, a dead letter of the rule
/// is the event itself.
pub(crate) fn event_of(body: &str) -> &str {
    match serde_json::from_str::<FailedInvocation<'_>>(body) {
        Ok(failed) => failed.payload.get(),
        Err(_) => body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).expect("JSON")
    }

    #[track_caller]
    fn check(payload: &str, expected: &str) {
        let found = match Input::of(&raw(payload)) {
            Input::Request(_) => "request".to_owned(),
            Input::Queue(messages) => format!("queue of {}", messages.len()),
            Input::Events => "events".to_owned(),
        };
        assert_eq!(found, expected, "{payload}");
    }

    #[test]
    fn the_kind_of_an_input_is_recognised_by_its_form() {
        check(r#"{"detail-type":"AccountChangeEvent","source":"aws.partner/x","detail":{}}"#, "events");
        check(r#"[{"detail":{}},{"detail":{}}]"#, "events");
        check(r#"{"Records":[{"eventSource":"aws:sqs","messageId":"1","body":"{}"}]}"#, "queue of 1");
        check(r#"{"Records":[{"eventSource":"aws:sns","messageId":"1","body":"{}"}]}"#, "events");
        check(r#"{"Records":[]}"#, "queue of 0");
        check(r#"{"requestContext":"no request"}"#, "events");
        check("null", "events");
        check("7", "events");
    }

    #[test]
    fn the_event_is_read_from_the_report_of_its_failed_invocation() {
        let failed = r#"{"version":"1.0","requestContext":{"requestId":"r","functionArn":"arn","condition":
            "RetriesExhausted","approximateInvokeCount":3},"requestPayload":{"a": 1.0},"responsePayload":{}}"#;
        assert_eq!(event_of(failed), r#"{"a": 1.0}"#);
        assert_eq!(event_of(r#"{"requestPayload":{"a":1}}"#), r#"{"requestPayload":{"a":1}}"#);
        assert_eq!(event_of("no JSON"), "no JSON");
    }
}
