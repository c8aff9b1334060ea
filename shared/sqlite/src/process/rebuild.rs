//! Rebuilding the read model from the events, while another process may go on serving.
//!
//! Promises that readers see the old read model until the new one is whole, that what is appended
//! meanwhile is in it, and that an interrupted rebuild leaves the old one as it was.

use std::sync::Arc;

use annals_application::ports::{CommitPosition, EventFeed, EventStore};
use annals_application::projection::{StreamRebuildReport, StreamRebuilder};

use super::{ProcessError, ProcessSettings};
use crate::{Database, Finish, Rebuild, SqliteEventStore};

/// How many streams are rebuilt in one transaction.
const STREAMS: usize = 500;
/// How many events are looked through at once for what changed meanwhile.
const EVENTS: usize = 5_000;

/// How often what changed meanwhile is looked for: beside a writer that never rests it never ends.
const MOST_PASSES: usize = 1_000;

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RebuildProgress {
    /// Streams rebuilt.
    pub done: u64,
    /// Streams there were at the start.
    pub total: u64,
}

/// Replays all events into a fresh read model and swaps it in.
pub async fn rebuild(
    settings: &ProcessSettings,
    progress: &mut (dyn FnMut(RebuildProgress) + Send),
) -> Result<StreamRebuildReport, ProcessError> {
    let adapters = settings.adapters()?;
    let catalog = Arc::new(settings.catalog(&adapters)?);
    let database = Database::open(&settings.db)?;
    let events = Arc::new(SqliteEventStore::new(database.clone()));
    let rebuilder = StreamRebuilder::new(Arc::clone(&events) as Arc<dyn EventStore>, Arc::clone(&catalog), adapters);
    let fresh = Rebuild::begin(database, &catalog).await?;
    let total = events.stream_count().await?;
    let mut up_to = events.last_commit().await?.map_or(CommitPosition::default(), |(position, _)| position);
    let mut report = StreamRebuildReport::default();
    let (mut done, mut last) = (0, None);
    loop {
        let keys = events.streams_after(last.as_ref(), STREAMS).await?;
        rebuilder.rebuild(&keys, &fresh, &mut report).await?;
        done += keys.len() as u64;
        progress(RebuildProgress { done, total: total.max(done) });
        let Some(key) = keys.into_iter().next_back() else { break };
        last = Some(key);
    }
    // A stream that got events meanwhile is folded once more; the swap happens only where none did.
    for _ in 0..MOST_PASSES {
        let changed = events.changed_after(up_to, EVENTS).await?;
        if changed.up_to > up_to {
            let mut again = StreamRebuildReport::default();
            rebuilder.rebuild(&changed.keys, &fresh, &mut again).await?;
            report.failed.extend(again.failed);
            up_to = changed.up_to;
            continue;
        }
        if let Finish::Done = fresh.try_finish(up_to).await? {
            return Ok(report);
        }
    }
    Err(ProcessError::RebuildOvertaken)
}
