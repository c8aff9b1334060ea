//! A stub of EventBridge and of SNS that responds as a test says, and records its calls.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

/// The service whose protocol the stub speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Protocol {
    EventBridge,
    Sns,
}

impl Protocol {
    pub(crate) const ALL: [Self; 2] = [Self::EventBridge, Self::Sns];
}

/// The response to a call.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// The entries with these indices fail with these codes; the others are accepted.
    Failing(Vec<(usize, &'static str)>),
    /// The call fails as a whole.
    Refused(u16, &'static str),
}

/// One entry as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) message: Value,
    /// Its size in bytes, counted independently of the publisher.
    pub(crate) bytes: usize,
}

type Script = dyn Fn(usize, &[Sent]) -> Reply + Send + Sync;

struct Server {
    protocol: Protocol,
    script: Box<Script>,
    calls: Mutex<Vec<Vec<Sent>>>,
}

/// A running stub.
pub(crate) struct Service {
    pub(crate) endpoint: String,
    server: Arc<Server>,
}

impl Service {
    /// Starts a stub. `script` gets the number of the call, from 1, and its entries.
    pub(crate) async fn start(
        protocol: Protocol,
        script: impl Fn(usize, &[Sent]) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let server = Arc::new(Server { protocol, script: Box::new(script), calls: Mutex::default() });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&server));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { endpoint, server }
    }

    /// The entries that were sent, call by call.
    pub(crate) fn calls(&self) -> Vec<Vec<Sent>> {
        self.server.calls.lock().unwrap().clone()
    }

    /// The numbers of the events that were sent, call by call: their lowest versions.
    pub(crate) fn numbers(&self) -> Vec<Vec<u64>> {
        let number = |sent: &Sent| sent.message["from_version"].as_u64().unwrap();
        self.calls().iter().map(|call| call.iter().map(number).collect()).collect()
    }
}

async fn answer(State(server): State<Arc<Server>>, body: Bytes) -> (StatusCode, String) {
    let sent = match server.protocol {
        Protocol::EventBridge => event_bridge_entries(&body),
        Protocol::Sns => sns_entries(&body),
    };
    let number = {
        let mut calls = server.calls.lock().unwrap();
        calls.push(sent.clone());
        calls.len()
    };
    let reply = (server.script)(number, &sent);
    let status = if let Reply::Refused(status, _) = reply { status } else { 200 };
    let body = match server.protocol {
        Protocol::EventBridge => event_bridge_reply(&reply, sent.len()),
        Protocol::Sns => sns_reply(&reply, sent.len()),
    };
    (StatusCode::from_u16(status).unwrap(), body)
}

fn event_bridge_entries(body: &[u8]) -> Vec<Sent> {
    let body: Value = serde_json::from_slice(body).unwrap();
    let of = |entry: &Value| {
        let texts = ["Source", "DetailType", "Detail"].map(|name| entry[name].as_str().unwrap());
        let message = serde_json::from_str(texts[2]).unwrap();
        Sent { message, bytes: texts.iter().map(|text| text.len()).sum::<usize>() + 14 }
    };
    body["Entries"].as_array().unwrap().iter().map(of).collect()
}

fn sns_entries(body: &[u8]) -> Vec<Sent> {
    let mut entries: BTreeMap<usize, Sent> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        // PublishBatchRequestEntries.member.1.Message, ….member.1.MessageAttributes.entry.1.Value.DataType
        let parts: Vec<_> = name.split('.').collect();
        let [_, "member", number, rest @ ..] = &parts[..] else { continue };
        let empty = Sent { message: Value::Null, bytes: 0 };
        let entry = entries.entry(number.parse().unwrap()).or_insert(empty);
        match rest {
            ["Message"] => {
                entry.message = serde_json::from_str(&value).unwrap();
                entry.bytes += value.len();
            }
            ["MessageAttributes", ..] => entry.bytes += value.len(),
            _ => {}
        }
    }
    entries.into_values().collect()
}

fn event_bridge_reply(reply: &Reply, count: usize) -> String {
    let failing = match reply {
        Reply::Refused(_, code) => return json!({ "__type": code, "message": "as the test says" }).to_string(),
        Reply::Failing(failing) => failing,
    };
    let entry = |number: usize| match failing.iter().find(|(failing, _)| *failing == number) {
        Some((_, code)) => json!({ "ErrorCode": code, "ErrorMessage": "as the test says" }),
        None => json!({ "EventId": number.to_string() }),
    };
    let entries: Vec<_> = (0..count).map(entry).collect();
    json!({ "FailedEntryCount": failing.len(), "Entries": entries }).to_string()
}

fn sns_reply(reply: &Reply, count: usize) -> String {
    let failing = match reply {
        Reply::Refused(_, code) => {
            let error = format!("<Type>Sender</Type><Code>{code}</Code><Message>as the test says</Message>");
            return format!("<ErrorResponse><Error>{error}</Error><RequestId>r</RequestId></ErrorResponse>");
        }
        Reply::Failing(failing) => failing,
    };
    let (mut accepted, mut failed) = (String::new(), String::new());
    for number in 0..count {
        match failing.iter().find(|(failing, _)| *failing == number) {
            Some((_, code)) => {
                let sender_fault = !["InternalError", "Throttling"].contains(code);
                let code = format!("<Code>{code}</Code><SenderFault>{sender_fault}</SenderFault>");
                write!(failed, "<member><Id>{number}</Id>{code}</member>").unwrap();
            }
            None => write!(accepted, "<member><Id>{number}</Id><MessageId>m</MessageId></member>").unwrap(),
        }
    }
    let result = format!("<Successful>{accepted}</Successful><Failed>{failed}</Failed>");
    format!("<PublishBatchResponse><PublishBatchResult>{result}</PublishBatchResult></PublishBatchResponse>")
}
