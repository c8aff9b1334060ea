//! A stub of OpenSearch with prepared replies.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annals_aws::read_model::{OpenSearch, OpenSearchReadModel, OpenSearchSettings};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

/// The reply to a call that writes or reads documents.
pub(crate) enum Reply {
    /// A status and a body.
    Json(u16, Value),
    /// A status and a body that is no JSON.
    Text(u16, &'static str),
    /// Each document is written.
    Accepted,
    /// The connection ends within the response.
    Truncated,
    /// No response, for longer than any caller waits.
    Silence,
}

/// The prepared replies, and the requests so far: path and size.
#[derive(Default)]
struct Exchange {
    replies: VecDeque<Reply>,
    requests: Vec<(String, usize)>,
}

/// A stub and its address.
pub(crate) struct Stub {
    exchange: Arc<Mutex<Exchange>>,
    address: String,
}

impl Stub {
    /// Replies with these in turn, and then with the last one. To requests for mappings and aliases it replies as if
    /// every index existed.
    pub(crate) async fn replying(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = replies.into_iter().collect();
        let exchange = Arc::new(Mutex::new(Exchange { replies, requests: Vec::new() }));
        let shared = Arc::clone(&exchange);
        let app = axum::Router::new().fallback(move |request: Request| respond(Arc::clone(&shared), request));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { exchange, address }
    }

    /// A read model on it, with a time limit of one second.
    pub(crate) async fn model(&self) -> OpenSearchReadModel {
        OpenSearchReadModel::new(self.connect().await)
    }

    /// A connection to it, with a time limit of one second.
    pub(crate) async fn connect(&self) -> OpenSearch {
        let endpoint = self.address.parse().expect("an address");
        let settings = OpenSearchSettings { timeout: Duration::from_secs(1), ..OpenSearchSettings::new(endpoint) };
        OpenSearch::connect(settings).await.expect("it connects")
    }

    /// The sizes of the requests to that path, in order.
    pub(crate) fn request_sizes(&self, path: &str) -> Vec<usize> {
        let exchange = self.exchange.lock().expect("no test panics here");
        exchange.requests.iter().filter(|(other, _)| other.ends_with(path)).map(|(_, size)| *size).collect()
    }
}

async fn respond(exchange: Arc<Mutex<Exchange>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let body = to_bytes(request.into_body(), usize::MAX).await.expect("a body");
    let next = {
        let mut exchange = exchange.lock().expect("no test panics here");
        exchange.requests.push((path.clone(), body.len()));
        match exchange.replies.len() {
            _ if path.ends_with("/_mapping") || path.ends_with("/_alias") => None,
            0 | 1 => exchange.replies.front().map(repeated),
            _ => exchange.replies.pop_front(),
        }
    };
    let alias = path.trim_start_matches('/').split(['/', '-']).next().unwrap_or_default();
    match next {
        None => json_response(200, &index_behind(alias)),
        Some(Reply::Json(status, body)) => json_response(status, &body),
        Some(Reply::Text(status, text)) => response(status, Body::from(text)),
        Some(Reply::Accepted) => json_response(200, &accepted(&body)),
        Some(Reply::Truncated) => {
            let parts = [Ok(bytes::Bytes::from_static(b"{\"items\":[")), Err(std::io::Error::other("cut"))];
            response(200, Body::from_stream(futures::stream::iter(parts)))
        }
        Some(Reply::Silence) => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            response(200, Body::empty())
        }
    }
}

fn repeated(reply: &Reply) -> Reply {
    match reply {
        Reply::Json(status, body) => Reply::Json(*status, body.clone()),
        Reply::Text(status, text) => Reply::Text(*status, text),
        Reply::Accepted => Reply::Accepted,
        Reply::Truncated => Reply::Truncated,
        Reply::Silence => Reply::Silence,
    }
}

/// A mapping and aliases in one response: each caller reads its part.
fn index_behind(alias: &str) -> Value {
    let mut aliases = serde_json::Map::new();
    aliases.insert(alias.to_owned(), json!({}));
    let mut all = serde_json::Map::new();
    let properties = json!({ "created_at": { "type": "long" }, "search_text": { "type": "wildcard" } });
    let mappings = json!({ "_meta": { "annals": { "layout": 1, "digest": "other" } }, "properties": properties });
    all.insert(format!("{alias}-000001"), json!({ "aliases": aliases, "mappings": mappings }));
    Value::Object(all)
}

/// An item for each document of a bulk call.
fn accepted(body: &[u8]) -> Value {
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    items(&vec![json!({ "status": 201 }); lines / 2])
}

/// A bulk response with these items.
pub(crate) fn items(items: &[Value]) -> Value {
    let items: Vec<Value> = items.iter().map(|item| json!({ "index": item })).collect();
    json!({ "items": items })
}

fn json_response(status: u16, body: &Value) -> Response {
    response(status, Body::from(body.to_string()))
}

fn response(status: u16, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response
}
