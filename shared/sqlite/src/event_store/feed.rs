//! The feed: all events in the order of their commits, and the checkpoint of each consumer.
//!
//! Positions are assigned under the write lock, so a position never appears before a lower one.

use annals_application::ports::{CommitPosition, EventFeed, FeedConsumer, PortError, StoredEvent};
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{RESOURCE, SqliteEventStore, row};
use crate::columns::{number, timestamp};
use crate::database::Failure;

const SELECT_AFTER: &str = concat!(
    "SELECT ",
    row::columns!(),
    ", commit_position FROM events \
     WHERE commit_position > ? ORDER BY commit_position LIMIT ?"
);

/// A batch ends after this many bytes of inputs, so that large inputs do not need more memory.
const BATCH_BYTES: usize = 16 * 1024 * 1024;

#[async_trait]
impl EventFeed for SqliteEventStore {
    async fn after(
        &self,
        after: CommitPosition,
        limit: usize,
    ) -> Result<Vec<(CommitPosition, StoredEvent)>, PortError> {
        let limit = number(limit);
        let read = self.database.read(RESOURCE, move |transaction| {
            let mut statement = transaction.prepare_cached(SELECT_AFTER)?;
            let mut rows = statement.query([to_column(after), limit])?;
            let (mut events, mut bytes) = (Vec::new(), 0);
            while let Some(row) = rows.next()? {
                let event = row::event(row)?;
                bytes += event.event.data.len();
                events.push((position(row.get(row::COLUMNS)?)?, event));
                if bytes >= BATCH_BYTES {
                    break;
                }
            }
            Ok(events)
        });
        read.await
    }

    async fn checkpoint(&self, consumer: FeedConsumer) -> Result<CommitPosition, PortError> {
        self.database.read("checkpoint", move |transaction| checkpoint(transaction, consumer)).await
    }

    async fn advance(&self, consumer: FeedConsumer, to: CommitPosition) -> Result<(), PortError> {
        let advanced = self.database.write_derived("checkpoint", move |transaction| {
            let mut statement = transaction.prepare_cached(
                "INSERT INTO checkpoint (name, position) VALUES (?, ?) \
                 ON CONFLICT (name) DO UPDATE SET position = max(position, excluded.position)",
            )?;
            statement.execute(params![consumer.as_str(), to_column(to)])?;
            Ok(())
        });
        advanced.await
    }

    async fn last_commit(&self) -> Result<Option<(CommitPosition, Timestamp)>, PortError> {
        let read = self.database.read(RESOURCE, |transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT commit_position, recorded_at FROM events ORDER BY commit_position DESC LIMIT 1",
            )?;
            let last = |row: &Row<'_>| -> Result<_, Failure> { Ok((position(row.get(0)?)?, timestamp(row, 1)?)) };
            statement.query_and_then([], last)?.next().transpose()
        });
        read.await
    }
}

fn checkpoint(connection: &Connection, consumer: FeedConsumer) -> Result<CommitPosition, Failure> {
    let mut statement = connection.prepare_cached("SELECT position FROM checkpoint WHERE name = ?")?;
    let found = statement.query_row([consumer.as_str()], |row| row.get(0)).optional()?;
    position(found.unwrap_or(0))
}

pub(crate) fn last_position(connection: &Connection) -> Result<CommitPosition, Failure> {
    let mut statement = connection.prepare_cached("SELECT coalesce(max(commit_position), 0) FROM events")?;
    position(statement.query_row([], |row| row.get(0))?)
}

pub(super) fn to_column(position: CommitPosition) -> i64 {
    number(position.0)
}

pub(super) fn position(number: i64) -> Result<CommitPosition, Failure> {
    u64::try_from(number).map(CommitPosition).map_err(Failure::unreadable)
}
