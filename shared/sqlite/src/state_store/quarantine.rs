//! Quarantine: one row an entry, and one a chunk of its body.

use annals_application::ports::{PortError, QuarantineEntry, QuarantinePlace, QuarantineState, QuarantineStore};
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;
use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use uuid::Uuid;

use super::SqliteStateStore;
use crate::columns::{json, name_of, named, number, provider, text, timestamp, to_json, unsigned, uuid};
use crate::database::Failure;

macro_rules! columns {
    () => {
        "id, provider, received_at, errors, size, state, body_id, chunks"
    };
}

#[async_trait]
impl QuarantineStore for SqliteStateStore {
    fn name(&self) -> &str {
        "state"
    }

    async fn put_chunk(&self, body: Uuid, number: u32, at: Timestamp, bytes: Vec<u8>) -> Result<(), PortError> {
        let put = move |transaction: &Transaction<'_>| {
            let sql = "INSERT OR REPLACE INTO quarantine_chunk (body_id, number, stored_at, bytes) VALUES (?, ?, ?, ?)";
            transaction.prepare_cached(sql)?.execute(params![body.as_bytes(), number, at.millis(), bytes])?;
            Ok(())
        };
        self.database.write("quarantine_chunk", put).await
    }

    async fn chunk(&self, body: Uuid, number: u32) -> Result<Option<Vec<u8>>, PortError> {
        let read = move |transaction: &Transaction<'_>| {
            let sql = "SELECT bytes FROM quarantine_chunk WHERE body_id = ? AND number = ?";
            let mut statement = transaction.prepare_cached(sql)?;
            Ok(statement.query_row(params![body.as_bytes(), number], |row| row.get(0)).optional()?)
        };
        self.database.read("quarantine_chunk", read).await
    }

    async fn delete_chunks(&self, body: Uuid) -> Result<(), PortError> {
        let delete = move |transaction: &Transaction<'_>| {
            let sql = "DELETE FROM quarantine_chunk WHERE body_id = ?";
            transaction.prepare_cached(sql)?.execute([body.as_bytes()])?;
            Ok(())
        };
        self.database.write("quarantine_chunk", delete).await
    }

    async fn add(&self, entry: QuarantineEntry) -> Result<QuarantineEntry, PortError> {
        self.database.write("quarantine", move |transaction| add(transaction, &entry)).await
    }

    async fn get(&self, id: &str) -> Result<Option<QuarantineEntry>, PortError> {
        let id = id.to_owned();
        self.database.read("quarantine", move |transaction| get(transaction, &id)).await
    }

    async fn list(
        &self,
        state: Option<QuarantineState>,
        after: Option<&QuarantinePlace>,
        limit: usize,
    ) -> Result<Vec<QuarantineEntry>, PortError> {
        let after = after.cloned();
        self.database.read("quarantine", move |transaction| list(transaction, state, after.as_ref(), limit)).await
    }

    async fn count(&self, state: Option<QuarantineState>, at_most: usize) -> Result<usize, PortError> {
        let count = move |transaction: &Transaction<'_>| {
            let state = state.as_ref().map(name_of).transpose()?;
            let sql = "SELECT count(*) FROM (SELECT 1 FROM quarantine WHERE ?1 IS NULL OR state = ?1 LIMIT ?2)";
            transaction.prepare_cached(sql)?.query_row(params![state, number(at_most)], |row| Ok(unsigned(row, 0)))?
        };
        self.database.read("quarantine", count).await
    }

    async fn remove_orphans(&self, before: Timestamp) -> Result<usize, PortError> {
        self.database.write("quarantine_chunk", move |transaction| remove_orphans(transaction, before)).await
    }

    async fn set_state(
        &self,
        id: &str,
        state: QuarantineState,
        errors: Option<Vec<ValidationIssue>>,
    ) -> Result<(), PortError> {
        let id = id.to_owned();
        let set = move |transaction: &Transaction<'_>| {
            let sql = "UPDATE quarantine SET state = ?2, errors = coalesce(?3, errors) WHERE id = ?1";
            let errors = errors.as_deref().map(to_json).transpose()?;
            transaction.prepare_cached(sql)?.execute(params![id, name_of(&state)?, errors])?;
            Ok(())
        };
        self.database.write("quarantine", set).await
    }
}

fn add(transaction: &Transaction<'_>, new: &QuarantineEntry) -> Result<QuarantineEntry, Failure> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO quarantine (id, provider, received_at, errors, size, state, body_id, chunks) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?) \
         ON CONFLICT (id) DO UPDATE SET errors = excluded.errors, state = ?9",
    )?;
    statement.execute(params![
        new.id,
        new.provider.as_str(),
        new.received_at.millis(),
        to_json(&new.errors)?,
        number(new.size),
        name_of(&new.state)?,
        new.body_id.as_bytes(),
        new.chunks,
        name_of(&QuarantineState::Open)?,
    ])?;
    get(transaction, &new.id)?.ok_or_else(|| Failure::unreadable("the entry that was just written is missing"))
}

fn get(transaction: &Transaction<'_>, id: &str) -> Result<Option<QuarantineEntry>, Failure> {
    let mut statement = transaction.prepare_cached(concat!("SELECT ", columns!(), " FROM quarantine WHERE id = ?"))?;
    statement.query_and_then([id], read)?.next().transpose()
}

fn list(
    transaction: &Transaction<'_>,
    state: Option<QuarantineState>,
    after: Option<&QuarantinePlace>,
    limit: usize,
) -> Result<Vec<QuarantineEntry>, Failure> {
    let state = state.as_ref().map(name_of).transpose()?;
    let mut statement = transaction.prepare_cached(concat!(
        "SELECT ",
        columns!(),
        " FROM quarantine WHERE (?1 IS NULL OR state = ?1) AND received_at <= ?2 AND (received_at < ?2 OR id > ?3) \
         ORDER BY received_at DESC, id LIMIT ?4"
    ))?;
    let (received_at, id) = after.map_or((i64::MAX, ""), |place| (place.received_at.millis(), &*place.id));
    let rows = statement.query_and_then(params![state, received_at, id, number(limit)], read)?;
    rows.collect()
}

/// Chunks of a body without an entry, all of them older than that.
fn remove_orphans(transaction: &Transaction<'_>, before: Timestamp) -> Result<usize, Failure> {
    let mut statement = transaction.prepare_cached(
        "SELECT body_id FROM quarantine_chunk WHERE body_id NOT IN (SELECT body_id FROM quarantine) \
         GROUP BY body_id HAVING max(stored_at) < ?",
    )?;
    let bodies: Vec<Vec<u8>> =
        statement.query_map([before.millis()], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut delete = transaction.prepare_cached("DELETE FROM quarantine_chunk WHERE body_id = ?")?;
    for body in &bodies {
        delete.execute([body])?;
    }
    Ok(bodies.len())
}

fn read(row: &Row<'_>) -> Result<QuarantineEntry, Failure> {
    Ok(QuarantineEntry {
        id: text(row, 0)?.to_owned(),
        provider: provider(row, 1)?,
        received_at: timestamp(row, 2)?,
        errors: json(row, 3)?,
        size: unsigned(row, 4)?,
        state: named(row, 5)?,
        body_id: uuid(row, 6)?,
        chunks: unsigned(row, 7)?,
    })
}
