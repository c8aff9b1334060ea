//! Pages of histories from a date on, in version order.
//!
//! Such a page starts after the newest snapshot without an event of that date or later. The stream's head is read only if
//! the dates end on the page and the stream goes on: only the head tells whether an event after that arrived late.

use annals_domain::aggregate::Aggregate;
use annals_domain::position::Version;
use annals_domain::timestamp::Timestamp;
use tokio::sync::OnceCell;

use super::error::QueryError;
use super::history::HistoryEvent;
use super::history_reader::{Filling, HistoryOf, HistoryReader, READ_PAGE, filled};
use super::page::Page;
use super::paging::PageNumbers;
use super::past_state::{READ_BYTES, is_last};
use crate::ports::{ReadOptions, StoredEvent};
use crate::projection::{SNAPSHOT_INTERVAL, StreamFolder};

impl HistoryReader {
    /// The page; `None` if the stream has no events.
    pub(super) async fn read_from_date(
        &self,
        of: &HistoryOf<'_>,
        from_date: Timestamp,
        page: PageNumbers,
    ) -> Result<Option<Page<HistoryEvent>>, QueryError> {
        // None of its events is in the dates.
        let state = self.snapshots.newest_as_of(of.key, from_date.plus_millis(-1)).await?;
        let mut filling = self.filling(page, page.offset());
        let limit = first_limit(of, &filling);
        let events = self.read_on(of, state.as_ref().map_or(Version::FIRST, |state| state.version().next()), limit);
        let events = events.await?;
        if state.is_none() && events.is_empty() {
            return Ok(None);
        }
        of.request.check_fields(of.schema)?;
        self.fill(of, state, (events, limit), &mut filling).await?;
        filled(of, page, filling).map(Some)
    }

    /// Fills the page from a state, the events after it, and those that follow if these were as many as their limit.
    async fn fill(
        &self,
        of: &HistoryOf<'_>,
        state: Option<Aggregate>,
        (mut events, mut limit): (Vec<StoredEvent>, usize),
        page: &mut Filling,
    ) -> Result<(), QueryError> {
        let mut folder = StreamFolder::new(&self.adapters, state);
        let newest_late = OnceCell::new();
        loop {
            let last = events.last().filter(|_| is_last(&events, limit));
            for stored in &events {
                if let Some(event) = self.fold(of, &mut folder, &stored.event, true)?
                    && !page.offer(event)
                {
                    return Ok(());
                }
                if of.request.is_after_dates(stored.head.highest())
                    && stored.event.version >= *newest_late.get_or_try_init(|| self.newest_late(of, last)).await?
                {
                    return Ok(());
                }
            }
            if is_last(&events, limit) {
                return Ok(());
            }
            limit = usize::try_from(READ_PAGE).unwrap_or(usize::MAX);
            events = self.read_on(of, folder.next_version(), limit).await?;
        }
    }

    /// The newest event that may have arrived late. `last` is the last event of the stream, if it is known.
    async fn newest_late(&self, of: &HistoryOf<'_>, last: Option<&StoredEvent>) -> Result<Version, QueryError> {
        if let Some(last) = last {
            return Ok(last.head.newest_late());
        }
        let heads = self.store.heads(std::slice::from_ref(of.key)).await?;
        Ok(heads.into_iter().flatten().next().map_or(Version::new(0), |head| head.newest_late()))
    }

    async fn read_on(&self, of: &HistoryOf<'_>, from: Version, limit: usize) -> Result<Vec<StoredEvent>, QueryError> {
        let options = ReadOptions { max_bytes: READ_BYTES, ..ReadOptions::from(from, limit) };
        Ok(self.store.read(of.key, &options).await?)
    }
}

/// As many events as the page takes, and one more, which shows whether there is a next page; before them those up to the
/// next snapshot, of which only the last may be in the dates.
fn first_limit(of: &HistoryOf<'_>, page: &Filling) -> usize {
    let wanted = if of.request.fields.is_empty() { page.missing() + 1 } else { READ_PAGE };
    let limit = page.skip.saturating_add(wanted).saturating_add(SNAPSHOT_INTERVAL.get());
    usize::try_from(limit.min(READ_PAGE)).unwrap_or(usize::MAX)
}
