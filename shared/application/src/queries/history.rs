//! An entity's history: what each version changed, in order of arrival.

use std::sync::Arc;

use annals_domain::aggregate::Aggregate;
use annals_domain::definition::EntitySchema;
use annals_domain::entity_changes::EntityChanges;
use annals_domain::event::{DomainEvent, EventType, Source};
use annals_domain::identity::EntityKey;
use annals_domain::mapping;
use annals_domain::position::{EventId, Position, Version};
use annals_domain::provider_adapter::ProviderAdapters;
use annals_domain::stream_head::StreamHead;
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::cursor::{CURSOR, CursorScope};
use super::error::QueryError;
use super::filter::InvalidParameter;
use super::page::{Page, PageLink};
use super::paging::PageNumbers;
use crate::ports::{Added, BoundedPage, EventStore, MAX_PAGE_BYTES, PageEnd, ReadOptions, SnapshotStore, json_size};
use crate::projection::StreamFolder;

/// The number of events in one read of the stream.
const READ_PAGE: usize = 500;
/// The bytes of the events' data in one read: they are in memory together.
const READ_BYTES: usize = MAX_PAGE_BYTES;

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
    /// Whether each event includes the stored input.
    pub raw: bool,
}

impl HistoryRequest {
    fn has_dates(&self) -> bool {
        self.from_date.is_some() || self.to_date.is_some()
    }

    fn matches(&self, event: &DomainEvent) -> bool {
        let at = event.timestamp();
        self.from_date.is_none_or(|from| from <= at) && self.to_date.is_none_or(|to| at <= to)
    }

    /// What decides which events the history has, and in which order.
    fn scope(&self, key: &EntityKey) -> CursorScope {
        CursorScope::of(&(key.to_string(), self.from_date, self.to_date))
    }

    fn start(&self, scope: CursorScope, page: PageNumbers) -> Result<HistoryStart, QueryError> {
        let first = HistoryStart { from: Version::FIRST, skip: 0 };
        match &self.cursor {
            Some(cursor) => {
                let from = scope.decode::<u64>(cursor).map_err(|no| QueryError::InvalidParameters(vec![no]))?;
                Ok(from.map_or(first, |from| HistoryStart { from: Version::new(from), ..first }))
            }
            // It is not known which event is the first of a later page by date.
            None if self.has_dates() => Ok(HistoryStart { skip: page.offset(), ..first }),
            None => Ok(HistoryStart { from: Version::new(page.offset().saturating_add(1)), ..first }),
        }
    }

    /// The link to the page that starts at a version.
    fn next(
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
            PageEnd::Full if self.cursor.is_none() => Ok(page.next()),
            _ => Ok(PageLink::Cursor(scope.encode(&version.get()))),
        }
    }
}

/// The position of an event at its source. Its numbers are texts, since they may exceed 2^53.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryPosition {
    /// When the CRM committed the change.
    pub timestamp: Timestamp,
    /// The number of the commit, if the source has one.
    pub commit_number: Option<String>,
    /// The number inside the transaction, if the source has one.
    pub sequence_number: Option<String>,
}

impl From<&Position> for HistoryPosition {
    fn from(position: &Position) -> Self {
        Self {
            timestamp: position.timestamp,
            commit_number: position.commit_number.map(|number| number.to_string()),
            sequence_number: position.sequence_number.map(|number| number.to_string()),
        }
    }
}

/// One event of a history.
#[derive(Debug, Clone, Serialize)]
pub struct HistoryEvent {
    /// The id of the event: the same when the same change is delivered again.
    pub event_id: EventId,
    /// The version of the entity after this event.
    pub version: Version,
    /// What happened to the record.
    pub event_type: EventType,
    /// When the CRM committed the change.
    pub timestamp: Timestamp,
    /// The order of the change at its source.
    pub position: HistoryPosition,
    /// When the event was stored.
    pub recorded_at: Timestamp,
    /// How the change reached Annals.
    pub source: Source,
    /// The CRM user who made the change.
    pub user: Option<String>,
    /// The client that made the change.
    pub change_origin: Option<String>,
    /// The transaction at the source.
    pub transaction_key: Option<String>,
    /// The id that connects everything caused by the same request.
    pub correlation_id: Option<String>,
    /// The id of the command that stored the event.
    pub causation_id: Option<String>,
    /// The warnings of the validation when the change arrived.
    pub warnings: Vec<ValidationIssue>,
    /// Whether a change with a later position was stored before it.
    pub late: bool,
    /// For each changed field `{from, to}`: its values in the mapped entity before and after this version.
    pub changes: Map<String, Value>,
    /// The stored input, if the request asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
}

/// The first event of a page.
#[derive(Debug, Clone, Copy)]
struct HistoryStart {
    from: Version,
    /// The number of matching events before the page, from there.
    skip: u64,
}

/// Reads histories.
#[derive(Clone)]
pub(super) struct HistoryReader {
    store: Arc<dyn EventStore>,
    snapshots: Arc<dyn SnapshotStore>,
    adapters: ProviderAdapters,
    /// The most bytes of the events of a page.
    pub(super) max_bytes: usize,
}

impl HistoryReader {
    pub(super) fn new(
        store: &Arc<dyn EventStore>,
        snapshots: &Arc<dyn SnapshotStore>,
        adapters: ProviderAdapters,
    ) -> Self {
        Self { store: Arc::clone(store), snapshots: Arc::clone(snapshots), adapters, max_bytes: MAX_PAGE_BYTES }
    }

    /// The page that a request names, or the errors of its numbers.
    pub(super) fn page_of(request: &HistoryRequest) -> Result<PageNumbers, QueryError> {
        let mut invalid = Vec::new();
        let page = PageNumbers::checked(request.page, request.page_size, &mut invalid);
        if request.page.is_some() && request.cursor.is_some() {
            invalid.push(InvalidParameter::new(CURSOR, "expected either `page` or `cursor`"));
        }
        if invalid.is_empty() { Ok(page) } else { Err(QueryError::InvalidParameters(invalid)) }
    }

    /// A page of the events of one stream. Holds no more events than fit on it.
    pub(super) async fn read(
        &self,
        schema: &EntitySchema,
        key: &EntityKey,
        head: &StreamHead,
        page: PageNumbers,
        request: &HistoryRequest,
    ) -> Result<Page<HistoryEvent>, QueryError> {
        let scope = request.scope(key);
        let HistoryStart { from, mut skip } = request.start(scope, page)?;
        let mut folder = StreamFolder::new(&self.adapters, self.snapshot_before(key, from).await?);
        let mut events = BoundedPage::new(page.page_size, self.max_bytes);
        let mut next = None;
        while next.is_none() && folder.next_version() <= head.version {
            let options = ReadOptions { max_bytes: READ_BYTES, ..ReadOptions::from(folder.next_version(), READ_PAGE) };
            let stored = self.store.read(key, &options).await?;
            if stored.is_empty() {
                break;
            }
            for stored in &stored {
                let is_match = stored.event.version >= from && request.matches(&stored.event);
                let is_on_page = is_match && skip == 0;
                skip -= u64::from(is_match && skip > 0);
                let Some(event) = self.fold(schema, &mut folder, &stored.event, is_on_page, request.raw)? else {
                    continue;
                };
                let (version, bytes) = (event.version, json_size(&event));
                if events.add(event, bytes) == Added::No {
                    next = Some(version);
                    break;
                }
            }
        }
        let (results, end) = events.finish();
        let next = next.map(|next| request.next(scope, page, end, next)).transpose()?;
        let count = (!request.has_dates()).then(|| head.version.get());
        Ok(Page { results, count, next, previous: page.previous().filter(|_| request.cursor.is_none()) })
    }

    /// The newest snapshot from which the page can be folded.
    async fn snapshot_before(&self, key: &EntityKey, from: Version) -> Result<Option<Aggregate>, QueryError> {
        if from <= Version::FIRST {
            return Ok(None);
        }
        Ok(self.snapshots.newest(key, from.previous()).await?)
    }

    /// Folds one event. Returns what it changed, if it is on the page.
    fn fold(
        &self,
        schema: &EntitySchema,
        folder: &mut StreamFolder<'_>,
        event: &DomainEvent,
        is_on_page: bool,
        raw: bool,
    ) -> Result<Option<HistoryEvent>, QueryError> {
        let change = self.adapters.read_event(event).map_err(QueryError::Unreadable)?;
        let adapter = self.adapters.get(event.metadata.provider).filter(|_| is_on_page);
        let Some(adapter) = adapter else {
            folder.apply(event, &change);
            return Ok(None);
        };
        let before = folder.state().map(|state| mapping::map(state, schema, &**adapter));
        let newest = folder.state().and_then(Aggregate::newest);
        let state = folder.apply(event, &change);
        let after = mapping::remap(before.as_ref(), [&change], state, schema, &**adapter);
        let changes = EntityChanges::between(schema, before.as_ref(), &after).to_map();
        let late = newest.is_some_and(|newest| newest > event.position);
        Ok(Some(history_event(event, late, changes, raw)))
    }
}

fn history_event(event: &DomainEvent, late: bool, changes: Map<String, Value>, raw: bool) -> HistoryEvent {
    let metadata = &event.metadata;
    HistoryEvent {
        event_id: event.event_id(),
        version: event.version,
        event_type: event.event_type,
        timestamp: event.timestamp(),
        position: HistoryPosition::from(&event.position),
        recorded_at: event.recorded_at,
        source: metadata.source,
        user: metadata.user.clone(),
        change_origin: metadata.change_origin.clone(),
        transaction_key: metadata.transaction_key.clone(),
        correlation_id: metadata.correlation_id.clone(),
        causation_id: metadata.causation_id.clone(),
        warnings: event.warnings.clone(),
        late,
        changes,
        data: raw.then(|| RawValue::from_string(event.data.to_string()).ok()).flatten(),
    }
}
