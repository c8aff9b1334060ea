//! The JSON of successful responses: one value, or a page with links to its neighbours.

use annals_application::commands::EventRead;
use annals_application::queries::{Page, PageLink};
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::parameters::Parameters;
use crate::problem::Problem;

/// What no cache may keep: the records of a CRM, without a tag that says whether they changed.
const NOT_CACHED: HeaderValue = HeaderValue::from_static("no-store");

/// The parameters that select a page.
const PAGE: &str = "page";
const CURSOR: &str = "cursor";

pub(crate) fn json(value: &impl Serialize) -> Result<Response, Problem> {
    serde_json::to_vec(value).map(json_bytes).map_err(|error| Problem::internal(&error))
}

/// A 200 response with bytes that are JSON already, so that stored documents are not parsed again.
pub(crate) fn json_bytes(bytes: impl Into<Body>) -> Response {
    let mut response = (StatusCode::OK, bytes.into()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, NOT_CACHED);
    response
}

/// The results of a request that ingests change events: one for each record changed.
#[derive(Serialize)]
pub(crate) struct IngestResponse {
    pub(crate) results: Vec<EventRead>,
}

/// The JSON of a page. Its links keep every other parameter of the request. They are relative to the server
/// (`/clients?page=2`), because the API does not know its host name behind a gateway.
#[derive(Debug, Serialize)]
pub(crate) struct PageBody<T> {
    results: Vec<T>,
    /// The results on all pages, if known.
    count: Option<u64>,
    next: Option<String>,
    previous: Option<String>,
}

impl<T> PageBody<T> {
    pub(crate) fn of(page: Page<T>, uri: &Uri, parameters: &Parameters) -> Self {
        let link = |link: PageLink| {
            let (name, value) = match link {
                PageLink::Number(number) => (PAGE, number.to_string()),
                PageLink::Cursor(cursor) => (CURSOR, cursor),
            };
            format!("{}?{}", uri.path(), parameters.replacing(&[PAGE, CURSOR], name, &value))
        };
        let Page { results, count, next, previous } = page;
        Self { results, count, next: next.map(link), previous: previous.map(link) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(links: [Option<PageLink>; 2], url: &'static str, next: Option<&str>, previous: Option<&str>) {
        let uri = Uri::from_static(url);
        let parameters = Parameters::read(uri.query()).unwrap();
        let [to_next, to_previous] = links;
        let page = Page::<()> { results: Vec::new(), count: None, next: to_next, previous: to_previous };
        let body = PageBody::of(page, &uri, &parameters);
        assert_eq!((body.next.as_deref(), body.previous.as_deref()), (next, previous), "{url}");
    }

    #[test]
    fn links_lead_to_the_neighbours_and_keep_the_query() {
        let (first, second) = (|| Some(PageLink::Number(1)), || Some(PageLink::Number(2)));
        check([second(), None], "/clients", Some("/clients?page=2"), None);
        check([second(), None], "/clients?sort=-name&page=1", Some("/clients?sort=-name&page=2"), None);
        check([None, first()], "/clients?name=a%26b+c&page=2", None, Some("/clients?name=a%26b+c&page=1"));
        check([None, first()], "/entities/caf%C3%A9?page=2", None, Some("/entities/caf%C3%A9?page=1"));
    }

    #[test]
    fn a_link_by_cursor_has_no_page() {
        let cursor = || Some(PageLink::Cursor("a-b_c".to_owned()));
        check([cursor(), None], "/clients?page=3&name=x", Some("/clients?name=x&cursor=a-b_c"), None);
        check([cursor(), None], "/clients?cursor=&name=x", Some("/clients?name=x&cursor=a-b_c"), None);
    }
}
