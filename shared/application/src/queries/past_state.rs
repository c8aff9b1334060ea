//! A record's state at a moment in its past, folded from exactly the events that count then.
//!
//! It starts from the newest snapshot of which all events count, and reads the events after it. By the CRM's clock it
//! stops at the first event after the moment, unless events arrived late after it: these it reads by their time. Where
//! events are in order and have snapshots, the cost does not depend on the length of the stream.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals_domain::aggregate::Aggregate;
use annals_domain::event::{DomainEvent, Source};
use annals_domain::identity::EntityKey;
use annals_domain::position::{EventId, Position, Version};
use annals_domain::provider_adapter::{ProviderAdapter, ProviderAdapters};
use futures::try_join;

use super::error::QueryError;
use super::moment::{Known, Moment};
use crate::ports::{EventStore, MAX_PAGE_BYTES, PortError, PortErrorKind, ReadOptions, SnapshotStore, StoredEvent};
use crate::projection::StreamFolder;

/// The number of events in the first read after a snapshot: all up to the next snapshot, and some more where
/// snapshots are further apart.
const FIRST_PAGE: usize = 100;
/// The number of events in each read after it.
const PAGE: usize = 500;

/// The bytes of the events' data in one read: they are in memory together.
pub(super) const READ_BYTES: usize = MAX_PAGE_BYTES;
/// A version that no stream reaches; stores keep versions in 63 bits.
const BEYOND_ANY_STREAM: u64 = u64::MAX >> 1;

/// What readers see of the event behind a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EventOrigin {
    pub(super) position: Position,
    pub(super) version: Version,
    pub(super) user: Option<String>,
    pub(super) source: Source,
}

impl EventOrigin {
    pub(super) fn of(event: &DomainEvent) -> Self {
        let (user, source) = (event.metadata.user.clone(), event.metadata.source);
        Self { position: event.position, version: event.version, user, source }
    }
}

/// A record's state at a moment.
#[derive(Debug)]
pub(super) struct PastState {
    pub(super) state: Aggregate,
    /// The events that were folded after the snapshot.
    pub(super) folded: BTreeMap<EventId, EventOrigin>,
}

/// Reads states of the past.
#[derive(Clone)]
pub(super) struct PastStates {
    pub(super) store: Arc<dyn EventStore>,
    pub(super) snapshots: Arc<dyn SnapshotStore>,
    pub(super) adapters: ProviderAdapters,
}

/// Where the read of a stream goes on after an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// At the next event.
    On,
    /// At events that arrived late: all others that follow were committed after the moment.
    Late,
    /// Nowhere: all others that follow were stored after the moment, too.
    End,
}

/// The fold of the events that count.
struct PastFold<'a> {
    moment: &'a Moment,
    /// The newest event that may have arrived late.
    newest_late: Version,
    folder: StreamFolder<'a>,
    folded: BTreeMap<EventId, EventOrigin>,
    next: Version,
}

impl PastStates {
    /// The state at a moment; `None` if no event counts then. For a version, `None` too if the stream is shorter.
    pub(super) async fn read(&self, key: &EntityKey, moment: &Moment) -> Result<Option<PastState>, QueryError> {
        let (snapshot, newest_late) = try_join!(self.snapshot(key, moment), self.newest_late(key, moment))?;
        let next = snapshot.as_ref().map_or(Version::FIRST, |state| state.version().next());
        let folder = StreamFolder::new(&self.adapters, snapshot);
        let mut fold = PastFold { moment, newest_late, folder, folded: BTreeMap::new(), next };
        if self.fold_in_order(key, &mut fold).await? == Step::Late {
            self.fold_late(key, &mut fold).await?;
        }
        let Some(state) = fold.folder.into_state() else { return Ok(None) };
        let is_there = !matches!(moment.known, Known::Version(version) if version > state.version());
        Ok(is_there.then_some(PastState { state, folded: fold.folded }))
    }

    /// The adapter that maps a state.
    pub(super) fn adapter(&self, state: &Aggregate) -> Result<&dyn ProviderAdapter, QueryError> {
        let provider = state.provider();
        let adapter = self.adapters.get(provider).map(|adapter| &**adapter);
        adapter.ok_or_else(|| {
            let message = format!("no adapter for {provider} in this installation");
            PortError::new(PortErrorKind::Misconfigured, self.store.name(), message).into()
        })
    }

    /// The newest snapshot of which all events count.
    async fn snapshot(&self, key: &EntityKey, moment: &Moment) -> Result<Option<Aggregate>, PortError> {
        let as_of = async {
            match moment.as_of {
                Some(as_of) => self.snapshots.newest_as_of(key, as_of).await.map(Some),
                None => Ok(None),
            }
        };
        let known = async {
            match moment.known {
                Known::Version(version) => self.snapshots.newest(key, version).await.map(Some),
                Known::At(known_at) => self.snapshots.newest_known_at(key, known_at).await.map(Some),
                Known::All if moment.as_of.is_some() => Ok(None),
                Known::All => self.snapshots.newest(key, Version::new(BEYOND_ANY_STREAM)).await.map(Some),
            }
        };
        // Both bounds hold for every snapshot older than one for which they hold, so the older one is in both.
        let (as_of, known) = try_join!(as_of, known)?;
        let found = as_of.into_iter().chain(known);
        Ok(found.min_by_key(|state| state.as_ref().map(Aggregate::version)).flatten())
    }

    /// The newest event that may have arrived late, which only a moment by the CRM's clock needs.
    async fn newest_late(&self, key: &EntityKey, moment: &Moment) -> Result<Version, PortError> {
        if moment.as_of.is_none() {
            return Ok(Version::new(0));
        }
        let heads = self.store.heads(std::slice::from_ref(key)).await?;
        Ok(heads.into_iter().flatten().next().map_or(Version::new(0), |head| head.newest_late()))
    }

    /// Folds one event after the other, up to the first after the moment.
    async fn fold_in_order(&self, key: &EntityKey, fold: &mut PastFold<'_>) -> Result<Step, QueryError> {
        let to_version = match fold.moment.known {
            Known::Version(version) => Some(version),
            Known::All | Known::At(_) => None,
        };
        let mut limit = FIRST_PAGE;
        loop {
            let options = ReadOptions { to_version, max_bytes: READ_BYTES, ..ReadOptions::from(fold.next, limit) };
            let events = self.store.read(key, &options).await?;
            for stored in &events {
                let step = fold.step(stored)?;
                if step != Step::On {
                    return Ok(step);
                }
            }
            if is_last(&events, limit) {
                return Ok(Step::End);
            }
            limit = PAGE;
        }
    }

    /// Folds the events that were committed by then and follow others that were not.
    async fn fold_late(&self, key: &EntityKey, fold: &mut PastFold<'_>) -> Result<(), QueryError> {
        loop {
            let range = ReadOptions { to_version: Some(fold.newest_late), ..ReadOptions::from(fold.next, PAGE) };
            let options = ReadOptions { to_time: fold.moment.as_of, max_bytes: READ_BYTES, ..range };
            let events = self.store.read(key, &options).await?;
            for stored in &events {
                if fold.step(stored)? == Step::End {
                    return Ok(());
                }
            }
            if is_last(&events, PAGE) {
                return Ok(());
            }
        }
    }
}

impl PastFold<'_> {
    /// Folds an event if it counts.
    fn step(&mut self, stored: &StoredEvent) -> Result<Step, QueryError> {
        let event = &*stored.event;
        if self.moment.is_before_storing(event) {
            return Ok(Step::End);
        }
        if self.moment.has_committed(event) {
            self.folder.fold(event).map_err(QueryError::Unreadable)?;
            self.folded.insert(event.event_id(), EventOrigin::of(event));
        }
        self.next = event.version.next();
        let is_passed = self.moment.as_of.is_some_and(|as_of| stored.head.highest() > as_of);
        Ok(match () {
            () if !is_passed => Step::On,
            () if self.newest_late > event.version => Step::Late,
            () => Step::End,
        })
    }
}

/// Whether a read of up to `limit` events found the last ones.
pub(super) fn is_last(events: &[StoredEvent], limit: usize) -> bool {
    events.len() < limit && events.iter().map(|stored| stored.event.data.len()).sum::<usize>() < READ_BYTES
}
