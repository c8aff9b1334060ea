//! A path's variable segments, decoded.
//!
//! Promises that a path which is not UTF-8 once decoded is answered with a problem.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::{Kind, Problem};

/// One segment, or a tuple of them.
#[derive(Debug)]
pub(crate) struct Segment<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segment<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refused = |_| Problem::new(Kind::InvalidRequest, "the path is not UTF-8 once decoded");
        let Path(segments) = Path::from_request_parts(parts, state).await.map_err(refused)?;
        Ok(Self(segments))
    }
}
