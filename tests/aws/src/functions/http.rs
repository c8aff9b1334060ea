//! Plain HTTP, for what tests ask of services directly.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Method, Request, StatusCode};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;

/// The most that is read of an answer.
const MOST: usize = 64 << 20;

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its body.
    pub body: Bytes,
}

/// Sends a request with a body of JSON, or an empty one.
pub async fn send(method: Method, url: &str, body: &str) -> Result<Reply, Error> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let request = Request::builder().method(method).uri(url).header("content-type", "application/json");
    let request = request.body(Body::from(body.to_owned())).expect("a request of known parts");
    let (head, body) = client.request(request).await?.into_parts();
    let body = to_bytes(Body::new(body), MOST).await.expect("an answer is read to its end");
    Ok(Reply { status: head.status, body })
}
