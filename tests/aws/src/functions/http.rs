//! Plain HTTP requests from tests to services.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Method, Request, StatusCode};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;

/// The largest response body.
const MOST: usize = 64 << 20;

/// A response.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
}

/// Sends a request with a body of JSON, or an empty one.
pub async fn send(method: Method, url: &str, body: &str) -> Result<Reply, Error> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let request = Request::builder().method(method).uri(url).header("content-type", "application/json");
    let request = request.body(Body::from(body.to_owned())).expect("a request of known parts");
    let (head, body) = client.request(request).await?.into_parts();
    let body = to_bytes(Body::new(body), MOST).await.expect("the body is readable");
    Ok(Reply { status: head.status, body })
}
