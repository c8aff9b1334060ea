//! Reads pages of histories: what each version changed, in order of arrival or the newest first.
//!
//! A page is folded from the newest snapshot before it. Without filters it reads its own events and those between the
//! snapshot and it. By date it starts and ends at the dates, but for events that arrived late. The newest first, it goes
//! back in blocks of versions.

use std::sync::Arc;

use annals_domain::aggregate::Aggregate;
use annals_domain::definition::EntitySchema;
use annals_domain::entity_changes::EntityChanges;
use annals_domain::event::DomainEvent;
use annals_domain::identity::EntityKey;
use annals_domain::mapping;
use annals_domain::position::Version;
use annals_domain::provider_adapter::ProviderAdapters;
use annals_domain::stream_head::StreamHead;

use super::error::QueryError;
use super::history::HistoryEvent;
use super::history_request::{HistoryOrder, HistoryRequest, HistoryStart};
use super::page::Page;
use super::paging::PageNumbers;
use super::past_state::READ_BYTES;
use crate::ports::{
    Added, BoundedPage, EventStore, MAX_PAGE_BYTES, ReadOptions, SnapshotStore, StoredEvent, json_size,
};
use crate::projection::StreamFolder;

/// The most events in one read of the stream.
const READ_PAGE: u64 = 500;
/// The number of versions in one step back through a history with filters.
const BLOCK: u64 = 200;
/// The same, and the most on a page, where each event has its input.
const RAW_BLOCK: u64 = 50;
/// The number of events read to find where dates end: as far as the next snapshot, in most cases.
const DATES_PAGE: usize = 100;

/// Reads histories.
#[derive(Clone)]
pub(super) struct HistoryReader {
    store: Arc<dyn EventStore>,
    snapshots: Arc<dyn SnapshotStore>,
    adapters: ProviderAdapters,
    /// The most bytes of the events of a page.
    pub(super) max_bytes: usize,
}

/// The stream and the request of a page.
pub(super) struct HistoryOf<'a> {
    pub(super) schema: &'a EntitySchema,
    pub(super) key: &'a EntityKey,
    pub(super) head: &'a StreamHead,
    pub(super) request: &'a HistoryRequest,
}

/// A page that is being filled.
struct Filling {
    events: BoundedPage<HistoryEvent>,
    /// The number of matching events that come before the page.
    skip: u64,
    /// The first event of the next page, if there is one.
    next: Option<Version>,
}

impl Filling {
    /// Adds the next matching event. `false` if the page ended before it.
    fn offer(&mut self, event: HistoryEvent) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return true;
        }
        let (version, bytes) = (event.version, json_size(&event));
        let is_added = self.events.add(event, bytes) == Added::Yes;
        if !is_added {
            self.next = Some(version);
        }
        is_added
    }

    fn is_full(&self) -> bool {
        self.events.missing() == 0
    }
}

impl HistoryReader {
    pub(super) fn new(
        store: &Arc<dyn EventStore>,
        snapshots: &Arc<dyn SnapshotStore>,
        adapters: ProviderAdapters,
    ) -> Self {
        Self { store: Arc::clone(store), snapshots: Arc::clone(snapshots), adapters, max_bytes: MAX_PAGE_BYTES }
    }

    /// A page of the events of one stream.
    pub(super) async fn read(&self, of: &HistoryOf<'_>, page: PageNumbers) -> Result<Page<HistoryEvent>, QueryError> {
        let HistoryOf { request, head, .. } = of;
        request.check_fields(of.schema)?;
        let scope = request.scope(of.key);
        let start = request.start(scope, page, head)?;
        let events = BoundedPage::new(page.page_size, self.max_bytes);
        let mut filling = Filling { events, skip: start.skip, next: None };
        match request.order {
            HistoryOrder::Ascending => self.ascend(of, start, &mut filling).await?,
            HistoryOrder::Descending => self.descend(of, start, &mut filling).await?,
        }
        let Filling { events, next, .. } = filling;
        let (results, end) = events.finish();
        let next = next.map(|next| request.next(scope, page, end, next)).transpose()?;
        let count = (!request.is_filtered()).then(|| head.version.get());
        Ok(Page { results, count, next, previous: page.previous().filter(|_| request.cursor.is_none()) })
    }

    async fn ascend(&self, of: &HistoryOf<'_>, start: HistoryStart, page: &mut Filling) -> Result<(), QueryError> {
        if start.version > of.head.version {
            return Ok(());
        }
        let last = match of.request.is_filtered() {
            true => of.head.version,
            false => of.head.version.min(Version::new(start.version.get().saturating_add(page.events.missing() - 1))),
        };
        let snapshot = match of.request.from_date {
            // None of its events is in the dates.
            Some(from_date) if start.is_first => self.snapshots.newest_as_of(of.key, from_date.plus_millis(-1)).await?,
            _ => self.snapshot_before(of.key, start.version).await?,
        };
        let mut folder = StreamFolder::new(&self.adapters, snapshot);
        while folder.next_version() <= last {
            let events = self.read_events(of.key, folder.next_version(), last).await?;
            for stored in &events {
                let is_wanted = stored.event.version >= start.version;
                if let Some(event) = self.fold(of, &mut folder, &stored.event, is_wanted)?
                    && !page.offer(event)
                {
                    return Ok(());
                }
                if is_past_dates(of, stored) {
                    return Ok(());
                }
            }
            if events.is_empty() {
                return Ok(());
            }
        }
        page.next = Some(last.next()).filter(|next| page.is_full() && *next <= of.head.version);
        Ok(())
    }

    async fn descend(&self, of: &HistoryOf<'_>, start: HistoryStart, page: &mut Filling) -> Result<(), QueryError> {
        let block = match of.request {
            HistoryRequest { raw: true, .. } => RAW_BLOCK,
            request if request.is_filtered() => BLOCK,
            _ => page.events.missing(),
        };
        let mut high = start.version.min(of.head.version);
        if start.is_first {
            high = high.min(self.newest_in_dates(of).await?);
        }
        while high >= Version::FIRST {
            let size = if of.request.is_filtered() { block } else { block.min(page.events.missing()) };
            let low = Version::new(high.get().saturating_sub(size - 1).max(1));
            let (events, is_before_dates) = self.block(of, low, high).await?;
            for event in events.into_iter().rev() {
                if !page.offer(event) {
                    return Ok(());
                }
            }
            high = low.previous();
            if page.is_full() && !of.request.is_filtered() {
                page.next = Some(high).filter(|next| *next >= Version::FIRST);
                return Ok(());
            }
            if is_before_dates {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The matching events of some versions, and whether all events before them are earlier than the dates.
    async fn block(
        &self,
        of: &HistoryOf<'_>,
        low: Version,
        high: Version,
    ) -> Result<(Vec<HistoryEvent>, bool), QueryError> {
        let mut folder = StreamFolder::new(&self.adapters, self.snapshot_before(of.key, low).await?);
        let (mut matching, mut is_before_dates) = (Vec::new(), false);
        while folder.next_version() <= high {
            let events = self.read_events(of.key, folder.next_version(), high).await?;
            for stored in &events {
                let is_wanted = stored.event.version >= low;
                matching.extend(self.fold(of, &mut folder, &stored.event, is_wanted)?);
                let is_earlier = of.request.from_date.is_some_and(|from_date| stored.head.is_before(from_date));
                is_before_dates |= is_earlier && stored.event.version == low;
            }
            if events.is_empty() {
                break;
            }
        }
        Ok((matching, is_before_dates))
    }

    /// The newest version of which the event may be in the dates.
    async fn newest_in_dates(&self, of: &HistoryOf<'_>) -> Result<Version, QueryError> {
        let Some(to_date) = of.request.to_date else { return Ok(of.head.version) };
        let snapshot = self.snapshots.newest_as_of(of.key, to_date).await?;
        let next = snapshot.map_or(Version::FIRST, |state| state.version().next());
        let events = self.store.read(of.key, &ReadOptions::from(next, DATES_PAGE)).await?;
        let later = events.iter().find(|stored| stored.head.highest() > to_date);
        Ok(later.map_or(of.head.version, |later| later.event.version.previous().max(of.head.newest_late())))
    }

    /// The newest snapshot from which a version can be folded.
    async fn snapshot_before(&self, key: &EntityKey, version: Version) -> Result<Option<Aggregate>, QueryError> {
        if version <= Version::FIRST {
            return Ok(None);
        }
        Ok(self.snapshots.newest(key, version.previous()).await?)
    }

    async fn read_events(&self, key: &EntityKey, from: Version, to: Version) -> Result<Vec<StoredEvent>, QueryError> {
        let limit = READ_PAGE.min(to.get() - from.get() + 1);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let options = ReadOptions { to_version: Some(to), max_bytes: READ_BYTES, ..ReadOptions::from(from, limit) };
        Ok(self.store.read(key, &options).await?)
    }

    /// Folds one event. Returns what it changed, if it is wanted and matches.
    fn fold(
        &self,
        of: &HistoryOf<'_>,
        folder: &mut StreamFolder<'_>,
        event: &DomainEvent,
        is_wanted: bool,
    ) -> Result<Option<HistoryEvent>, QueryError> {
        let change = self.adapters.read_event(event).map_err(QueryError::Unreadable)?;
        let is_wanted = is_wanted && of.request.is_in_dates(event);
        let adapter = self.adapters.get(event.metadata.provider).filter(|_| is_wanted);
        let Some(adapter) = adapter else {
            folder.apply(event, &change);
            return Ok(None);
        };
        let before = folder.state().map(|state| mapping::map(state, of.schema, &**adapter));
        let newest = folder.state().and_then(Aggregate::newest);
        let state = folder.apply(event, &change);
        let after = mapping::remap(before.as_ref(), [&change], state, of.schema, &**adapter);
        let changes = EntityChanges::between(of.schema, before.as_ref(), &after).to_map();
        if !of.request.is_in_fields(&changes) {
            return Ok(None);
        }
        let late = newest.is_some_and(|newest| newest > event.position);
        Ok(Some(HistoryEvent::of(event, late, changes, of.request.raw)))
    }
}

/// Whether every event after this one is later than the dates.
fn is_past_dates(of: &HistoryOf<'_>, stored: &StoredEvent) -> bool {
    let is_later = of.request.to_date.is_some_and(|to_date| stored.head.highest() > to_date);
    is_later && stored.event.version >= of.head.newest_late()
}
