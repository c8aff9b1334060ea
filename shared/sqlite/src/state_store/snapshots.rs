//! Snapshots: one row a record, fold version and version.

use annals_application::ports::{PortError, Snapshot, SnapshotStore};
use annals_domain::aggregate::{Aggregate, FOLD_VERSION};
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use rusqlite::{OptionalExtension, Transaction, params};

use super::SqliteStateStore;
use crate::columns::{json, number, to_json};
use crate::database::Failure;

/// The newest snapshot of a record for which a column is at most a value.
macro_rules! newest_by {
    ($column:literal) => {
        concat!(
            "SELECT state FROM snapshot WHERE entity_name = ? AND aggregate_id = ? AND fold_version = ? AND ",
            $column,
            " <= ? ORDER BY ",
            $column,
            " DESC, version DESC LIMIT 1"
        )
    };
}

#[async_trait]
impl SnapshotStore for SqliteStateStore {
    async fn put(&self, snapshots: Vec<Snapshot>) -> Result<(), PortError> {
        if snapshots.is_empty() {
            return Ok(());
        }
        self.database.write_derived("snapshot", move |transaction| put(transaction, &snapshots)).await
    }

    async fn newest(&self, key: &EntityKey, at_most: Version) -> Result<Option<Aggregate>, PortError> {
        self.newest_by(newest_by!("version"), key, number(at_most.get())).await
    }

    async fn newest_as_of(&self, key: &EntityKey, as_of: Timestamp) -> Result<Option<Aggregate>, PortError> {
        self.newest_by(newest_by!("newest_at"), key, as_of.millis()).await
    }

    async fn newest_known_at(&self, key: &EntityKey, known_at: Timestamp) -> Result<Option<Aggregate>, PortError> {
        self.newest_by(newest_by!("recorded_at"), key, known_at.millis()).await
    }
}

impl SqliteStateStore {
    async fn newest_by(
        &self,
        select: &'static str,
        key: &EntityKey,
        at_most: i64,
    ) -> Result<Option<Aggregate>, PortError> {
        let key = key.clone();
        self.database.read("snapshot", move |transaction| newest(transaction, select, &key, at_most)).await
    }
}

fn put(transaction: &Transaction<'_>, snapshots: &[Snapshot]) -> Result<(), Failure> {
    let mut statement = transaction.prepare_cached(
        "INSERT OR REPLACE INTO snapshot \
         (entity_name, aggregate_id, fold_version, version, state, newest_at, recorded_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?;
    for Snapshot { state, recorded_at } in snapshots {
        let key = state.key();
        statement.execute(params![
            key.entity_name.as_str(),
            key.aggregate_id.uuid().as_bytes(),
            FOLD_VERSION,
            number(state.version().get()),
            to_json(state)?,
            state.newest().map(|position| position.timestamp.millis()),
            recorded_at.millis(),
        ])?;
    }
    Ok(())
}

fn newest(
    transaction: &Transaction<'_>,
    select: &str,
    key: &EntityKey,
    at_most: i64,
) -> Result<Option<Aggregate>, Failure> {
    let mut statement = transaction.prepare_cached(select)?;
    let (name, id) = (key.entity_name.as_str(), key.aggregate_id.uuid());
    let parameters = params![name, id.as_bytes(), FOLD_VERSION, at_most];
    let found = statement.query_row(parameters, |row| Ok(json(row, 0))).optional()?;
    // A snapshot only saves reads: without it, the events are replayed.
    Ok(found.and_then(|snapshot| {
        snapshot.map_err(|failure| tracing::warn!(?failure, entity_key = %key, "snapshot not readable, ignored")).ok()
    }))
}
