//! Headers that no route could act on rightly: the request is refused before anything else reads it.

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::{Problem, ProblemKind};

/// Middleware: passes the request on, or responds with 400 or 415.
pub(crate) async fn check(request: Request, next: Next) -> Response {
    match problem(request.headers()) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

fn problem(headers: &HeaderMap) -> Option<Problem> {
    // RFC 9112, section 3.2: which of them a proxy in front has looked at is unknown.
    if headers.get_all(header::HOST).iter().nth(1).is_some() {
        return Some(Problem::new(ProblemKind::InvalidRequest, "several `Host` headers: expected one"));
    }
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    let is_plain = encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    (!is_plain).then(|| {
        let detail = "the body is compressed: send it without `Content-Encoding`";
        Problem::new(ProblemKind::UnsupportedEncoding, detail).with_header(header::ACCEPT_ENCODING, "identity")
    })
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[track_caller]
    fn check(headers: &[(HeaderName, &'static str)], status: Option<u16>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, HeaderValue::from_static(value));
        }
        let found = problem(&map).map(|problem| problem.into_response().status().as_u16());
        assert_eq!(found, status, "{headers:?}");
    }

    #[test]
    fn a_request_has_at_most_one_host() {
        check(&[], None);
        check(&[(header::HOST, "localhost")], None);
        check(&[(header::HOST, "localhost"), (header::HOST, "localhost")], Some(400));
        check(&[(header::HOST, "localhost"), (header::HOST, "evil.example")], Some(400));
    }

    #[test]
    fn a_compressed_body_is_refused() {
        check(&[(header::CONTENT_ENCODING, "identity")], None);
        check(&[(header::CONTENT_ENCODING, "gzip")], Some(415));
        check(&[(header::CONTENT_ENCODING, "identity"), (header::CONTENT_ENCODING, "br")], Some(415));
    }
}
