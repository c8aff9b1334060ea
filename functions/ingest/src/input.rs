//! What the function is invoked with, told apart by schema.
//!
//! Promises that every payload is one of these: what is none of the known forms is an event, so
//! that it is kept.

use annals_lambda::{Gateway, GatewayRequest};
use serde::Deserialize;
use serde_json::value::RawValue;

/// An input.
#[derive(Debug)]
pub(crate) enum Input {
    /// A request of API Gateway.
    Request(Box<GatewayRequest>),
    /// Messages of a queue.
    Queue(Vec<Message>),
    /// One event or an array of them, as it came.
    Events,
}

/// A queue's message.
#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    /// By what it comes back where it is not kept.
    #[serde(rename = "messageId")]
    pub(crate) id: String,
    /// What it holds.
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

/// What Lambda sends to an on-failure destination: the event, and what became of it.
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

/// Tells an input apart.
pub(crate) fn tell(payload: &RawValue) -> Input {
    if let Some(request) = Gateway::request(payload) {
        return Input::Request(Box::new(request));
    }
    // The cheap look first: a change event has no such field.
    if payload.get().contains("\"Records\"")
        && let Ok(batch) = serde_json::from_str::<Batch>(payload.get())
        && batch.records.iter().all(|message| message.source == "aws:sqs")
    {
        return Input::Queue(batch.records);
    }
    Input::Events
}

/// The event in a queue's message: an invocation that failed holds it, a rule's dead letter is it.
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
        let found = match tell(&raw(payload)) {
            Input::Request(_) => "request".to_owned(),
            Input::Queue(messages) => format!("queue of {}", messages.len()),
            Input::Events => "events".to_owned(),
        };
        assert_eq!(found, expected, "{payload}");
    }

    #[test]
    fn inputs_are_told_apart_by_schema() {
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
    fn an_event_is_taken_out_of_the_report_of_its_failed_invocation() {
        let failed = r#"{"version":"1.0","requestContext":{"requestId":"r","functionArn":"arn","condition":
            "RetriesExhausted","approximateInvokeCount":3},"requestPayload":{"a": 1.0},"responsePayload":{}}"#;
        assert_eq!(event_of(failed), r#"{"a": 1.0}"#);
        assert_eq!(event_of(r#"{"requestPayload":{"a":1}}"#), r#"{"requestPayload":{"a":1}}"#);
        assert_eq!(event_of("no JSON"), "no JSON");
    }
}
