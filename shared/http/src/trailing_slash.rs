//! One trailing slash is optional on every route: `/clients/` is `/clients`.
//!
//! tower-http's `NormalizePath` also removes repeated and leading slashes: `/clients//`, which is 404 here, would
//! become `/clients`.

use axum::http::Request;
use axum::http::uri::{PathAndQuery, Uri};

/// Removes the trailing slash from the path that the router sees.
pub(crate) fn remove_trailing_slash<B>(mut request: Request<B>) -> Request<B> {
    if let Some(uri) = without_slash(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

/// The URI without its path's trailing slash; `None` if it has none, or the path is only that slash.
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
    fn one_trailing_slash_is_removed_and_the_query_is_kept() {
        check("/clients/", Some("/clients"));
        check("/clients/?page=2", Some("/clients?page=2"));
        check("/clients/a%2F/?q=a/", Some("/clients/a%2F?q=a/"));
        check("http://host:80/clients/", Some("http://host:80/clients"));
    }

    #[test]
    fn other_paths_do_not_change() {
        check("/clients", None);
        check("/", None);
        check("/clients?next=/", None);
    }
}
