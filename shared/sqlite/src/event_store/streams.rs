//! Pages of streams: how a rebuild finds what to project, in bounded memory.

use annals_application::ports::{CommitPosition, PortError};
use annals_domain::identity::EntityKey;
use rusqlite::params;

use super::{RESOURCE, SqliteEventStore, feed};
use crate::columns::{key, number, unsigned};

/// Streams with events after a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedStreams {
    /// Each stream once, in key order.
    pub keys: Vec<EntityKey>,
    /// The last position that was read: the next call starts after it.
    pub up_to: CommitPosition,
}

impl SqliteEventStore {
    /// The keys of up to `limit` streams after a key, in key order.
    pub async fn streams_after(&self, after: Option<&EntityKey>, limit: usize) -> Result<Vec<EntityKey>, PortError> {
        let after = after.cloned();
        let limit = number(limit);
        let read = self.database.read(RESOURCE, move |transaction| {
            // Every stream has exactly one event of version 1.
            let mut statement = transaction.prepare_cached(
                "SELECT entity_name, aggregate_id FROM events \
                 WHERE (entity_name, aggregate_id) > (?, ?) AND version = 1 \
                 ORDER BY entity_name, aggregate_id LIMIT ?",
            )?;
            let name = after.as_ref().map_or("", |key| key.entity_name.as_str());
            let id = after.as_ref().map_or([0; 16], |key| *key.aggregate_id.uuid().as_bytes());
            statement.query_and_then(params![name, id, limit], |row| key(row, 0))?.collect()
        });
        read.await
    }

    pub async fn stream_count(&self) -> Result<u64, PortError> {
        let read = self.database.read(RESOURCE, |transaction| {
            let mut statement = transaction.prepare_cached("SELECT count(*) FROM events WHERE version = 1")?;
            statement.query_row([], |row| Ok(unsigned(row, 0)))?
        });
        read.await
    }

    /// The streams of the next `limit` events after a position. If there are none, `up_to` is that position.
    pub async fn changed_after(&self, after: CommitPosition, limit: usize) -> Result<ChangedStreams, PortError> {
        let limit = number(limit);
        let read = self.database.read(RESOURCE, move |transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT entity_name, aggregate_id, commit_position FROM events \
                 WHERE commit_position > ? ORDER BY commit_position LIMIT ?",
            )?;
            let mut rows = statement.query([feed::to_column(after), limit])?;
            let mut changed = ChangedStreams { keys: Vec::new(), up_to: after };
            while let Some(row) = rows.next()? {
                changed.keys.push(key(row, 0)?);
                changed.up_to = feed::position(row.get(2)?)?;
            }
            changed.keys.sort();
            changed.keys.dedup();
            Ok(changed)
        });
        read.await
    }
}
