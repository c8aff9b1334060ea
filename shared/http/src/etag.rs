//! Entity tags (RFC 9110): a caller who has the body of a tag gets 304 in its place.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;
use crate::response::json_bytes;

/// A strong tag with its quotes: it changes whenever the body does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ETag(String);

impl ETag {
    /// A tag of text that has neither quotes nor control characters.
    pub(crate) fn new(text: &str) -> Self {
        Self(format!("\"{text}\""))
    }

    /// The JSON, or 304 if the caller of these headers has it.
    pub(crate) fn respond(self, headers: &HeaderMap, json: impl Into<Body>) -> Result<Response, Problem> {
        let is_known = self.is_known(headers);
        let mut response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { json_bytes(json) };
        let tag = HeaderValue::try_from(self.0).map_err(|error| Problem::internal(&error))?;
        response.headers_mut().insert(header::ETAG, tag);
        // The caller may keep it, and asks each time whether it changed.
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        Ok(response)
    }

    /// Whether `If-None-Match` names the tag, or any tag.
    fn is_known(&self, headers: &HeaderMap) -> bool {
        let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
        tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &'static str, expected: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(header));
        assert_eq!(ETag::new("12-ab").is_known(&headers), expected, "{header}");
    }

    #[test]
    fn a_tag_is_found_in_every_form_of_the_header() {
        check("\"12-ab\"", true);
        check("W/\"12-ab\"", true);
        check("\"1-ab\" , \"12-ab\"", true);
        check("*", true);
        check("\"13-ab\"", false);
        check("12-ab", false);
        assert!(!ETag::new("12-ab").is_known(&HeaderMap::new()));
    }
}
