//! Walking all streams, in bounded memory: how a rebuild finds what to project.

use annals_application::ports::{CommitPosition, PortError};
use annals_domain::identity::{AggregateId, EntityKey, EntityName};
use rusqlite::{Row, params};

use super::{RESOURCE, SqliteEventStore, feed, row};
use crate::database::Failure;

/// Streams that got events behind a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedStreams {
    /// The streams, each once, in the order of their keys.
    pub keys: Vec<EntityKey>,
    /// Up to where was looked: from here on to ask for more.
    pub up_to: CommitPosition,
}

impl SqliteEventStore {
    /// Up to `limit` keys of streams behind `after`, in the order of the keys.
    pub async fn streams_after(&self, after: Option<&EntityKey>, limit: usize) -> Result<Vec<EntityKey>, PortError> {
        let after = after.cloned();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let read = self.database.read(RESOURCE, move |transaction| {
            // Every stream has a version 1, and only one.
            let mut statement = transaction.prepare_cached(
                "SELECT entity_name, aggregate_id FROM events \
                 WHERE (entity_name, aggregate_id) > (?, ?) AND version = 1 \
                 ORDER BY entity_name, aggregate_id LIMIT ?",
            )?;
            let name = after.as_ref().map_or("", |key| key.entity_name.as_str());
            let id = after.as_ref().map_or([0; 16], |key| *key.aggregate_id.uuid().as_bytes());
            let mut rows = statement.query(params![name, id, limit])?;
            let mut keys = Vec::new();
            while let Some(row) = rows.next()? {
                keys.push(key(row)?);
            }
            Ok(keys)
        });
        read.await
    }

    /// How many streams there are.
    pub async fn stream_count(&self) -> Result<u64, PortError> {
        let read = self.database.read(RESOURCE, |transaction| {
            let mut statement = transaction.prepare_cached("SELECT count(*) FROM events WHERE version = 1")?;
            let count: i64 = statement.query_row([], |row| row.get(0))?;
            u64::try_from(count).map_err(Failure::unreadable)
        });
        read.await
    }

    /// The streams of the next `limit` events behind a position. Where `up_to` is that position
    /// there were none.
    pub async fn changed_after(&self, after: CommitPosition, limit: usize) -> Result<ChangedStreams, PortError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let read = self.database.read(RESOURCE, move |transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT entity_name, aggregate_id, commit_position FROM events \
                 WHERE commit_position > ? ORDER BY commit_position LIMIT ?",
            )?;
            let mut rows = statement.query([feed::stored(after), limit])?;
            let mut changed = ChangedStreams { keys: Vec::new(), up_to: after };
            while let Some(row) = rows.next()? {
                changed.keys.push(key(row)?);
                changed.up_to = feed::position(row.get(2)?)?;
            }
            changed.keys.sort();
            changed.keys.dedup();
            Ok(changed)
        });
        read.await
    }
}

fn key(row: &Row<'_>) -> Result<EntityKey, Failure> {
    let name = row.get_ref(0)?.as_str().map_err(Failure::unreadable)?;
    Ok(EntityKey { entity_name: EntityName::new(name), aggregate_id: AggregateId::from_uuid(row::uuid(row, 1)?) })
}
