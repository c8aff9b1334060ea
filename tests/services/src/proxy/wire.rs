//! The proxy's connections: they receive requests, forward them and return the responses.
//!
//! A request is read completely before a rule applies to it. A reset is a real TCP reset: the client's
//! read fails instead of reaching the end of the stream. A forwarded request is completed even if the
//! client has disconnected meanwhile.

use std::convert::Infallible;
use std::fmt;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::header::{CONNECTION, TRANSFER_ENCODING};
use axum::http::request::Parts;
use axum::http::uri::{Authority, PathAndQuery, Scheme};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};

use super::fault::Fault;
use super::request::RecordedRequest;
use super::state::{Number, State};

/// The service that the proxy forwards to.
pub(super) struct Upstream {
    authority: Authority,
    client: Client<HttpConnector, Body>,
    state: Arc<State>,
}

/// There is no response: the connection must be reset.
#[derive(Debug)]
struct Reset;

impl Upstream {
    pub(super) fn new(endpoint: &str, state: Arc<State>) -> Self {
        let uri: Uri = endpoint.parse().expect("an endpoint is a URI");
        assert_eq!(uri.scheme(), Some(&Scheme::HTTP), "the proxy speaks plain HTTP, not `{endpoint}`");
        let authority = uri.authority().expect("an endpoint is http://host:port").clone();
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { authority, client: Client::builder(TokioExecutor::new()).build(connector), state }
    }
}

/// Serves each connection in its own task, without end.
pub(super) async fn serve(listener: TcpListener, upstream: Arc<Upstream>) {
    loop {
        // `accept` fails if the client has disconnected or there are no file handles; both are temporary.
        match listener.accept().await {
            Ok((stream, _)) => {
                upstream.state.connected();
                drop(tokio::spawn(connection(stream, Arc::clone(&upstream))));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn connection(stream: TcpStream, upstream: Arc<Upstream>) {
    // Without this, small responses wait for the client's acknowledgements, which adds latency.
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request| Box::pin(answer(request, Arc::clone(&upstream))));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if poll_fn(|context| connection.poll_without_shutdown(context)).await.is_err() {
        // With a linger time of zero, closing the socket sends a reset.
        drop(connection.into_parts().io.into_inner().set_zero_linger());
    }
}

type Answer = Result<Response<Body>, Reset>;

/// Reads the request and applies the rules to it.
async fn answer(request: Request<Incoming>, upstream: Arc<Upstream>) -> Answer {
    let (parts, body) = request.into_parts();
    let body = to_bytes(Body::new(body), usize::MAX).await.map_err(|_| Reset)?;
    let (number, fault) = upstream.state.arrived(RecordedRequest::new(&parts, body.clone()));
    let pass = |delay| passed_on(Arc::clone(&upstream), number, delay, parts, body);
    match fault {
        Fault::Pass => pass(Duration::ZERO).await,
        Fault::Delay(delay) => pass(delay).await,
        Fault::Answer { status, headers, body } => {
            upstream.state.answered(number, status);
            let mut answer = Response::new(Body::from(body));
            *answer.status_mut() = status;
            answer.headers_mut().extend(headers.into_iter().map(header));
            Ok(answer)
        }
        Fault::DropBefore => Err(Reset),
        Fault::DropAfter => pass(Duration::ZERO).await.and(Err(Reset)),
        Fault::HangBefore => never().await,
        Fault::HangAfter => {
            drop(pass(Duration::ZERO).await);
            never().await
        }
    }
}

async fn never() -> Answer {
    match pending::<Infallible>().await {}
}

/// Forwards the request in its own task, which continues after the client has disconnected.
fn passed_on(
    upstream: Arc<Upstream>,
    number: Number,
    delay: Duration,
    parts: Parts,
    body: Bytes,
) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
    let task = tokio::spawn(async move {
        // Even a sleep of zero would take a tick of the clock.
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        forward(&upstream, number, parts, body).await
    });
    Box::pin(async { task.await.unwrap_or(Err(Reset)) })
}

/// Sends the request to the service. An unreachable service is a reset, as it would be without a proxy.
async fn forward(upstream: &Upstream, number: Number, mut parts: Parts, body: Bytes) -> Answer {
    let mut uri = parts.uri.into_parts();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(upstream.authority.clone());
    uri.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
    parts.uri = Uri::from_parts(uri).map_err(|_| Reset)?;
    without_connection_headers(&mut parts.headers);
    upstream.state.forwarded(number);
    let request = Request::from_parts(parts, Body::from(body));
    let (mut parts, body) = upstream.client.request(request).await.map_err(|_| Reset)?.into_parts();
    let body = to_bytes(Body::new(body), usize::MAX).await.map_err(|_| Reset)?;
    upstream.state.answered(number, parts.status);
    without_connection_headers(&mut parts.headers);
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// The headers that belong to one connection. The signed headers, `host` among them, are kept.
fn without_connection_headers(headers: &mut HeaderMap) {
    for name in [CONNECTION, TRANSFER_ENCODING, HeaderName::from_static("keep-alive")] {
        headers.remove(name);
    }
}

fn header((name, value): (&'static str, String)) -> (HeaderName, HeaderValue) {
    (HeaderName::from_static(name), HeaderValue::try_from(value).expect("a test's header is text"))
}

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no response")
    }
}

impl std::error::Error for Reset {}
