//! Rebuilding the read model from the events, while other processes may use the file.
//!
//! Readers see the current read model until the new one is complete. The new one includes events that are appended
//! during the rebuild. An interrupted rebuild does not change the current one.

use std::sync::Arc;
use std::time::Duration;

use annals_application::ports::{CommitPosition, EventFeed, EventStore};
use annals_application::projection::{StreamRebuildReport, StreamRebuilder};

use super::{ProcessError, ProcessSettings};
use crate::{Database, ReaderSettings, SqliteEventStore, SqliteRebuild, SwapOutcome};

const READ_TIME: Duration = Duration::from_secs(3_600);

/// The number of streams that are rebuilt in one transaction.
const STREAMS: usize = 500;
/// The number of new events that are searched for changed streams at once.
const EVENTS: usize = 5_000;

/// The largest number of passes over streams with new events: beside a writer that never pauses there is no end.
const MAX_PASSES: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RebuildProgress {
    pub done: u64,
    pub total: u64,
}

/// Replays all events into new tables and swaps them in.
pub async fn rebuild(
    settings: &ProcessSettings,
    progress: &mut (dyn FnMut(RebuildProgress) + Send),
) -> Result<StreamRebuildReport, ProcessError> {
    let adapters = settings.adapters()?;
    let catalog = Arc::new(settings.catalog(&adapters)?);
    // Counting all streams of a large file takes long.
    let database = Database::open(&settings.db)?
        .with_readers(ReaderSettings { time_limit: READ_TIME, ..ReaderSettings::default() });
    let events = Arc::new(SqliteEventStore::new(database.clone()));
    let rebuilder = StreamRebuilder::new(Arc::clone(&events) as Arc<dyn EventStore>, Arc::clone(&catalog), adapters);
    let new_tables = SqliteRebuild::begin(database, &catalog).await?;
    let total = events.stream_count().await?;
    let mut up_to = events.last_commit().await?.map_or(CommitPosition::default(), |(position, _)| position);
    let mut report = StreamRebuildReport::default();
    let (mut done, mut last) = (0, None);
    loop {
        let keys = events.streams_after(last.as_ref(), STREAMS).await?;
        rebuilder.rebuild(&keys, &new_tables, &mut report).await?;
        done += keys.len() as u64;
        progress(RebuildProgress { done, total: total.max(done) });
        let Some(key) = keys.into_iter().next_back() else { break };
        last = Some(key);
    }
    // Streams that got events since are rebuilt again; the swap happens only when there are none.
    for _ in 0..MAX_PASSES {
        let changed = events.changed_after(up_to, EVENTS).await?;
        if changed.up_to > up_to {
            let mut again = StreamRebuildReport::default();
            rebuilder.rebuild(&changed.keys, &new_tables, &mut again).await?;
            report.failed.extend(again.failed);
            up_to = changed.up_to;
            continue;
        }
        if let SwapOutcome::Swapped = new_tables.try_finish(up_to).await? {
            return Ok(report);
        }
    }
    Err(ProcessError::RebuildOvertaken)
}
