//! The JSON of successful responses: one value, or a page with links to its neighbours.

use annals_application::commands::EventRead;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::parameters::Parameters;
use crate::problem::Problem;

pub(crate) fn json(value: &impl Serialize) -> Result<Response, Problem> {
    serde_json::to_vec(value).map(json_bytes).map_err(|error| Problem::internal(&error))
}

/// A 200 response with bytes that are JSON already, so that stored documents are not parsed again.
pub(crate) fn json_bytes(bytes: impl Into<Body>) -> Response {
    let mut response = (StatusCode::OK, bytes.into()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The results of a request that ingests change events: one for each record changed.
#[derive(Serialize)]
pub(crate) struct IngestResponse {
    pub(crate) results: Vec<EventRead>,
}

/// A page of a list. Its links keep every other parameter of the request. They are relative to the server
/// (`/clients?page=2`), because the API does not know its host name behind a gateway.
#[derive(Debug, Serialize)]
pub(crate) struct Page<T> {
    results: Vec<T>,
    /// The results on all pages, if known.
    count: Option<u64>,
    next: Option<String>,
    previous: Option<String>,
}

/// The number of a page, and whether another follows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PagePosition {
    /// Counts from 1.
    pub(crate) page: u64,
    pub(crate) has_next: bool,
}

impl PagePosition {
    /// The position in a list of `count` results, the first `max_offset` of which can be reached by page number.
    pub(crate) fn in_list(count: u64, max_offset: u64, page: u64, page_size: u64) -> Self {
        Self { page, has_next: page.saturating_mul(page_size) < count.min(max_offset) }
    }
}

impl<T> Page<T> {
    pub(crate) fn new(
        results: Vec<T>,
        count: Option<u64>,
        position: PagePosition,
        uri: &Uri,
        parameters: &Parameters,
    ) -> Self {
        let link = |page: u64| format!("{}?{}", uri.path(), parameters.with("page", &page.to_string()));
        let next = position.has_next.then(|| link(position.page.saturating_add(1)));
        let previous = (position.page > 1).then(|| link(position.page - 1));
        Self { results, count, next, previous }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(position: PagePosition, url: &'static str, next: Option<&str>, previous: Option<&str>) {
        let uri = Uri::from_static(url);
        let parameters = Parameters::read(uri.query()).unwrap();
        let page = Page::<()>::new(Vec::new(), None, position, &uri, &parameters);
        assert_eq!((page.next.as_deref(), page.previous.as_deref()), (next, previous), "{url}");
    }

    #[test]
    fn links_lead_to_the_neighbours_and_keep_the_query() {
        let first = PagePosition { page: 1, has_next: true };
        check(first, "/clients", Some("/clients?page=2"), None);
        check(first, "/clients?sort=-name&page=1", Some("/clients?sort=-name&page=2"), None);
        let second = PagePosition { page: 2, has_next: false };
        check(second, "/clients?name=a%26b+c&page=2", None, Some("/clients?name=a%26b+c&page=1"));
        check(second, "/entities/caf%C3%A9?page=2", None, Some("/entities/caf%C3%A9?page=1"));
    }

    #[test]
    fn the_last_page_and_the_last_reachable_page_have_no_next() {
        assert!(PagePosition::in_list(21, 10_000, 1, 20).has_next);
        assert!(!PagePosition::in_list(20, 10_000, 1, 20).has_next);
        assert!(PagePosition::in_list(20_000, 10_000, 499, 20).has_next);
        assert!(!PagePosition::in_list(20_000, 10_000, 500, 20).has_next);
        assert!(!PagePosition::in_list(5, 10_000, u64::MAX, 200).has_next);
    }
}
