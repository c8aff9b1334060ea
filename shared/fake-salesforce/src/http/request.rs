//! What every request passes: the length of its URI, the session, the day's calls; and what every response carries.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, DATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::api_error::ApiError;
use super::shared::Shared;

/// How many bytes a URI and the headers may have.
const LONGEST_HEAD: usize = 16_384;

pub(super) async fn check_size(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let uri = request.uri().to_string();
    let headers: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    shared.lock().requests.push(format!("{} {uri}", request.method()));
    let mut response = if uri.len() + shared.url.len() + headers > LONGEST_HEAD {
        (StatusCode::URI_TOO_LONG, "<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>").into_response()
    } else {
        next.run(request).await
    };
    let now = u64::try_from(shared.org.clock().now().millis()).unwrap_or_default();
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(now));
    if let Ok(date) = HeaderValue::from_str(&date) {
        response.headers_mut().entry(DATE).or_insert(date);
    }
    response
}

pub(super) async fn check_session(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(header) = header else { return ApiError::invalid_session().into_response() };
    let Some(token) = header.strip_prefix("Bearer ").or_else(|| header.strip_prefix("OAuth ")) else {
        return ApiError::new(StatusCode::UNAUTHORIZED, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE").into_response();
    };
    let usage = {
        let mut state = shared.lock();
        if !state.sessions.contains(token) {
            return ApiError::invalid_session().into_response();
        }
        if state.quotas.calls_used >= state.quotas.calls {
            return ApiError::no_calls_left().into_response();
        }
        state.quotas.calls_used += 1;
        format!("api-usage={}/{}", state.quotas.calls_used, state.quotas.calls)
    };
    let version = request.uri().path().split('/').find_map(|part| part.strip_prefix('v').filter(|it| it.contains('.')));
    let is_known = version.is_some_and(|version| shared.settings.versions.iter().any(|known| known == version));
    let mut response = if is_known { next.run(request).await } else { ApiError::not_found().into_response() };
    if let Ok(usage) = HeaderValue::from_str(&usage) {
        response.headers_mut().insert(HeaderName::from_static("sforce-limit-info"), usage);
    }
    response
}
