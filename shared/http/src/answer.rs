//! Answers in JSON.
//!
//! Promises that documents which are JSON already go out as they are, without being read again.

use annals_application::commands::EventRead;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::problem::Problem;

/// `{"results": [...]}` of what became of events.
#[derive(Serialize)]
pub(crate) struct Results {
    /// One a record changed.
    pub(crate) results: Vec<EventRead>,
}

/// A 200 with a value's JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<Response, Problem> {
    serde_json::to_vec(value).map(json_bytes).map_err(|error| Problem::internal(&error))
}

/// A 200 with bytes that are JSON already.
pub(crate) fn json_bytes(bytes: impl Into<Body>) -> Response {
    let mut response = (StatusCode::OK, bytes.into()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
