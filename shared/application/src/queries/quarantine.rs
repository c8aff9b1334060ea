//! The list of quarantined inputs, page by page.

use serde::Serialize;

use super::cursor::{CURSOR, CursorScope};
use super::error::QueryError;
use super::filter::InvalidParameter;
use super::page::{Page, PageLink};
use super::paging::{MAX_PAGE_OFFSET, PageNumbers};
use crate::commands::Quarantine;
use crate::ports::{PortError, QuarantineEntry, QuarantinePlace, QuarantineState};

/// Counting stops here, and the count is unknown then.
const MAX_COUNT: usize = 10_000;

/// How many entries are passed over at once on the way to a numbered page.
const PASSED_AT_ONCE: u64 = 1_000;

/// A request for a list of quarantined inputs. A parameter that is `None` has its default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QuarantineRequest {
    /// Only entries in this state. Default: all.
    pub state: Option<QuarantineState>,
    /// The number of the page, from 1. Default: 1. The page must start before result
    /// [`MAX_PAGE_OFFSET`].
    pub page: Option<u64>,
    /// Where the page starts, in place of a number: the cursor of an earlier page's `next`, or empty for the first
    /// page.
    pub cursor: Option<String>,
    /// The number of entries on a page.
    pub page_size: Option<u64>,
}

/// What decides which entries the list has.
#[derive(Serialize)]
struct ListOf(&'static str, Option<QuarantineState>);

impl QuarantineRequest {
    fn scope(&self) -> CursorScope {
        CursorScope::of(&ListOf("quarantine", self.state))
    }

    fn checked(&self) -> Result<PageNumbers, QueryError> {
        let mut invalid = Vec::new();
        let page = PageNumbers::checked(self.page, self.page_size, &mut invalid);
        if self.page.is_some() && self.cursor.is_some() {
            invalid.push(InvalidParameter::new(CURSOR, "expected either `page` or `cursor`"));
        }
        if invalid.is_empty() && page.offset() >= MAX_PAGE_OFFSET {
            let message = format!("only the first {MAX_PAGE_OFFSET} results have pages; follow `next`");
            invalid.push(InvalidParameter::new("page", message));
        }
        if invalid.is_empty() { Ok(page) } else { Err(QueryError::InvalidParameters(invalid)) }
    }
}

/// A page of quarantined inputs, the newest first. Its `next` has a cursor, so that a walk costs no more at its end than
/// at its beginning. The count is unknown if it is 10,000 or more.
pub async fn list_quarantine(
    quarantine: &Quarantine,
    request: &QuarantineRequest,
) -> Result<Page<QuarantineEntry>, QueryError> {
    let (numbers, scope) = (request.checked()?, request.scope());
    let after = match &request.cursor {
        Some(cursor) => scope.decode(cursor).map_err(|invalid| QueryError::InvalidParameters(vec![invalid]))?,
        None => match place_before(quarantine, request.state, numbers.offset()).await? {
            Start::At(place) => place,
            Start::BehindTheEnd => return page(quarantine, request, numbers, Vec::new(), None).await,
        },
    };
    let size = usize::try_from(numbers.page_size).unwrap_or(usize::MAX);
    let mut entries = quarantine.list(request.state, after.as_ref(), size.saturating_add(1)).await?;
    let has_next = entries.len() > size;
    entries.truncate(size);
    let last = entries.last().filter(|_| has_next);
    let next = last.map(|last| PageLink::Cursor(scope.encode(&last.place())));
    page(quarantine, request, numbers, entries, next).await
}

enum Start {
    At(Option<QuarantinePlace>),
    BehindTheEnd,
}

/// The place before a numbered page: its earlier entries are passed over.
async fn place_before(
    quarantine: &Quarantine,
    state: Option<QuarantineState>,
    mut left: u64,
) -> Result<Start, PortError> {
    let mut place = None;
    while left > 0 {
        let wanted = left.min(PASSED_AT_ONCE);
        let passed = quarantine.list(state, place.as_ref(), usize::try_from(wanted).unwrap_or(usize::MAX)).await?;
        if (passed.len() as u64) < wanted {
            return Ok(Start::BehindTheEnd);
        }
        place = passed.last().map(QuarantineEntry::place);
        left -= wanted;
    }
    Ok(Start::At(place))
}

async fn page(
    quarantine: &Quarantine,
    request: &QuarantineRequest,
    numbers: PageNumbers,
    results: Vec<QuarantineEntry>,
    next: Option<PageLink>,
) -> Result<Page<QuarantineEntry>, QueryError> {
    let count = quarantine.count(request.state, MAX_COUNT).await?;
    let count = (count < MAX_COUNT).then_some(count as u64);
    let previous = numbers.previous().filter(|_| request.cursor.is_none());
    Ok(Page { results, count, next, previous })
}
