//! Reads pages of histories: what each version changed, in order of arrival or the newest first.
//!
//! A page is folded from the newest snapshot before it, which is read together with the events after it. Without
//! filters it reads its own events and those between the snapshot and it. By date it starts (`history_from_date`) and ends
//! at the dates, but for events that arrived late. The newest first, it goes back in blocks of versions.

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
use annals_domain::timestamp::Timestamp;

use super::error::QueryError;
use super::history::HistoryEvent;
use super::history_request::{HistoryOrder, HistoryRequest, HistoryStart};
use super::page::Page;
use super::paging::PageNumbers;
use super::past_state::READ_BYTES;
use super::query_ports::QueryPorts;
use crate::ports::{
    Added, BoundedPage, EventStore, MAX_PAGE_BYTES, ReadOptions, SectionRequest, SnapshotStore, StoredEvent,
    StreamSection, StreamSections, json_size,
};
use crate::projection::{SNAPSHOT_INTERVAL, StreamFolder};

/// The most events in one read of the stream.
pub(super) const READ_PAGE: u64 = 500;
/// The number of versions in one step back through a history of some fields.
const BLOCK: u64 = 200;
/// The same, and the most on a page, where each event has its input.
const RAW_BLOCK: u64 = 50;
/// The number of events read to find where dates end: as far as the next snapshot, in most cases.
const DATES_PAGE: usize = 100;

/// Reads histories.
#[derive(Clone)]
pub(super) struct HistoryReader {
    pub(super) store: Arc<dyn EventStore>,
    pub(super) snapshots: Arc<dyn SnapshotStore>,
    sections: Arc<dyn StreamSections>,
    pub(super) adapters: ProviderAdapters,
    /// The most bytes of the events of a page.
    pub(super) max_bytes: usize,
}

/// The stream and the request of a page.
pub(super) struct HistoryOf<'a> {
    pub(super) schema: &'a EntitySchema,
    pub(super) key: &'a EntityKey,
    pub(super) request: &'a HistoryRequest,
}

/// A page that is being filled.
pub(super) struct Filling {
    events: BoundedPage<HistoryEvent>,
    /// The number of matching events that come before the page.
    pub(super) skip: u64,
    /// The first event of the next page, if there is one.
    next: Option<Version>,
}

impl Filling {
    /// Adds the next matching event. `false` if the page ended before it.
    pub(super) fn offer(&mut self, event: HistoryEvent) -> bool {
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

    /// The number of events that still fit.
    pub(super) fn missing(&self) -> u64 {
        self.events.missing()
    }

    fn is_full(&self) -> bool {
        self.missing() == 0
    }
}

/// The events of some versions, read to go back through them.
struct Block {
    low: Version,
    /// The matching ones, in version order.
    matching: Vec<HistoryEvent>,
    /// The highest timestamp of the events before them.
    below: Option<Timestamp>,
    /// Whether every event after them is later than the dates.
    is_past_dates: bool,
}

impl HistoryReader {
    pub(super) fn new(ports: &QueryPorts, adapters: ProviderAdapters) -> Self {
        let QueryPorts { store, snapshots, sections, .. } = ports.clone();
        Self { store, snapshots, sections, adapters, max_bytes: MAX_PAGE_BYTES }
    }

    /// A page of the events of one stream with this head.
    pub(super) async fn read(
        &self,
        of: &HistoryOf<'_>,
        head: &StreamHead,
        page: PageNumbers,
    ) -> Result<Page<HistoryEvent>, QueryError> {
        of.request.check_fields(of.schema)?;
        let start = of.request.start(of.request.scope(of.key), page, head)?;
        let mut filling = self.filling(page, start.skip);
        match of.request.order {
            HistoryOrder::Ascending => self.ascend(of, head, start, &mut filling).await?,
            HistoryOrder::Descending => self.descend(of, head, start, &mut filling).await?,
        }
        let count = (!of.request.is_filtered()).then(|| head.version.get());
        Ok(Page { count, ..filled(of, page, filling)? })
    }

    /// An empty page.
    pub(super) fn filling(&self, page: PageNumbers, skip: u64) -> Filling {
        Filling { events: BoundedPage::new(page.page_size, self.max_bytes), skip, next: None }
    }

    async fn ascend(
        &self,
        of: &HistoryOf<'_>,
        head: &StreamHead,
        start: HistoryStart,
        page: &mut Filling,
    ) -> Result<(), QueryError> {
        if start.version > head.version {
            return Ok(());
        }
        let last = match of.request.is_filtered() {
            true => head.version,
            false => head.version.min(start.version.plus(page.missing() - 1)),
        };
        // One event more shows whether there is a next page.
        let wanted = if of.request.fields.is_empty() { page.missing() + 1 } else { READ_PAGE };
        let to = last.min(start.version.plus(wanted - 1));
        let StreamSection { state, mut events } = self.section(of.key, start.version, to).await?;
        let mut folder = StreamFolder::new(&self.adapters, state);
        loop {
            for stored in &events {
                let is_wanted = stored.event.version >= start.version;
                if let Some(event) = self.fold(of, &mut folder, &stored.event, is_wanted)?
                    && !page.offer(event)
                {
                    return Ok(());
                }
                if is_past_dates(of, head, stored) {
                    return Ok(());
                }
            }
            if folder.next_version() > last {
                break;
            }
            events = self.read_events(of.key, folder.next_version(), last).await?;
            if events.is_empty() {
                return Ok(());
            }
        }
        page.next = Some(last.next()).filter(|next| page.is_full() && *next <= head.version);
        Ok(())
    }

    async fn descend(
        &self,
        of: &HistoryOf<'_>,
        head: &StreamHead,
        start: HistoryStart,
        page: &mut Filling,
    ) -> Result<(), QueryError> {
        let mut next = self.newest_block(of, head, start, page).await?;
        while let Some(block) = next {
            for event in block.matching.into_iter().rev() {
                if !page.offer(event) {
                    return Ok(());
                }
            }
            let high = block.low.previous();
            if high < Version::FIRST || block.below.is_some_and(|below| of.request.is_before_dates(below)) {
                return Ok(());
            }
            let has_next = of.request.fields.is_empty() && block.below.is_some_and(|below| of.request.has_date(below));
            if page.is_full() && has_next {
                page.next = Some(high);
                return Ok(());
            }
            next = Some(self.block(of, head, back_from(of, page, high), high).await?);
        }
        Ok(())
    }

    /// The newest events of a page that goes back.
    async fn newest_block(
        &self,
        of: &HistoryOf<'_>,
        head: &StreamHead,
        start: HistoryStart,
        page: &Filling,
    ) -> Result<Option<Block>, QueryError> {
        let mut high = start.version.min(head.version);
        if let Some(to_date) = of.request.to_date.filter(|_| start.is_first) {
            let snapshot = self.snapshots.newest_as_of(of.key, to_date).await?;
            let known = snapshot.map_or(Version::new(0), |state| state.version());
            // The next snapshot has a later event, so the dates end before it, unless events arrived late.
            let guess = high.min(known.plus(SNAPSHOT_INTERVAL.get() - 1));
            let block = self.block(of, head, back_from(of, page, known.min(high)), guess).await?;
            if block.is_past_dates || guess == high {
                return Ok(Some(block));
            }
            high = high.min(self.newest_in_dates(of, head, to_date, guess.next()).await?);
            if high <= guess {
                return Ok(Some(block));
            }
        }
        if high < Version::FIRST {
            return Ok(None);
        }
        self.block(of, head, back_from(of, page, high), high).await.map(Some)
    }

    async fn block(
        &self,
        of: &HistoryOf<'_>,
        head: &StreamHead,
        low: Version,
        high: Version,
    ) -> Result<Block, QueryError> {
        let StreamSection { state, mut events } = self.section(of.key, low, high).await?;
        let mut folder = StreamFolder::new(&self.adapters, state);
        let mut block = Block { low, matching: Vec::new(), below: None, is_past_dates: false };
        loop {
            for stored in &events {
                if stored.event.version == low {
                    block.below = folder.state().and_then(Aggregate::newest).map(|newest| newest.timestamp);
                }
                let is_wanted = stored.event.version >= low;
                block.matching.extend(self.fold(of, &mut folder, &stored.event, is_wanted)?);
                block.is_past_dates |= is_past_dates(of, head, stored);
            }
            if folder.next_version() > high {
                return Ok(block);
            }
            events = self.read_events(of.key, folder.next_version(), high).await?;
            if events.is_empty() {
                return Ok(block);
            }
        }
    }

    /// The newest version, from `from` on, of which the event may be in the dates.
    async fn newest_in_dates(
        &self,
        of: &HistoryOf<'_>,
        head: &StreamHead,
        to_date: Timestamp,
        from: Version,
    ) -> Result<Version, QueryError> {
        let events = self.store.read(of.key, &ReadOptions::from(from, DATES_PAGE)).await?;
        let later = events.iter().find(|stored| stored.head.highest() > to_date);
        Ok(later.map_or(head.version, |later| later.event.version.previous().max(head.newest_late())))
    }

    async fn section(&self, key: &EntityKey, from: Version, to: Version) -> Result<StreamSection, QueryError> {
        Ok(self.sections.read(&SectionRequest { key, from, to, max_bytes: READ_BYTES }).await?)
    }

    async fn read_events(&self, key: &EntityKey, from: Version, to: Version) -> Result<Vec<StoredEvent>, QueryError> {
        // A snapshot of the newest version has no events after it.
        let limit = READ_PAGE.min(to.next().get().saturating_sub(from.get()));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let options = ReadOptions { to_version: Some(to), max_bytes: READ_BYTES, ..ReadOptions::from(from, limit) };
        Ok(self.store.read(key, &options).await?)
    }

    /// Folds one event. Returns what it changed, if it is wanted and matches.
    pub(super) fn fold(
        &self,
        of: &HistoryOf<'_>,
        folder: &mut StreamFolder<'_>,
        event: &DomainEvent,
        is_wanted: bool,
    ) -> Result<Option<HistoryEvent>, QueryError> {
        let change = self.adapters.read_event(&event.input()).map_err(QueryError::Unreadable)?;
        let is_wanted = is_wanted && of.request.has_date(event.timestamp());
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

/// The first version of a block that ends with `high`.
fn back_from(of: &HistoryOf<'_>, page: &Filling, high: Version) -> Version {
    let missing = page.skip.saturating_add(page.events.missing()).max(1);
    let size = match of.request {
        HistoryRequest { raw: true, .. } => RAW_BLOCK.min(missing),
        request if request.fields.is_empty() => missing.min(READ_PAGE),
        _ => BLOCK,
    };
    Version::new(high.get().saturating_sub(size - 1).max(1))
}

/// Whether every event after this one is later than the dates.
fn is_past_dates(of: &HistoryOf<'_>, head: &StreamHead, stored: &StoredEvent) -> bool {
    of.request.is_after_dates(stored.head.highest()) && stored.event.version >= head.newest_late()
}

/// The page, without a count.
pub(super) fn filled(
    of: &HistoryOf<'_>,
    page: PageNumbers,
    filling: Filling,
) -> Result<Page<HistoryEvent>, QueryError> {
    let HistoryOf { request, key, .. } = of;
    let (results, end) = filling.events.finish();
    let next = filling.next.map(|next| request.next(request.scope(key), page, end, next)).transpose()?;
    Ok(Page { results, count: None, next, previous: page.previous().filter(|_| request.cursor.is_none()) })
}
