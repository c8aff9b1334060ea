//! Walking through the hits of a query in their order, with bounded memory.
//!
//! Hits are requested in portions. A portion whose response would be too large is not read: a smaller one is requested
//! in its place.

use std::borrow::Cow;
use std::ops::ControlFlow;

use annals_application::ports::{PageStart, PortError, PortErrorKind, ReadDocument, SortPosition};
use annals_domain::identity::AggregateId;
use annals_domain::position::Version;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::read_model::search::order::HitOrder;
use crate::read_model::transport::Response;

/// The most bytes of a response that has more than one hit. A hit has its entity, the search text and the values that
/// queries look into: up to three times the bytes of the entity.
pub(super) const MAX_RESPONSE_BYTES: u64 = 8 * 1024 * 1024;

#[derive(Deserialize)]
struct SearchPage<'a> {
    #[serde(borrow)]
    hits: Hits<'a>,
}

#[derive(Deserialize)]
struct Hits<'a> {
    /// Where the request asked for it.
    #[serde(default)]
    total: Option<Total>,
    #[serde(borrow)]
    hits: Vec<Hit<'a>>,
}

#[derive(Deserialize)]
struct Total {
    value: u64,
}

/// One document, as a search or a read by id returns it.
#[derive(Deserialize)]
pub(super) struct Hit<'a> {
    #[serde(borrow, rename = "_index")]
    pub(super) index: Cow<'a, str>,
    #[serde(borrow, rename = "_source")]
    pub(super) source: Source<'a>,
    /// The sort values, after which the next portion begins.
    #[serde(borrow, default)]
    sort: Option<&'a RawValue>,
}

/// The fields of a document that are read.
#[derive(Deserialize)]
pub(super) struct Source<'a> {
    aggregate_id: AggregateId,
    version: u64,
    #[serde(borrow)]
    pub(super) entity_name: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) entity: &'a RawValue,
    #[serde(borrow, default)]
    pub(super) search_text: Cow<'a, str>,
}

impl Hit<'_> {
    /// The place of the hit in an order.
    pub(super) fn position(&self, order: &HitOrder<'_>) -> Option<SortPosition> {
        order.position(self.sort?.get(), self.source.aggregate_id)
    }

    pub(super) fn corrupt(&self, error: serde_json::Error) -> PortError {
        PortError::new(PortErrorKind::Corrupt, &*self.index, "the entity of a document cannot be read").caused_by(error)
    }
}

impl Source<'_> {
    pub(super) fn document(&self, json: Box<RawValue>) -> ReadDocument {
        ReadDocument { aggregate_id: self.aggregate_id, version: Version::new(self.version), json }
    }
}

/// The next portion of a walk.
#[derive(Debug)]
pub(super) struct Portions {
    body: Value,
    size: u64,
}

/// What a portion brought.
pub(super) enum PortionEnd {
    /// There may be more hits.
    More,
    /// The walk is at its end.
    End,
}

impl Portions {
    /// From a place in an order, with up to `size` hits in a portion. The first response counts all matches.
    pub(super) fn new(mut body: Value, order: &HitOrder<'_>, start: &PageStart, size: u64) -> Self {
        body["sort"] = order.to_json();
        body["track_total_hits"] = json!(true);
        match start {
            PageStart::Offset(offset) => body["from"] = json!(offset),
            PageStart::After(position) => body["search_after"] = order.after(position),
        }
        Self { body, size: size.max(1) }
    }

    /// The request body of the next portion.
    pub(super) fn body(&mut self) -> &Value {
        self.body["size"] = json!(self.size);
        &self.body
    }

    /// The most bytes of the next response; one hit is read whatever its size.
    pub(super) fn max_bytes(&self) -> Option<u64> {
        (self.size > 1).then_some(MAX_RESPONSE_BYTES)
    }

    /// Makes the next portion smaller, after a response of so many bytes.
    pub(super) fn shrink(&mut self, bytes: u64) {
        let fitting = u128::from(self.size) * u128::from(MAX_RESPONSE_BYTES) / u128::from(bytes.max(1));
        let fitting = u64::try_from(fitting).unwrap_or(self.size);
        // The hits are not all of one size: some room is left, and it becomes smaller in any case.
        self.size = (fitting / 4 * 3).clamp(1, self.size.saturating_sub(1).max(1));
    }

    /// Calls `take` with each hit of a response until it breaks, and moves on behind the response.
    pub(super) fn take(
        &mut self,
        response: &Response,
        alias: &str,
        total: &mut Option<u64>,
        mut take: impl FnMut(&Hit<'_>) -> Result<ControlFlow<()>, PortError>,
    ) -> Result<PortionEnd, PortError> {
        let SearchPage { hits: Hits { total: found, hits } } = documents(response, alias)?;
        *total = total.or(found.map(|total| total.value));
        for hit in &hits {
            if take(hit)?.is_break() {
                return Ok(PortionEnd::End);
            }
        }
        let last = hits.last().and_then(|hit| hit.sort).filter(|_| hits.len() as u64 == self.size);
        let Some(last) = last else { return Ok(PortionEnd::End) };
        let after: Value = serde_json::from_str(last.get()).unwrap_or_default();
        if let Some(body) = self.body.as_object_mut() {
            body.remove("from");
            body.insert("track_total_hits".to_owned(), json!(false));
            body.insert("search_after".to_owned(), after);
        }
        Ok(PortionEnd::More)
    }
}

/// The documents of a response that is read as a whole.
pub(super) fn found_documents(response: &Response, alias: &str) -> Result<Vec<ReadDocument>, PortError> {
    let SearchPage { hits: Hits { hits, .. } } = documents(response, alias)?;
    Ok(hits.iter().map(|hit| hit.source.document(hit.source.entity.to_owned())).collect())
}

pub(super) fn documents<'a, T: Deserialize<'a>>(response: &'a Response, alias: &str) -> Result<T, PortError> {
    if !response.is_success() {
        return Err(response.error(alias));
    }
    serde_json::from_slice(&response.body).map_err(|error| {
        let message = "the index contains a document that Annals did not write";
        PortError::new(PortErrorKind::Corrupt, alias, message).caused_by(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(size: u64, bytes: u64, expected: u64) {
        let mut portions = Portions { body: Value::Null, size };
        portions.shrink(bytes);
        assert_eq!(portions.size, expected, "{size} hits of {bytes} bytes");
    }

    #[test]
    fn a_portion_shrinks_by_what_its_response_had_too_many() {
        check(200, 2 * MAX_RESPONSE_BYTES, 75);
        check(200, MAX_RESPONSE_BYTES + 1, 147);
        check(200, u64::MAX, 1);
        check(2, MAX_RESPONSE_BYTES + 1, 1);
        check(1, MAX_RESPONSE_BYTES + 1, 1);
    }
}
