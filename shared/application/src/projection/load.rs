//! A record's state at a version, from a snapshot and the events behind it.
//!
//! Promises the state that folding the whole stream gives. Snapshot and tail are asked for at once: the
//! tail from where a snapshot is at the earliest, if each was kept. One that is missing costs reads of
//! what lies between, not the answer.

use std::num::NonZeroU64;

use annals_domain::aggregate::Aggregate;
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use annals_domain::provider_adapter::ProviderAdapters;

use super::ProjectionFailure;
use crate::ports::{EventStore, PortError, PortErrorKind, ReadOptions, SnapshotStore, StoredEvent};

/// How many events of a stream are read at once.
pub(super) const PAGE: usize = 500;

/// A state, and what it took.
pub(super) struct LoadedState {
    pub(super) aggregate: Aggregate,
    /// How many events were folded in: more than lie between two snapshots where one is missing.
    pub(super) folded: u64,
}

/// Loads states.
#[derive(Clone, Copy)]
pub struct StateLoader<'a> {
    /// Where events are.
    pub store: &'a dyn EventStore,
    /// Where snapshots are.
    pub snapshots: &'a dyn SnapshotStore,
    /// What events say.
    pub adapters: &'a ProviderAdapters,
    /// How many versions lie between two snapshots of a record.
    pub snapshot_interval: NonZeroU64,
}

impl StateLoader<'_> {
    /// The state of a record at a version that is in the store. `fresh` is the record before any event.
    pub async fn load(
        &self,
        key: &EntityKey,
        version: Version,
        fresh: Aggregate,
    ) -> Result<Aggregate, ProjectionFailure> {
        Ok(self.loaded(key, version, fresh).await?.aggregate)
    }

    /// The same, with what it took.
    pub(super) async fn loaded(
        &self,
        key: &EntityKey,
        version: Version,
        fresh: Aggregate,
    ) -> Result<LoadedState, ProjectionFailure> {
        let earliest = self.earliest_snapshot(version);
        let tail = self.read(key, earliest.next(), version);
        let (snapshot, tail) = futures::try_join!(async { Ok(self.snapshots.newest(key, version).await?) }, tail)?;
        let mut aggregate = snapshot.unwrap_or(fresh);
        let start = aggregate.version().get();
        self.catch_up(&mut aggregate, key, earliest).await?;
        self.fold(&mut aggregate, &tail)?;
        self.catch_up(&mut aggregate, key, version).await?;
        let folded = aggregate.version().get().saturating_sub(start);
        Ok(LoadedState { aggregate, folded })
    }

    /// Folds in what the state lacks up to a version, page by page.
    async fn catch_up(
        &self,
        aggregate: &mut Aggregate,
        key: &EntityKey,
        version: Version,
    ) -> Result<(), ProjectionFailure> {
        while aggregate.version() < version {
            let page = self.read(key, aggregate.version().next(), version).await?;
            self.fold(aggregate, &page)?;
        }
        Ok(())
    }

    /// Where the newest snapshot below a version is at the earliest: it is kept behind the batch that
    /// passes a multiple of the interval.
    fn earliest_snapshot(&self, version: Version) -> Version {
        let interval = self.snapshot_interval.get();
        Version::new(version.previous().get() / interval * interval)
    }

    /// The events between two versions, both included, up to a page.
    pub(super) async fn read(
        &self,
        key: &EntityKey,
        from: Version,
        to: Version,
    ) -> Result<Vec<StoredEvent>, ProjectionFailure> {
        let options = ReadOptions { to_version: Some(to), ..ReadOptions::from(from, PAGE) };
        let page = self.store.read(key, &options).await.map_err(of_one_stream)?;
        if page.is_empty() {
            return Err(ProjectionFailure::Poison(format!("version {from} is not in the store")));
        }
        Ok(page)
    }

    /// Folds in events; what the state holds already alters nothing.
    fn fold(&self, aggregate: &mut Aggregate, events: &[StoredEvent]) -> Result<(), ProjectionFailure> {
        let held = aggregate.version();
        for stored in events.iter().filter(|stored| stored.event.version > held) {
            aggregate.apply(stored.event.version, &self.adapters.read_event(&stored.event)?);
        }
        Ok(())
    }
}

/// A stream that cannot be read as stored is its record's own fault, not an outage.
pub(super) fn of_one_stream(error: PortError) -> ProjectionFailure {
    match error.kind {
        PortErrorKind::Corrupt => ProjectionFailure::Poison(error.to_string()),
        _ => error.into(),
    }
}
