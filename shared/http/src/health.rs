//! Health: each dependency's state.
//!
//! Promises 200 whenever the process answers: what is degraded is said in the report.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

use crate::QueryApi;
use crate::answer::json;
use crate::problem::Problem;

/// `GET /health`.
pub(crate) fn routes(api: Arc<QueryApi>) -> Router {
    Router::new().route("/health", get(health)).with_state(api)
}

async fn health(State(api): State<Arc<QueryApi>>) -> Result<Response, Problem> {
    json(&api.health.check().await)
}
