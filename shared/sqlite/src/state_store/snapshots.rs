//! Snapshots: a series a record, tagged with the fold's version.

use annals_domain::aggregate::{Aggregate, FOLD_VERSION};
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use rusqlite::{OptionalExtension, Transaction, params};

use crate::columns::{json, number, to_json};
use crate::database::Failure;

pub(super) fn put(transaction: &Transaction<'_>, snapshots: &[Aggregate]) -> Result<(), Failure> {
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

pub(super) fn newest(
    transaction: &Transaction<'_>,
    key: &EntityKey,
    at_most: Version,
) -> Result<Option<Aggregate>, Failure> {
    let mut statement = transaction.prepare_cached(
        "SELECT state FROM snapshot WHERE entity_name = ? AND aggregate_id = ? AND fold_version = ? AND version <= ? \
         ORDER BY version DESC LIMIT 1",
    )?;
    let (name, id) = (key.entity_name.as_str(), key.aggregate_id.uuid());
    let place = params![name, id.as_bytes(), FOLD_VERSION, number(at_most.get())];
    let found = statement.query_row(place, |row| Ok(json(row, 0))).optional()?;
    // A snapshot only saves reads: one that cannot be read is as good as none.
    Ok(found.and_then(|snapshot| {
        snapshot.map_err(|failure| tracing::warn!(?failure, stream.id = %key, "a snapshot cannot be read")).ok()
    }))
}
