//! An OpenSearch that answers as it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annals_aws::read_model::{OpenSearch, OpenSearchReadModel, OpenSearchSettings};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

/// What a call to write or read documents is answered.
pub(crate) enum Told {
    /// A status and a body.
    Answer(u16, Value),
    /// A status and a body that is no JSON.
    Text(u16, &'static str),
    /// Each document is taken.
    Taken,
    /// The connection is cut inside the answer.
    Cut,
    /// Nothing, for longer than anyone waits.
    Silence,
}

/// What was told, and what was asked.
#[derive(Default)]
struct Book {
    told: VecDeque<Told>,
    asked: Vec<(String, usize)>,
}

/// A stub and its address.
pub(crate) struct Stub {
    book: Arc<Mutex<Book>>,
    address: String,
}

impl Stub {
    /// One that answers these in turn; what comes behind is answered as the last. Mappings and
    /// aliases are as if every index were there.
    pub(crate) async fn telling(told: impl IntoIterator<Item = Told>) -> Self {
        let told = told.into_iter().collect();
        let book = Arc::new(Mutex::new(Book { told, asked: Vec::new() }));
        let kept = Arc::clone(&book);
        let app = axum::Router::new().fallback(move |request: Request| answer(Arc::clone(&kept), request));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { book, address }
    }

    /// A read model over it that waits no longer than a second.
    pub(crate) async fn model(&self) -> OpenSearchReadModel {
        let endpoint = self.address.parse().expect("an address");
        let settings = OpenSearchSettings { timeout: Duration::from_secs(1), ..OpenSearchSettings::new(endpoint) };
        OpenSearchReadModel::new(OpenSearch::connect(settings).await.expect("it connects"))
    }

    /// The sizes of the calls to that path, in their order.
    pub(crate) fn asked(&self, path: &str) -> Vec<usize> {
        let book = self.book.lock().expect("no test panics here");
        book.asked.iter().filter(|(other, _)| other.ends_with(path)).map(|(_, size)| *size).collect()
    }
}

async fn answer(book: Arc<Mutex<Book>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let body = to_bytes(request.into_body(), usize::MAX).await.expect("a body");
    let next = {
        let mut book = book.lock().expect("no test panics here");
        book.asked.push((path.clone(), body.len()));
        match book.told.len() {
            _ if path.ends_with("/_mapping") || path.ends_with("/_alias") => None,
            0 | 1 => book.told.front().map(repeated),
            _ => book.told.pop_front(),
        }
    };
    let alias = path.trim_start_matches('/').split(['/', '-']).next().unwrap_or_default();
    match next {
        None => json_response(200, &standing(alias)),
        Some(Told::Answer(status, body)) => json_response(status, &body),
        Some(Told::Text(status, text)) => response(status, Body::from(text)),
        Some(Told::Taken) => json_response(200, &taken(&body)),
        Some(Told::Cut) => {
            let parts = [Ok(bytes::Bytes::from_static(b"{\"items\":[")), Err(std::io::Error::other("cut"))];
            response(200, Body::from_stream(futures::stream::iter(parts)))
        }
        Some(Told::Silence) => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            response(200, Body::empty())
        }
    }
}

fn repeated(told: &Told) -> Told {
    match told {
        Told::Answer(status, body) => Told::Answer(*status, body.clone()),
        Told::Text(status, text) => Told::Text(*status, text),
        Told::Taken => Told::Taken,
        Told::Cut => Told::Cut,
        Told::Silence => Told::Silence,
    }
}

/// A mapping and aliases in one: each reader takes its own.
fn standing(alias: &str) -> Value {
    let mut aliases = serde_json::Map::new();
    aliases.insert(alias.to_owned(), json!({}));
    let mut all = serde_json::Map::new();
    let places = json!({ "created_at": { "type": "long" }, "search_text": { "type": "wildcard" } });
    let mappings = json!({ "_meta": { "annals": { "layout": 1, "digest": "other" } }, "properties": places });
    all.insert(format!("{alias}-000001"), json!({ "aliases": aliases, "mappings": mappings }));
    Value::Object(all)
}

/// An item for each document of a bulk call.
fn taken(body: &[u8]) -> Value {
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    items(&vec![json!({ "status": 201 }); lines / 2])
}

/// A bulk answer of these items.
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
