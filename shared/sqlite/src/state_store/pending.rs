//! What waits for someone: refetch tasks, parked projections.

use annals_application::ports::{ParkedProjection, RefetchTask};
use annals_domain::change::RefetchReason;
use annals_domain::identity::{EntityKey, ExternalId};
use annals_domain::position::Version;
use rusqlite::{Row, Transaction, params};

use crate::columns::{json, key, number, provider, text, timestamp, to_json, unsigned, version};
use crate::database::Failure;

/// One record's task, in the columns that `refetch_task` reads.
const FIND_TASK: &str = "SELECT entity_name, aggregate_id, provider, external_id, reasons, due_at, attempts \
     FROM hydration_task WHERE entity_name = ? AND aggregate_id = ?";

pub(super) fn ask_refetch(transaction: &Transaction<'_>, tasks: Vec<RefetchTask>) -> Result<(), Failure> {
    let mut find = transaction.prepare_cached(FIND_TASK)?;
    let mut put = transaction.prepare_cached(
        "INSERT OR REPLACE INTO hydration_task \
         (entity_name, aggregate_id, provider, external_id, reasons, due_at, attempts) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?;
    for mut task in tasks {
        let (name, id) = (task.key.entity_name.clone(), task.key.aggregate_id.uuid());
        let there = find.query_and_then(params![name.as_str(), id.as_bytes()], refetch_task)?.next();
        if let Some(there) = there.transpose()? {
            task.reasons.extend(there.reasons);
            task.due_at = task.due_at.min(there.due_at);
            task.attempts = task.attempts.max(there.attempts);
        }
        put.execute(params![
            name.as_str(),
            id.as_bytes(),
            task.provider.as_str(),
            task.external_id.as_str(),
            to_json(&task.reasons)?,
            task.due_at.millis(),
            task.attempts,
        ])?;
    }
    Ok(())
}

pub(super) fn refetch_tasks(transaction: &Transaction<'_>, limit: usize) -> Result<Vec<RefetchTask>, Failure> {
    let mut statement = transaction.prepare_cached(
        "SELECT entity_name, aggregate_id, provider, external_id, reasons, due_at, attempts FROM hydration_task \
         ORDER BY due_at, entity_name, aggregate_id LIMIT ?",
    )?;
    statement.query_and_then([number(limit)], refetch_task)?.collect()
}

pub(super) fn count_refetch(transaction: &Transaction<'_>, at_most: usize) -> Result<usize, Failure> {
    counted(transaction, "SELECT count(*) FROM (SELECT 1 FROM hydration_task LIMIT ?)", at_most)
}

pub(super) fn count_parked(transaction: &Transaction<'_>, at_most: usize) -> Result<usize, Failure> {
    counted(transaction, "SELECT count(*) FROM (SELECT 1 FROM parked LIMIT ?)", at_most)
}

fn counted(transaction: &Transaction<'_>, sql: &str, at_most: usize) -> Result<usize, Failure> {
    transaction.prepare_cached(sql)?.query_row([number(at_most)], |row| Ok(unsigned(row, 0)))?
}

fn refetch_task(row: &Row<'_>) -> Result<RefetchTask, Failure> {
    Ok(RefetchTask {
        key: key(row, 0)?,
        provider: provider(row, 2)?,
        external_id: ExternalId::new(text(row, 3)?),
        reasons: json(row, 4)?,
        due_at: timestamp(row, 5)?,
        attempts: unsigned(row, 6)?,
    })
}

pub(super) fn finish_refetch(transaction: &Transaction<'_>, keys: &[EntityKey]) -> Result<(), Failure> {
    let mut statement =
        transaction.prepare_cached("DELETE FROM hydration_task WHERE entity_name = ? AND aggregate_id = ?")?;
    for key in keys {
        statement.execute(params![key.entity_name.as_str(), key.aggregate_id.uuid().as_bytes()])?;
    }
    Ok(())
}

pub(super) fn drop_reason(
    transaction: &Transaction<'_>,
    keys: &[EntityKey],
    reason: RefetchReason,
) -> Result<(), Failure> {
    let mut find = transaction.prepare_cached(FIND_TASK)?;
    let mut put = transaction
        .prepare_cached("UPDATE hydration_task SET reasons = ? WHERE entity_name = ? AND aggregate_id = ?")?;
    for key in keys {
        let (name, id) = (key.entity_name.as_str(), key.aggregate_id.uuid());
        let there = find.query_and_then(params![name, id.as_bytes()], refetch_task)?.next();
        let Some(mut task) = there.transpose()? else { continue };
        task.reasons.remove(&reason);
        if task.reasons.is_empty() {
            finish_refetch(transaction, std::slice::from_ref(key))?;
        } else {
            put.execute(params![to_json(&task.reasons)?, name, id.as_bytes()])?;
        }
    }
    Ok(())
}

/// The order of the rows is the order in which records were parked, or parked again.
pub(super) fn park(transaction: &Transaction<'_>, parked: &ParkedProjection) -> Result<(), Failure> {
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

pub(super) fn parked(transaction: &Transaction<'_>, limit: usize) -> Result<Vec<ParkedProjection>, Failure> {
    let mut statement = transaction.prepare_cached(
        "SELECT entity_name, aggregate_id, from_version, to_version, reason, parked_at FROM parked \
         ORDER BY rowid LIMIT ?",
    )?;
    let parked = |row: &Row<'_>| -> Result<_, Failure> {
        Ok(ParkedProjection {
            key: key(row, 0)?,
            from_version: version(row, 2)?,
            to_version: version(row, 3)?,
            reason: text(row, 4)?.to_owned(),
            parked_at: timestamp(row, 5)?,
        })
    };
    statement.query_and_then([number(limit)], parked)?.collect()
}

pub(super) fn unpark(transaction: &Transaction<'_>, key: &EntityKey, up_to: Version) -> Result<(), Failure> {
    let (name, id) = (key.entity_name.as_str(), key.aggregate_id.uuid());
    let mut done = transaction
        .prepare_cached("DELETE FROM parked WHERE entity_name = ? AND aggregate_id = ? AND to_version <= ?")?;
    done.execute(params![name, id.as_bytes(), number(up_to.get())])?;
    let mut in_part = transaction.prepare_cached(
        "UPDATE parked SET from_version = max(from_version, ?) WHERE entity_name = ? AND aggregate_id = ?",
    )?;
    in_part.execute(params![number(up_to.next().get()), name, id.as_bytes()])?;
    Ok(())
}
