//! Quarantine: entries, and the chunks of their bodies.

use annals_application::ports::{QuarantineEntry, QuarantineState};
use annals_domain::validation_issue::ValidationIssue;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use uuid::Uuid;

use crate::columns::{json, name_of, named, number, provider, text, timestamp, to_json, unsigned, uuid};
use crate::database::Failure;

pub(super) fn put_chunk(transaction: &Transaction<'_>, body: Uuid, number: u32, bytes: &[u8]) -> Result<(), Failure> {
    let mut statement = transaction
        .prepare_cached("INSERT OR REPLACE INTO quarantine_chunk (body_id, number, bytes) VALUES (?, ?, ?)")?;
    statement.execute(params![body.as_bytes(), number, bytes])?;
    Ok(())
}

pub(super) fn chunk(transaction: &Transaction<'_>, body: Uuid, number: u32) -> Result<Option<Vec<u8>>, Failure> {
    let mut statement =
        transaction.prepare_cached("SELECT bytes FROM quarantine_chunk WHERE body_id = ? AND number = ?")?;
    Ok(statement.query_row(params![body.as_bytes(), number], |row| row.get(0)).optional()?)
}

pub(super) fn drop_chunks(transaction: &Transaction<'_>, body: Uuid) -> Result<(), Failure> {
    transaction.prepare_cached("DELETE FROM quarantine_chunk WHERE body_id = ?")?.execute([body.as_bytes()])?;
    Ok(())
}

pub(super) fn add(transaction: &Transaction<'_>, new: &QuarantineEntry) -> Result<QuarantineEntry, Failure> {
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
    entry(transaction, &new.id)?.ok_or_else(|| Failure::unreadable("an entry is gone that was just written"))
}

macro_rules! columns {
    () => {
        "id, provider, received_at, errors, size, state, body_id, chunks"
    };
}

pub(super) fn entry(transaction: &Transaction<'_>, id: &str) -> Result<Option<QuarantineEntry>, Failure> {
    let mut statement = transaction.prepare_cached(concat!("SELECT ", columns!(), " FROM quarantine WHERE id = ?"))?;
    statement.query_and_then([id], read)?.next().transpose()
}

pub(super) fn list(
    transaction: &Transaction<'_>,
    state: Option<QuarantineState>,
    offset: u64,
    limit: u64,
) -> Result<(Vec<QuarantineEntry>, u64), Failure> {
    let state = state.as_ref().map(name_of).transpose()?;
    let mut count = transaction.prepare_cached("SELECT count(*) FROM quarantine WHERE ?1 IS NULL OR state = ?1")?;
    let count = count.query_row(params![state], |row| Ok(unsigned(row, 0)))??;
    let mut statement = transaction.prepare_cached(concat!(
        "SELECT ",
        columns!(),
        " FROM quarantine WHERE ?1 IS NULL OR state = ?1 \
         ORDER BY received_at DESC, id LIMIT ?2 OFFSET ?3"
    ))?;
    let rows = statement.query_and_then(params![state, number(limit), number(offset)], read)?;
    Ok((rows.collect::<Result<_, _>>()?, count))
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

pub(super) fn set(
    transaction: &Transaction<'_>,
    id: &str,
    state: QuarantineState,
    errors: Option<&[ValidationIssue]>,
) -> Result<(), Failure> {
    let mut statement =
        transaction.prepare_cached("UPDATE quarantine SET state = ?2, errors = coalesce(?3, errors) WHERE id = ?1")?;
    statement.execute(params![id, name_of(&state)?, errors.map(to_json).transpose()?])?;
    Ok(())
}
