//! A record's state at a version, loaded from a snapshot and the events after it.
//!
//! The result is the state that folding the whole stream gives. The snapshot and the events after the
//! earliest version it can have are requested at once. A missing snapshot costs more reads, nothing else.

use std::num::NonZeroU64;

use annals_domain::aggregate::Aggregate;
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use annals_domain::provider_adapter::ProviderAdapters;
use futures::{StreamExt, TryStreamExt, stream};

use super::failure::ProjectionFailure;
use super::folder::StreamFolder;
use crate::ports::{EventStore, ReadOptions, SnapshotStore, StoredEvent, StoredInput};

/// The number of events in one read of a stream.
const READ_PAGE: u64 = 250;
/// The bytes of the events' data in one read, which ordinary events do not reach: a load has up to six reads in memory.
const READ_BYTES: usize = 1024 * 1024;
/// The number of reads that a load has under way, so that the store works while what it has returned is folded.
const READS_AHEAD: usize = 4;

pub(super) struct LoadedState {
    pub(super) aggregate: Aggregate,
    /// The number of events after the snapshot that were folded. More than the snapshot interval means
    /// that a snapshot is missing.
    pub(super) folded: u64,
}

#[derive(Clone, Copy)]
pub struct StateLoader<'a> {
    pub store: &'a dyn EventStore,
    pub snapshots: &'a dyn SnapshotStore,
    pub adapters: &'a ProviderAdapters,
    /// The number of versions between two snapshots of a record.
    pub snapshot_interval: NonZeroU64,
}

impl StateLoader<'_> {
    /// The state of a record at a version. Fails if the store has no event of that version.
    pub async fn load(&self, key: &EntityKey, version: Version) -> Result<Aggregate, ProjectionFailure> {
        Ok(self.load_counted(key, version).await?.aggregate)
    }

    /// As [`Self::load`], with the number of folded events.
    pub(super) async fn load_counted(
        &self,
        key: &EntityKey,
        version: Version,
    ) -> Result<LoadedState, ProjectionFailure> {
        let earliest = self.earliest_snapshot(version);
        let tail = self.inputs(key, earliest.next(), version.min(earliest.plus(READ_PAGE)));
        let (snapshot, tail) = futures::try_join!(async { Ok(self.snapshots.newest(key, version).await?) }, tail)?;
        let start = snapshot.as_ref().map_or(0, |snapshot| snapshot.version().get());
        let mut folder = StreamFolder::new(self.adapters, snapshot);
        self.fold_up_to(earliest, &mut folder, key).await?;
        fold_all(&mut folder, key, tail)?;
        self.fold_up_to(version, &mut folder, key).await?;
        let aggregate = folder.into_state().ok_or_else(|| not_stored(version))?;
        let folded = aggregate.version().get().saturating_sub(start);
        Ok(LoadedState { aggregate, folded })
    }

    /// Folds the events that the state lacks up to a version, range by range. What one read of a range did not return,
    /// because the events are large, is read before the next range is folded.
    async fn fold_up_to(
        &self,
        version: Version,
        folder: &mut StreamFolder<'_>,
        key: &EntityKey,
    ) -> Result<(), ProjectionFailure> {
        let within = |from: Version| (from <= version).then_some(from);
        let firsts = std::iter::successors(within(folder.next_version()), |from| within(from.plus(READ_PAGE)));
        let reads = firsts.map(|from| async move {
            let to = from.plus(READ_PAGE - 1).min(version);
            Ok::<_, ProjectionFailure>((to, self.inputs(key, from, to).await?))
        });
        let mut ranges = stream::iter(reads).buffered(READS_AHEAD);
        while let Some((to, inputs)) = ranges.try_next().await? {
            fold_all(folder, key, inputs)?;
            while folder.next_version() <= to {
                let inputs = self.inputs(key, folder.next_version(), to).await?;
                fold_all(folder, key, inputs)?;
            }
        }
        Ok(())
    }

    /// The first inputs from `from` to `to`, both included: as many as one read returns. Fails if there is none.
    async fn inputs(&self, key: &EntityKey, from: Version, to: Version) -> Result<Vec<StoredInput>, ProjectionFailure> {
        let read = self.store.read_inputs(key, &range(from, to)).await;
        let inputs = read.map_err(ProjectionFailure::of_stream_read)?;
        if inputs.is_empty() { Err(not_stored(from)) } else { Ok(inputs) }
    }

    /// The version of the newest snapshot below `version`, if none is missing.
    fn earliest_snapshot(&self, version: Version) -> Version {
        let interval = self.snapshot_interval.get();
        Version::new(version.previous().get() / interval * interval)
    }

    /// Up to a page of the events from `from` to `to`, both included. Fails if there is none.
    pub(super) async fn read(
        &self,
        key: &EntityKey,
        from: Version,
        to: Version,
    ) -> Result<Vec<StoredEvent>, ProjectionFailure> {
        let page = self.store.read(key, &range(from, to)).await.map_err(ProjectionFailure::of_stream_read)?;
        if page.is_empty() { Err(not_stored(from)) } else { Ok(page) }
    }
}

/// Whether a read of a page found the last events of a stream.
pub(super) fn is_last_page(inputs: &[StoredInput]) -> bool {
    let bytes: usize = inputs.iter().map(|input| input.data.len()).sum();
    (inputs.len() as u64) < READ_PAGE && bytes < READ_BYTES
}

/// The options of one read of a range of versions, both ends included.
fn range(from: Version, to: Version) -> ReadOptions {
    ReadOptions { to_version: Some(to), ..page(from) }
}

/// The options of one read from a version on.
pub(super) fn page(from: Version) -> ReadOptions {
    let limit = usize::try_from(READ_PAGE).unwrap_or(usize::MAX);
    ReadOptions { max_bytes: READ_BYTES, ..ReadOptions::from(from, limit) }
}

fn fold_all(folder: &mut StreamFolder<'_>, key: &EntityKey, inputs: Vec<StoredInput>) -> Result<(), ProjectionFailure> {
    for input in inputs {
        folder.fold_input(key, &input)?;
    }
    Ok(())
}

fn not_stored(version: Version) -> ProjectionFailure {
    ProjectionFailure::Poison(format!("version {version} is not in the store"))
}
