//! A page that is filled with hits, up to its number and bytes.

use std::ops::ControlFlow;

use annals_application::ports::{Added, BoundedPage, EntityQuery, FoundPage, PortError, ReadDocument, SortPosition};
use annals_domain::identity::AggregateId;

use crate::read_model::search::hits::Hit;
use crate::read_model::search::order::HitOrder;

/// A page that is filled with hits.
pub(super) struct HitPage<'q> {
    pub(super) query: &'q EntityQuery,
    order: &'q HitOrder<'q>,
    page: BoundedPage<ReadDocument>,
    /// The place of the last document.
    last: Option<SortPosition>,
    ended_at: Option<AggregateId>,
    lacks_halves: bool,
}

/// What a search of an index found.
pub(super) enum SearchResult {
    Page(FoundPage),
    /// Some document does not have the halves of its id, so that the order is not the right one.
    WithoutHalves,
}

impl<'q> HitPage<'q> {
    pub(super) fn new(query: &'q EntityQuery, order: &'q HitOrder<'q>) -> Self {
        Self {
            query,
            order,
            page: BoundedPage::new(query.limit, query.max_bytes),
            last: None,
            ended_at: None,
            lacks_halves: false,
        }
    }

    pub(super) fn add(&mut self, hit: &Hit<'_>) -> Result<ControlFlow<()>, PortError> {
        let position = hit.position(self.order);
        if position.is_none() && self.order.has_halves() {
            self.lacks_halves = true;
            return Ok(ControlFlow::Break(()));
        }
        let json = match &self.query.fields {
            Some(fields) => fields.of(hit.source.entity).map_err(|error| hit.corrupt(error))?,
            None => hit.source.entity.to_owned(),
        };
        let bytes = json.get().len();
        let (document, bytes) = (hit.source.document(json), bytes);
        let id = document.aggregate_id;
        if self.page.add(document, bytes) == Added::No {
            self.ended_at = Some(id);
            return Ok(ControlFlow::Break(()));
        }
        self.last = position;
        Ok(ControlFlow::Continue(()))
    }

    pub(super) fn finish(self, count: u64) -> SearchResult {
        if self.lacks_halves {
            return SearchResult::WithoutHalves;
        }
        let (documents, end) = self.page.finish();
        SearchResult::Page(FoundPage { documents, count, end, last: self.last, ended_at: self.ended_at })
    }
}
