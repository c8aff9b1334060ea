//! The deadline of a request: a server that is stopped at some time answers before.
//!
//! What a request waits for then is given up: no call to a store outlives it.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::{Instant, timeout_at};

use crate::problem::Problem;

/// The time until which a request may take: an extension of the request, if the server has a deadline of its own.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Instant);

/// Middleware: responds with 503 at the deadline of the request.
pub(crate) async fn answer_in_time(request: Request, next: Next) -> Response {
    let Some(Deadline(at)) = request.extensions().get().copied() else { return next.run(request).await };
    timeout_at(at, next.run(request)).await.unwrap_or_else(|_| Problem::late().into_response())
}
