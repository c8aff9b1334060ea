//! The checked query of a list, and the links of its pages.

use annals_domain::definition::{EntitySchema, SystemField};
use annals_domain::identity::AggregateId;
use annals_domain::search_text::query_words;
use uuid::Uuid;

use super::cursor::{self, CURSOR, CursorScope};
use super::error::QueryError;
use super::filter::{InvalidParameter, MAX_FILTERS, filter_of, query_value, select, sort_by, value_text};
use super::list_request::ListRequest;
use super::page::{Page, PageLink};
use super::paging::{MAX_PAGE_OFFSET, PageNumbers};
use crate::ports::{
    EntityQuery, Filter, FoundPage, PageEnd, PageStart, QueryField, QueryValue, ReadDocument, Sort, SortPosition,
};

/// The sort of a list if the request names no other.
const DEFAULT_SORT: &str = "-created_at";

/// A place in a list, as a cursor states it: the sort values as texts, and the aggregate id.
type CursorPosition = (Vec<Option<String>>, Uuid);

/// The number of different words in a search: each is looked for in every text that may have it.
const MAX_WORDS: usize = 50;

/// The query of a list. The read model need not check it again.
pub(crate) struct ListQuery {
    /// What the read model is asked.
    pub(crate) query: EntityQuery,
    scope: CursorScope,
    page: PageNumbers,
    is_by_cursor: bool,
}

impl ListQuery {
    /// Checks a request. A page has at most `max_bytes` of entities. Fails with all invalid parameters.
    pub(crate) fn of(schema: EntitySchema, request: &ListRequest, max_bytes: usize) -> Result<Self, QueryError> {
        let mut invalid = Vec::new();
        let filters = filters(&schema, request, &mut invalid);
        let sort = sort_by(&schema, request.sort.as_deref().unwrap_or(DEFAULT_SORT));
        let sort = sort.map_err(|no| invalid.push(no)).unwrap_or_default();
        let fields = request.fields.as_deref().map(|fields| select(&schema, fields)).transpose();
        let fields = fields.map_err(|no| invalid.push(no)).unwrap_or_default();
        let page = page_numbers(request, &mut invalid);
        let words = words(request, &mut invalid);
        let is_deleted = QueryField::System(SystemField::IsDeleted);
        let include_deleted = request.include_deleted || filters.iter().any(|filter| filter.field == is_deleted);
        let scope = CursorScope::of(&(schema.aggregate_type(), &filters, &words, include_deleted, &sort));
        let start = match &request.cursor {
            Some(cursor) => start_at(scope, cursor, &sort).map_err(|no| invalid.push(no)).ok(),
            None => Some(PageStart::Offset(page.offset())),
        };
        let (Some(start), true) = (start, invalid.is_empty()) else {
            return Err(QueryError::InvalidParameters(invalid));
        };
        let limit = page.page_size;
        let query = EntityQuery { schema, filters, words, include_deleted, sort, start, limit, max_bytes, fields };
        Ok(Self { query, scope, page, is_by_cursor: request.cursor.is_some() })
    }

    /// The page that was found, with its links.
    pub(crate) fn page(&self, found: FoundPage) -> Result<Page<ReadDocument>, QueryError> {
        let FoundPage { documents, count, end, last, ended_at } = found;
        let next = match end {
            PageEnd::Last => None,
            PageEnd::TooLarge(bytes) => return Err(self.too_large(ended_at, bytes)),
            PageEnd::Full if !self.is_by_cursor && self.page.end() < MAX_PAGE_OFFSET => Some(self.page.next()),
            PageEnd::Full | PageEnd::Bytes => last.map(|last| PageLink::Cursor(self.cursor(&last))),
        };
        let previous = self.page.previous().filter(|_| !self.is_by_cursor);
        Ok(Page { results: documents, count: Some(count), next, previous })
    }

    fn cursor(&self, position: &SortPosition) -> String {
        let values = position.values.iter().map(|value| value.as_ref().map(value_text)).collect();
        let position: CursorPosition = (values, position.aggregate_id.uuid());
        self.scope.encode(&position)
    }

    fn too_large(&self, id: Option<AggregateId>, bytes: usize) -> QueryError {
        let id = id.map(|id| format!(" `{id}`")).unwrap_or_default();
        let what = format!("the {}{id}", self.query.schema.aggregate_type());
        QueryError::TooLarge { what, bytes, remedy: "select `fields`, or read it with `annals get`".to_owned() }
    }
}

fn filters(schema: &EntitySchema, request: &ListRequest, invalid: &mut Vec<InvalidParameter>) -> Vec<Filter> {
    if request.filters.len() > MAX_FILTERS {
        let message = format!("{} filters: expected at most {MAX_FILTERS}", request.filters.len());
        invalid.push(InvalidParameter::new("filter", message));
        return Vec::new();
    }
    let mut filters = Vec::new();
    for filter in &request.filters {
        filter_of(schema, filter).map_or_else(|no| invalid.push(no), |filter| filters.push(filter));
    }
    filters
}

fn page_numbers(request: &ListRequest, invalid: &mut Vec<InvalidParameter>) -> PageNumbers {
    let before = invalid.len();
    let page = PageNumbers::checked(request.page, request.page_size, invalid);
    if request.page.is_some() && request.cursor.is_some() {
        invalid.push(InvalidParameter::new(CURSOR, "expected either `page` or `cursor`"));
    }
    if invalid.len() == before && page.offset() >= MAX_PAGE_OFFSET {
        let message =
            format!("only the first {MAX_PAGE_OFFSET} results have pages: expected `cursor=` for a longer walk");
        invalid.push(InvalidParameter::new("page", message));
    }
    page
}

/// The start of a page by cursor. Each value must be one of its key's type.
fn start_at(scope: CursorScope, cursor: &str, sort: &[Sort]) -> Result<PageStart, InvalidParameter> {
    let Some((values, aggregate_id)) = scope.decode::<CursorPosition>(cursor)? else {
        return Ok(PageStart::Offset(0));
    };
    if values.len() != sort.len() {
        return Err(cursor::invalid());
    }
    let parse = |(key, value): (&Sort, Option<String>)| -> Result<Option<QueryValue>, InvalidParameter> {
        let Some(text) = value else { return Ok(None) };
        query_value(key.field.field_type(), &text).map(Some).ok_or_else(cursor::invalid)
    };
    let values = sort.iter().zip(values).map(parse).collect::<Result<_, _>>()?;
    Ok(PageStart::After(SortPosition { values, aggregate_id: AggregateId::from_uuid(aggregate_id) }))
}

fn words(request: &ListRequest, invalid: &mut Vec<InvalidParameter>) -> Vec<String> {
    let words = request.search_term.as_deref().map(query_words).unwrap_or_default();
    if words.len() > MAX_WORDS {
        let message = format!("{} different words: expected at most {MAX_WORDS}", words.len());
        invalid.push(InvalidParameter::new("search_term", message));
    }
    words
}
