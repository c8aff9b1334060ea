//! The page envelope, and the links from page to page.
//!
//! Promises that a link keeps every other parameter of the request. Links are relative to the
//! server (`/clients?page=2`): the API does not know under which name it is reached.

use axum::http::Uri;
use serde::Serialize;

use crate::parameters::Parameters;

/// A page as it is answered.
#[derive(Debug, Serialize)]
pub(crate) struct Page<T> {
    /// What is on it.
    results: Vec<T>,
    /// How many there are on all pages, where that is known.
    count: Option<u64>,
    /// The page behind it.
    next: Option<String>,
    /// The page before it.
    previous: Option<String>,
}

/// Where a page stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Its number, from 1.
    pub(crate) page: u64,
    /// Whether there is a page behind it.
    pub(crate) has_next: bool,
}

impl Place {
    /// The place of a page among `count` results of which pages show the first `reach`.
    pub(crate) fn among(count: u64, reach: u64, page: u64, page_size: u64) -> Self {
        Self { page, has_next: page.saturating_mul(page_size) < count.min(reach) }
    }
}

impl<T> Page<T> {
    /// A page of the list at `uri`, with links to its neighbours.
    pub(crate) fn new(results: Vec<T>, count: Option<u64>, place: Place, uri: &Uri, parameters: &Parameters) -> Self {
        let link = |page: u64| format!("{}?{}", uri.path(), parameters.with("page", &page.to_string()));
        let next = place.has_next.then(|| link(place.page.saturating_add(1)));
        let previous = (place.page > 1).then(|| link(place.page - 1));
        Self { results, count, next, previous }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(place: Place, url: &'static str, next: Option<&str>, previous: Option<&str>) {
        let uri = Uri::from_static(url);
        let parameters = Parameters::read(uri.query()).unwrap();
        let page = Page::<()>::new(Vec::new(), None, place, &uri, &parameters);
        assert_eq!((page.next.as_deref(), page.previous.as_deref()), (next, previous), "{url}");
    }

    #[test]
    fn links_lead_to_the_neighbours_and_keep_the_query() {
        let first = Place { page: 1, has_next: true };
        check(first, "/clients", Some("/clients?page=2"), None);
        check(first, "/clients?sort=-name&page=1", Some("/clients?sort=-name&page=2"), None);
        let second = Place { page: 2, has_next: false };
        check(second, "/clients?name=a%26b+c&page=2", None, Some("/clients?name=a%26b+c&page=1"));
        check(second, "/entities/caf%C3%A9?page=2", None, Some("/entities/caf%C3%A9?page=1"));
    }

    #[test]
    fn the_last_page_and_the_last_that_pages_reach_have_no_next() {
        assert!(Place::among(21, 10_000, 1, 20).has_next);
        assert!(!Place::among(20, 10_000, 1, 20).has_next);
        assert!(Place::among(20_000, 10_000, 499, 20).has_next);
        assert!(!Place::among(20_000, 10_000, 500, 20).has_next);
        assert!(!Place::among(5, 10_000, u64::MAX, 200).has_next);
    }
}
