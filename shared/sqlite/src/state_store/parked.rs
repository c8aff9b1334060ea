//! Parked projections: one row a record. The order of the rows (`rowid`) is the order of the list.

use annals_application::ports::{ParkedProjection, ParkedProjections, PortError};
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use async_trait::async_trait;
use rusqlite::{Row, Transaction, params};

use super::{SqliteStateStore, counted};
use crate::columns::{key, number, text, timestamp, version};
use crate::database::Failure;

#[async_trait]
impl ParkedProjections for SqliteStateStore {
    async fn park(&self, parked: ParkedProjection) -> Result<(), PortError> {
        self.database.write("parked", move |transaction| park(transaction, &parked)).await
    }

    async fn oldest(&self, limit: usize) -> Result<Vec<ParkedProjection>, PortError> {
        let sql = "SELECT entity_name, aggregate_id, from_version, to_version, reason, parked_at FROM parked \
             ORDER BY rowid LIMIT ?";
        let read = move |transaction: &Transaction<'_>| {
            transaction.prepare_cached(sql)?.query_and_then([number(limit)], parked)?.collect()
        };
        self.database.read("parked", read).await
    }

    async fn count(&self, at_most: usize) -> Result<usize, PortError> {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM parked LIMIT ?)";
        self.database.read("parked", move |transaction| counted(transaction, sql, at_most)).await
    }

    async fn unpark(&self, key: &EntityKey, up_to: Version) -> Result<(), PortError> {
        let key = key.clone();
        self.database.write("parked", move |transaction| unpark(transaction, &key, up_to)).await
    }
}

fn park(transaction: &Transaction<'_>, parked: &ParkedProjection) -> Result<(), Failure> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO parked (entity_name, aggregate_id, from_version, to_version, reason, parked_at) \
         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (entity_name, aggregate_id) DO UPDATE SET \
         rowid = (SELECT max(rowid) + 1 FROM parked), from_version = min(from_version, excluded.from_version), \
         to_version = max(to_version, excluded.to_version), \
         reason = excluded.reason, parked_at = min(parked_at, excluded.parked_at)",
    )?;
    statement.execute(params![
        parked.key.entity_name.as_str(),
        parked.key.aggregate_id.uuid().as_bytes(),
        number(parked.from_version.get()),
        number(parked.to_version.get()),
        parked.reason,
        parked.parked_at.millis(),
    ])?;
    Ok(())
}

fn parked(row: &Row<'_>) -> Result<ParkedProjection, Failure> {
    Ok(ParkedProjection {
        key: key(row, 0)?,
        from_version: version(row, 2)?,
        to_version: version(row, 3)?,
        reason: text(row, 4)?.to_owned(),
        parked_at: timestamp(row, 5)?,
    })
}

fn unpark(transaction: &Transaction<'_>, key: &EntityKey, up_to: Version) -> Result<(), Failure> {
    let (name, id) = (key.entity_name.as_str(), key.aggregate_id.uuid());
    let mut all = transaction
        .prepare_cached("DELETE FROM parked WHERE entity_name = ? AND aggregate_id = ? AND to_version <= ?")?;
    all.execute(params![name, id.as_bytes(), number(up_to.get())])?;
    let mut part = transaction.prepare_cached(
        "UPDATE parked SET from_version = max(from_version, ?) WHERE entity_name = ? AND aggregate_id = ?",
    )?;
    part.execute(params![number(up_to.next().get()), name, id.as_bytes()])?;
    Ok(())
}
