//! The HTTP server: a bounded number of connections, and a bounded time for what a client sends.
//!
//! Half-sent requests cannot end the service: each ends by its time limit, and further connections wait meanwhile.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, getrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::util::MapRequest;

use super::body_in_time::BodyInTime;
use crate::interrupt::Interrupt;

/// The number of connections. More of them wait until one is closed.
const MAX_CONNECTIONS: usize = 256;
/// Files that the process opens for other purposes: the database, its readers, the publisher's file.
const OTHER_FILES: u64 = 64;
const MIN_CONNECTIONS: usize = 8;

/// The time for the head of a request, counted from the end of the response before.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long running requests may take after a stop is requested.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after the system has refused a connection, for example because too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until a stop is requested, and then answers the running requests.
pub(super) async fn serve(listener: TcpListener, router: Router, mut interrupt: Interrupt) {
    let connections = max_connections();
    let free = Arc::new(Semaphore::new(connections));
    loop {
        let accepted = tokio::select! {
            biased;
            () = interrupt.requested() => break,
            accepted = accept(&listener, &free) => accepted,
        };
        if let Some((stream, permit)) = accepted {
            tokio::spawn(serve_connection(stream, permit, router.clone(), interrupt.clone()));
        }
    }
    drop(listener);
    // All are free again once every connection is closed.
    let closed = free.acquire_many(u32::try_from(connections).unwrap_or(u32::MAX));
    if tokio::time::timeout(SHUTDOWN_TIMEOUT, closed).await.is_err() {
        tracing::warn!("some requests were still running when the process ended");
    }
}

/// As many as the limit of open files leaves room for.
fn max_connections() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let room = usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX);
    room.clamp(MIN_CONNECTIONS, MAX_CONNECTIONS)
}

/// The next connection, once there is room for it; `None` if there is none to serve.
async fn accept(listener: &TcpListener, free: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(free).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(error) if is_of_one_connection(error.kind()) => None,
        Err(error) => {
            tracing::error!(%error, "a connection was not accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

fn is_of_one_connection(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

/// Serves one connection until it is closed. Once a stop is requested, it is closed after the running request.
async fn serve_connection(stream: TcpStream, _permit: OwnedSemaphorePermit, router: Router, mut interrupt: Interrupt) {
    let in_time =
        |request: hyper::Request<Incoming>| -> Request { request.map(|body| Body::new(BodyInTime::new(body))) };
    let service = TowerToHyperService::new(MapRequest::new(router, in_time));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let closed = tokio::select! {
        closed = connection.as_mut() => closed,
        () = interrupt.requested() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // A client that broke off is no failure of ours.
    if let Err(error) = closed {
        tracing::debug!(%error, "a connection ended early");
    }
}
