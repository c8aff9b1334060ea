//! Refetch tasks: one row a record.

use annals_application::ports::{PortError, RefetchQueue, RefetchTask};
use annals_domain::change::RefetchReason;
use annals_domain::identity::{EntityKey, ExternalId, Provider};
use annals_domain::position::{EventId, Version};
use async_trait::async_trait;
use rusqlite::{Row, Transaction, params};

use super::{SqliteStateStore, counted};
use crate::columns::{json, key, number, provider, text, timestamp, to_json, unsigned, uuid, version};
use crate::database::Failure;

/// The table's name is older than the word refetch; files that exist have it.
const TABLE: &str = "hydration_task";

macro_rules! columns {
    () => {
        "entity_name, aggregate_id, provider, external_id, reasons, due_at, attempts, version, asked_by"
    };
}

const FIND: &str = concat!("SELECT ", columns!(), " FROM hydration_task WHERE entity_name = ? AND aggregate_id = ?");

#[async_trait]
impl RefetchQueue for SqliteStateStore {
    async fn enqueue(&self, tasks: Vec<RefetchTask>) -> Result<(), PortError> {
        if tasks.is_empty() {
            return Ok(());
        }
        self.database.write_derived(TABLE, move |transaction| enqueue(transaction, tasks)).await
    }

    async fn earliest(&self, provider: Provider, limit: usize) -> Result<Vec<RefetchTask>, PortError> {
        let sql = concat!(
            "SELECT ",
            columns!(),
            " FROM hydration_task WHERE provider = ? ORDER BY due_at, entity_name, aggregate_id LIMIT ?"
        );
        let read = move |transaction: &Transaction<'_>| {
            let tasks = params![provider.as_str(), number(limit)];
            transaction.prepare_cached(sql)?.query_and_then(tasks, task)?.collect()
        };
        self.database.read(TABLE, read).await
    }

    async fn count(&self, at_most: usize) -> Result<usize, PortError> {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM hydration_task LIMIT ?)";
        self.database.read(TABLE, move |transaction| counted(transaction, sql, at_most)).await
    }

    async fn finish(&self, up_to: &[(EntityKey, Version)]) -> Result<(), PortError> {
        if up_to.is_empty() {
            return Ok(());
        }
        let up_to = up_to.to_vec();
        self.database.write_derived(TABLE, move |transaction| finish(transaction, &up_to)).await
    }

    async fn postpone(&self, tasks: &[RefetchTask]) -> Result<(), PortError> {
        if tasks.is_empty() {
            return Ok(());
        }
        let tasks = tasks.to_vec();
        self.database.write_derived(TABLE, move |transaction| postpone(transaction, &tasks)).await
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
    for new in tasks {
        let task = match find(transaction, &new.key)? {
            Some(stored) => new.merged_with(&stored),
            None => new,
        };
        put(transaction, &task)?;
    }
    Ok(())
}

fn find(transaction: &Transaction<'_>, key: &EntityKey) -> Result<Option<RefetchTask>, Failure> {
    let mut find = transaction.prepare_cached(FIND)?;
    let (name, id) = (key.entity_name.as_str(), key.aggregate_id.uuid());
    find.query_and_then(params![name, id.as_bytes()], task)?.next().transpose()
}

fn put(transaction: &Transaction<'_>, task: &RefetchTask) -> Result<(), Failure> {
    let sql = concat!("INSERT OR REPLACE INTO hydration_task (", columns!(), ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    transaction.prepare_cached(sql)?.execute(params![
        task.key.entity_name.as_str(),
        task.key.aggregate_id.uuid().as_bytes(),
        task.provider.as_str(),
        task.external_id.as_str(),
        to_json(&task.reasons)?,
        task.due_at.millis(),
        task.attempts,
        number(task.version.get()),
        task.asked_by.map(|event_id| event_id.uuid().into_bytes()),
    ])?;
    Ok(())
}

fn finish(transaction: &Transaction<'_>, up_to: &[(EntityKey, Version)]) -> Result<(), Failure> {
    let mut statement = transaction
        .prepare_cached("DELETE FROM hydration_task WHERE entity_name = ? AND aggregate_id = ? AND version <= ?")?;
    for (key, version) in up_to {
        let (name, id) = (key.entity_name.as_str(), key.aggregate_id.uuid());
        statement.execute(params![name, id.as_bytes(), number(version.get())])?;
    }
    Ok(())
}

fn postpone(transaction: &Transaction<'_>, tasks: &[RefetchTask]) -> Result<(), Failure> {
    for task in tasks {
        let stored = find(transaction, &task.key)?;
        if let Some(postponed) = stored.and_then(|stored| stored.postponed(task)) {
            put(transaction, &postponed)?;
        }
    }
    Ok(())
}

fn remove_reason(transaction: &Transaction<'_>, keys: &[EntityKey], reason: RefetchReason) -> Result<(), Failure> {
    for key in keys {
        let Some(mut task) = find(transaction, key)? else { continue };
        task.reasons.remove(&reason);
        if task.reasons.is_empty() {
            finish(transaction, &[(task.key, task.version)])?;
        } else {
            put(transaction, &task)?;
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
        version: version(row, 7)?,
        asked_by: event_id(row)?,
    })
}

fn event_id(row: &Row<'_>) -> Result<Option<EventId>, Failure> {
    let is_null = row.get_ref(8)?.as_bytes_or_null().map_err(Failure::unreadable)?.is_none();
    if is_null { Ok(None) } else { Ok(Some(EventId::from_uuid(uuid(row, 8)?))) }
}
