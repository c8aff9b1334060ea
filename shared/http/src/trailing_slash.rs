//! A trailing slash is optional: `/clients/` is `/clients`.
//!
//! Promises that routing sees the path without its one trailing slash. Two slashes are another
//! path, and no route has it.

use std::task::{Context, Poll};

use axum::http::Request;
use axum::http::uri::{PathAndQuery, Uri};
use tower::Service;

/// A service that gets every path without its trailing slash.
#[derive(Debug, Clone)]
pub(crate) struct TrailingSlash<S> {
    inner: S,
}

impl<S> TrailingSlash<S> {
    /// In front of that service.
    pub(crate) fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, B> Service<Request<B>> for TrailingSlash<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if let Some(uri) = without_slash(request.uri()) {
            *request.uri_mut() = uri;
        }
        self.inner.call(request)
    }
}

/// The URI without its path's trailing slash; `None` where it has none, or is that slash alone.
fn without_slash(uri: &Uri) -> Option<Uri> {
    let path = uri.path().strip_suffix('/').filter(|path| !path.is_empty())?;
    let shorter = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(shorter).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: &'static str, expected: Option<&str>) {
        let uri = without_slash(&Uri::from_static(given));
        assert_eq!(uri.map(|uri| uri.to_string()).as_deref(), expected, "{given}");
    }

    #[test]
    fn one_trailing_slash_goes_and_the_query_stays() {
        check("/clients/", Some("/clients"));
        check("/clients/?page=2", Some("/clients?page=2"));
        check("/clients/a%2F/?q=a/", Some("/clients/a%2F?q=a/"));
        check("http://host:80/clients/", Some("http://host:80/clients"));
    }

    #[test]
    fn other_paths_are_left_alone() {
        check("/clients", None);
        check("/", None);
        check("/clients?next=/", None);
    }
}
