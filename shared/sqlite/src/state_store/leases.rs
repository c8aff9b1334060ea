//! Leases: who works at what, until when, and what it has come to.

use annals_application::ports::Lease;
use annals_domain::timestamp::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};
use uuid::Uuid;

use crate::database::Failure;

pub(super) fn take(
    transaction: &Transaction<'_>,
    work: &str,
    token: Uuid,
    (now, until): (Timestamp, Timestamp),
) -> Result<Option<Lease>, Failure> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO lease (work, token, until) VALUES (?1, ?2, ?4) ON CONFLICT (work) \
         DO UPDATE SET token = excluded.token, until = excluded.until \
         WHERE lease.token IS NULL OR lease.token = ?2 OR lease.until <= ?3",
    )?;
    let taken = statement.execute(params![work, token.as_bytes(), now.millis(), until.millis()])?;
    if taken == 0 {
        return Ok(None);
    }
    Ok(Some(Lease { work: work.to_owned(), token, checkpoint: checkpoint(transaction, work)? }))
}

pub(super) fn keep(
    transaction: &Transaction<'_>,
    work: &str,
    token: Uuid,
    until: Timestamp,
    checkpoint: Option<&str>,
) -> Result<bool, Failure> {
    let mut statement = transaction.prepare_cached(
        "UPDATE lease SET until = ?3, checkpoint = coalesce(?4, checkpoint) WHERE work = ?1 AND token = ?2",
    )?;
    Ok(statement.execute(params![work, token.as_bytes(), until.millis(), checkpoint])? == 1)
}

pub(super) fn release(transaction: &Transaction<'_>, work: &str, token: Uuid) -> Result<bool, Failure> {
    let mut statement = transaction.prepare_cached("UPDATE lease SET token = NULL WHERE work = ? AND token = ?")?;
    Ok(statement.execute(params![work, token.as_bytes()])? == 1)
}

pub(super) fn finish(transaction: &Transaction<'_>, work: &str, token: Uuid) -> Result<bool, Failure> {
    let mut statement = transaction.prepare_cached("DELETE FROM lease WHERE work = ? AND token = ?")?;
    Ok(statement.execute(params![work, token.as_bytes()])? == 1)
}

pub(super) fn checkpoint(transaction: &Transaction<'_>, work: &str) -> Result<Option<String>, Failure> {
    let mut statement = transaction.prepare_cached("SELECT checkpoint FROM lease WHERE work = ?")?;
    Ok(statement.query_row([work], |row| row.get(0)).optional()?.flatten())
}
