//! Snapshots: one row a record, fold version and version.

use annals_application::ports::{PortError, SnapshotStore};
use annals_domain::aggregate::{Aggregate, FOLD_VERSION};
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use async_trait::async_trait;
use rusqlite::{OptionalExtension, Transaction, params};

use super::SqliteStateStore;
use crate::columns::{json, number, to_json};
use crate::database::Failure;

#[async_trait]
impl SnapshotStore for SqliteStateStore {
    async fn put(&self, snapshots: Vec<Aggregate>) -> Result<(), PortError> {
        if snapshots.is_empty() {
            return Ok(());
        }
        self.database.write_derived("snapshot", move |transaction| put(transaction, &snapshots)).await
    }

    async fn newest(&self, key: &EntityKey, at_most: Version) -> Result<Option<Aggregate>, PortError> {
        let key = key.clone();
        self.database.read("snapshot", move |transaction| newest(transaction, &key, at_most)).await
    }
}

fn put(transaction: &Transaction<'_>, snapshots: &[Aggregate]) -> Result<(), Failure> {
    let mut statement = transaction.prepare_cached(
        "INSERT OR REPLACE INTO snapshot (entity_name, aggregate_id, fold_version, version, state) \
         VALUES (?, ?, ?, ?, ?)",
    )?;
    for snapshot in snapshots {
        let key = snapshot.key();
        statement.execute(params![
            key.entity_name.as_str(),
            key.aggregate_id.uuid().as_bytes(),
            FOLD_VERSION,
            number(snapshot.version().get()),
            to_json(snapshot)?,
        ])?;
    }
    Ok(())
}

fn newest(transaction: &Transaction<'_>, key: &EntityKey, at_most: Version) -> Result<Option<Aggregate>, Failure> {
    let mut statement = transaction.prepare_cached(
        "SELECT state FROM snapshot WHERE entity_name = ? AND aggregate_id = ? AND fold_version = ? AND version <= ? \
         ORDER BY version DESC LIMIT 1",
    )?;
    let (name, id) = (key.entity_name.as_str(), key.aggregate_id.uuid());
    let parameters = params![name, id.as_bytes(), FOLD_VERSION, number(at_most.get())];
    let found = statement.query_row(parameters, |row| Ok(json(row, 0))).optional()?;
    // A snapshot only saves reads: without it, the events are replayed.
    Ok(found.and_then(|snapshot| {
        snapshot.map_err(|failure| tracing::warn!(?failure, entity_key = %key, "snapshot not readable, ignored")).ok()
    }))
}
