//! Requests to the router of the query function.

use annals_http::{Login, QueryApi, query_router};
use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::Request;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::requests::{Kind, MeasuredRequest, PAGES};

#[derive(Clone)]
pub(crate) struct Api(Router);

impl Api {
    pub(crate) fn new(api: QueryApi) -> Self {
        Self(query_router(api, Login::None))
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Bytes> {
        let response = self.0.clone().oneshot(Request::get(path).body(Body::empty())?).await?;
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await?;
        ensure!(status.is_success(), "{path}: {status}: {}", String::from_utf8_lossy(&body));
        Ok(body)
    }

    /// The paths of a request: one, or those of all pages of a walk.
    pub(crate) async fn paths(&self, request: &MeasuredRequest) -> Result<Vec<String>> {
        let mut paths = vec![request.path.clone()];
        let Kind::Walk = request.kind else { return Ok(paths) };
        while let Some(last) = paths.last().filter(|_| paths.len() < PAGES) {
            let page: Value = serde_json::from_slice(&self.get(last).await?)?;
            match page["next"].as_str() {
                Some(next) => paths.push(next.to_owned()),
                None => break,
            }
        }
        Ok(paths)
    }

    /// The number that a response is about: its results, or the count without results.
    pub(crate) async fn number(&self, path: &str) -> Result<usize> {
        let body: Value = serde_json::from_slice(&self.get(path).await?)?;
        match (body["results"].as_array(), body["count"].as_u64()) {
            (Some(results), _) => Ok(results.len()),
            (None, Some(count)) => Ok(usize::try_from(count)?),
            (None, None) => body["id"].as_str().map(|_| 1).context("an entity has an id"),
        }
    }
}
