//! Refetch tasks: one row a record.

use annals_application::ports::{PortError, RefetchQueue, RefetchTask};
use annals_domain::change::RefetchReason;
use annals_domain::identity::{EntityKey, ExternalId};
use async_trait::async_trait;
use rusqlite::{Row, Transaction, params};

use super::{SqliteStateStore, counted};
use crate::columns::{json, key, number, provider, text, timestamp, to_json, unsigned};
use crate::database::Failure;

/// The table's name is older than the word refetch; files that exist have it.
const TABLE: &str = "hydration_task";

const FIND: &str = "SELECT entity_name, aggregate_id, provider, external_id, reasons, due_at, attempts \
     FROM hydration_task WHERE entity_name = ? AND aggregate_id = ?";

#[async_trait]
impl RefetchQueue for SqliteStateStore {
    async fn enqueue(&self, tasks: Vec<RefetchTask>) -> Result<(), PortError> {
        if tasks.is_empty() {
            return Ok(());
        }
        self.database.write_derived(TABLE, move |transaction| enqueue(transaction, tasks)).await
    }

    async fn earliest(&self, limit: usize) -> Result<Vec<RefetchTask>, PortError> {
        let sql = "SELECT entity_name, aggregate_id, provider, external_id, reasons, due_at, attempts \
             FROM hydration_task ORDER BY due_at, entity_name, aggregate_id LIMIT ?";
        let read = move |transaction: &Transaction<'_>| {
            transaction.prepare_cached(sql)?.query_and_then([number(limit)], task)?.collect()
        };
        self.database.read(TABLE, read).await
    }

    async fn count(&self, at_most: usize) -> Result<usize, PortError> {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM hydration_task LIMIT ?)";
        self.database.read(TABLE, move |transaction| counted(transaction, sql, at_most)).await
    }

    async fn remove(&self, keys: &[EntityKey]) -> Result<(), PortError> {
        if keys.is_empty() {
            return Ok(());
        }
        let keys = keys.to_vec();
        self.database.write_derived(TABLE, move |transaction| remove(transaction, &keys)).await
    }

    async fn remove_reason(&self, keys: &[EntityKey], reason: RefetchReason) -> Result<(), PortError> {
        if keys.is_empty() {
            return Ok(());
        }
        let keys = keys.to_vec();
        self.database.write_derived(TABLE, move |transaction| remove_reason(transaction, &keys, reason)).await
    }
}

fn enqueue(transaction: &Transaction<'_>, tasks: Vec<RefetchTask>) -> Result<(), Failure> {
    let mut find = transaction.prepare_cached(FIND)?;
    let mut put = transaction.prepare_cached(
        "INSERT OR REPLACE INTO hydration_task \
         (entity_name, aggregate_id, provider, external_id, reasons, due_at, attempts) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?;
    for mut new in tasks {
        let (name, id) = (new.key.entity_name.clone(), new.key.aggregate_id.uuid());
        let stored = find.query_and_then(params![name.as_str(), id.as_bytes()], task)?.next().transpose()?;
        if let Some(stored) = stored {
            new = new.merged_with(&stored);
        }
        put.execute(params![
            name.as_str(),
            id.as_bytes(),
            new.provider.as_str(),
            new.external_id.as_str(),
            to_json(&new.reasons)?,
            new.due_at.millis(),
            new.attempts,
        ])?;
    }
    Ok(())
}

fn remove(transaction: &Transaction<'_>, keys: &[EntityKey]) -> Result<(), Failure> {
    let mut statement =
        transaction.prepare_cached("DELETE FROM hydration_task WHERE entity_name = ? AND aggregate_id = ?")?;
    for key in keys {
        statement.execute(params![key.entity_name.as_str(), key.aggregate_id.uuid().as_bytes()])?;
    }
    Ok(())
}

fn remove_reason(transaction: &Transaction<'_>, keys: &[EntityKey], reason: RefetchReason) -> Result<(), Failure> {
    let mut find = transaction.prepare_cached(FIND)?;
    let mut put = transaction
        .prepare_cached("UPDATE hydration_task SET reasons = ? WHERE entity_name = ? AND aggregate_id = ?")?;
    for key in keys {
        let (name, id) = (key.entity_name.as_str(), key.aggregate_id.uuid());
        let stored = find.query_and_then(params![name, id.as_bytes()], task)?.next();
        let Some(mut task) = stored.transpose()? else { continue };
        task.reasons.remove(&reason);
        if task.reasons.is_empty() {
            remove(transaction, std::slice::from_ref(key))?;
        } else {
            put.execute(params![to_json(&task.reasons)?, name, id.as_bytes()])?;
        }
    }
    Ok(())
}

fn task(row: &Row<'_>) -> Result<RefetchTask, Failure> {
    Ok(RefetchTask {
        key: key(row, 0)?,
        provider: provider(row, 2)?,
        external_id: ExternalId::new(text(row, 3)?),
        reasons: json(row, 4)?,
        due_at: timestamp(row, 5)?,
        attempts: unsigned(row, 6)?,
    })
}
