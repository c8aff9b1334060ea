//! Applies the planned faults to requests and responses.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::fault::FaultAnswer;
use super::shared::Shared;

/// The most bytes of a body that is changed.
const LARGEST_BODY: usize = 64 << 20;

pub(super) async fn apply(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let Some(answer) = shared.faults.next(&format!("{} {}", request.method(), request.uri())) else {
        return next.run(request).await;
    };
    match answer {
        FaultAnswer::Instead { status, content_type, body, retry_after } => {
            let status = StatusCode::from_u16(status).expect("a status of HTTP");
            let retry_after = retry_after.map(|value| [(RETRY_AFTER, value)]);
            (status, [(CONTENT_TYPE, content_type)], retry_after.into_iter().next(), body).into_response()
        }
        FaultAnswer::Cut(length) => changed(next.run(request).await, |body| body.chars().take(length).collect()).await,
        FaultAnswer::Change(change) => changed(next.run(request).await, |body| change(body)).await,
        FaultAnswer::ExpireSession => {
            shared.lock().sessions.clear();
            next.run(request).await
        }
        FaultAnswer::Then(happens) => {
            let response = next.run(request).await;
            happens(&shared.org);
            response
        }
        FaultAnswer::Delay(delay) => {
            tokio::time::sleep(delay).await;
            next.run(request).await
        }
    }
}

async fn changed(response: Response, change: impl FnOnce(String) -> String) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
    let body = change(String::from_utf8_lossy(&body).into_owned());
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(body))
}
