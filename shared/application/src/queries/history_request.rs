//! Requests for a page of a history: which events it has, and in which order.

use annals_domain::definition::EntitySchema;
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use annals_domain::stream_head::StreamHead;
use annals_domain::timestamp::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::cursor::{CURSOR, CursorScope};
use super::error::QueryError;
use super::filter::InvalidParameter;
use super::page::PageLink;
use super::paging::PageNumbers;
use crate::ports::PageEnd;

/// The order of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum HistoryOrder {
    /// By version.
    #[default]
    Ascending,
    /// The newest version first.
    Descending,
}

/// A request for a history. A parameter that is `None` has its default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryRequest {
    /// The number of the page, from 1. Default: 1.
    pub page: Option<u64>,
    /// Where the page starts, in place of a number: the cursor of an earlier page's `next`, or empty for the first
    /// page.
    pub cursor: Option<String>,
    /// The number of events on a page, from 1 to [`MAX_PAGE_SIZE`](super::MAX_PAGE_SIZE). Default:
    /// [`DEFAULT_PAGE_SIZE`](super::DEFAULT_PAGE_SIZE).
    pub page_size: Option<u64>,
    /// Only events that the CRM committed at this time or later.
    pub from_date: Option<Timestamp>,
    /// Only events that the CRM committed at this time or earlier.
    pub to_date: Option<Timestamp>,
    /// Only events that changed one of these fields. Empty: all events.
    pub fields: Vec<String>,
    /// The order of the events.
    pub order: HistoryOrder,
    /// Whether each event includes the stored input.
    pub raw: bool,
}

/// Where a page starts.
#[derive(Debug, Clone, Copy)]
pub(super) struct HistoryStart {
    /// The first version that may be on it; 0 if there is none.
    pub(super) version: Version,
    /// The number of matching events before the page, from there.
    pub(super) skip: u64,
    /// Whether no matching event comes before it.
    pub(super) is_first: bool,
}

impl HistoryRequest {
    /// The page that the request names, or what is wrong with its parameters.
    pub(super) fn page_numbers(&self) -> Result<PageNumbers, QueryError> {
        let mut invalid = Vec::new();
        let page = PageNumbers::checked(self.page, self.page_size, &mut invalid);
        if self.page.is_some() && self.cursor.is_some() {
            invalid.push(InvalidParameter::new(CURSOR, "expected either `page` or `cursor`"));
        }
        if invalid.is_empty() { Ok(page) } else { Err(QueryError::InvalidParameters(invalid)) }
    }

    /// Fails if one of the fields is not of this schema. The fields of an object without a definition are not known.
    pub(super) fn check_fields(&self, schema: &EntitySchema) -> Result<(), QueryError> {
        let Some(definition) = schema.definition() else { return Ok(()) };
        let unknown = self.fields.iter().filter(|name| definition.field(name).is_none());
        let names = || definition.fields.iter().map(|field| &*field.name).collect::<Vec<_>>().join(", ");
        let error = |name: &String| {
            let message = format!("a {} has no field `{name}`: expected {}", definition.aggregate_type, names());
            InvalidParameter::new("field", message)
        };
        let invalid: Vec<_> = unknown.map(error).collect();
        if invalid.is_empty() { Ok(()) } else { Err(QueryError::InvalidParameters(invalid)) }
    }

    /// Whether some events of the stream may not match.
    pub(super) fn is_filtered(&self) -> bool {
        self.from_date.is_some() || self.to_date.is_some() || !self.fields.is_empty()
    }

    /// Whether a timestamp is in the dates.
    pub(super) fn has_date(&self, at: Timestamp) -> bool {
        !self.is_before_dates(at) && !self.is_after_dates(at)
    }

    pub(super) fn is_after_dates(&self, at: Timestamp) -> bool {
        self.to_date.is_some_and(|to| at > to)
    }

    pub(super) fn is_before_dates(&self, at: Timestamp) -> bool {
        self.from_date.is_some_and(|from| at < from)
    }

    /// The date from which a page on starts that has no page before it by cursor, in version order.
    pub(super) fn starts_at_date(&self) -> Option<Timestamp> {
        let is_first = self.cursor.as_deref().is_none_or(str::is_empty);
        self.from_date.filter(|_| is_first && self.order == HistoryOrder::Ascending)
    }

    /// Whether one of the fields is among an event's changes.
    pub(super) fn is_in_fields(&self, changes: &Map<String, Value>) -> bool {
        self.fields.is_empty() || self.fields.iter().any(|field| changes.contains_key(field))
    }

    /// What decides which events the history has, and in which order.
    pub(super) fn scope(&self, key: &EntityKey) -> CursorScope {
        CursorScope::of(&(key.to_string(), self.from_date, self.to_date, &self.fields, self.order))
    }

    pub(super) fn start(
        &self,
        scope: CursorScope,
        page: PageNumbers,
        head: &StreamHead,
    ) -> Result<HistoryStart, QueryError> {
        let first = if self.order == HistoryOrder::Ascending { Version::FIRST } else { head.version };
        let start = HistoryStart { version: first, skip: 0, is_first: true };
        if let Some(cursor) = &self.cursor {
            let version = scope.decode::<u64>(cursor).map_err(|no| QueryError::InvalidParameters(vec![no]))?;
            // A caller can make a cursor, and with it name any version.
            let lowest = u64::from(self.order == HistoryOrder::Ascending);
            let clamped = |version: u64| Version::new(version.clamp(lowest, head.version.get().saturating_add(1)));
            let at = |version| HistoryStart { version: clamped(version), skip: 0, is_first: false };
            return Ok(version.map_or(start, at));
        }
        // It is not known which event is the first of a later page, if not all match.
        if self.is_filtered() {
            return Ok(HistoryStart { skip: page.offset(), ..start });
        }
        let version = match self.order {
            HistoryOrder::Ascending => first.get().saturating_add(page.offset()),
            HistoryOrder::Descending => first.get().saturating_sub(page.offset()),
        };
        Ok(HistoryStart { version: Version::new(version), ..start })
    }

    /// The link to the page that starts at a version.
    pub(super) fn next(
        &self,
        scope: CursorScope,
        page: PageNumbers,
        end: PageEnd,
        version: Version,
    ) -> Result<PageLink, QueryError> {
        match end {
            PageEnd::TooLarge(bytes) => {
                let remedy = if self.raw { "request it without `raw=true`, or read it" } else { "read it" };
                Err(QueryError::TooLarge {
                    what: format!("the event of version {version}"),
                    bytes,
                    remedy: format!("{remedy} with `annals history`"),
                })
            }
            PageEnd::Bytes => Ok(PageLink::Cursor(scope.encode(&version.get()))),
            _ if self.cursor.is_none() => Ok(page.next()),
            _ => Ok(PageLink::Cursor(scope.encode(&version.get()))),
        }
    }
}
