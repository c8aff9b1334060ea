//! Backfill jobs: one row a job.

use annals_application::ports::{BackfillJob, JobState, JobStore, PortError};
use annals_domain::identity::EntityName;
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use rusqlite::{Row, Transaction, params};
use uuid::Uuid;

use super::SqliteStateStore;
use crate::columns::{json, name_of, named, provider, text, timestamp, to_json, unsigned, uuid};
use crate::database::Failure;

macro_rules! columns {
    () => {
        "id, provider, entity_name, mode, page_size, input, created_at, state, reason, counts, started_at, updated_at, \
         pace"
    };
}

#[async_trait]
impl JobStore for SqliteStateStore {
    async fn add(&self, job: BackfillJob) -> Result<bool, PortError> {
        self.database.write("backfill_job", move |transaction| add(transaction, &job)).await
    }

    async fn update(&self, job: &BackfillJob, expected: &BackfillJob) -> Result<bool, PortError> {
        let (job, expected) = (job.clone(), expected.clone());
        self.database.write("backfill_job", move |transaction| update(transaction, &job, &expected)).await
    }

    async fn remove_ended(&self, id: Uuid) -> Result<(), PortError> {
        let remove = move |transaction: &Transaction<'_>| {
            let ended = "DELETE FROM backfill_job WHERE id = ? AND state IN ('done', 'failed', 'cancelled')";
            Ok(transaction.prepare_cached(ended)?.execute([id.as_bytes()]).map(drop)?)
        };
        self.database.write("backfill_job", remove).await
    }

    async fn all(&self) -> Result<Vec<BackfillJob>, PortError> {
        let sql = concat!("SELECT ", columns!(), " FROM backfill_job ORDER BY created_at DESC, id");
        let all =
            move |transaction: &Transaction<'_>| transaction.prepare_cached(sql)?.query_and_then([], read)?.collect();
        self.database.read("backfill_job", all).await
    }

    async fn count_waiting(&self) -> Result<usize, PortError> {
        self.database.read("backfill_job", count_waiting).await
    }
}

fn add(transaction: &Transaction<'_>, job: &BackfillJob) -> Result<bool, Failure> {
    let mut statement = transaction.prepare_cached(concat!(
        "INSERT INTO backfill_job (",
        columns!(),
        ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
    ))?;
    let added = statement.execute(params![
        job.id.as_bytes(),
        job.provider.as_str(),
        job.entity_name.as_str(),
        to_json(&job.mode)?,
        job.page_size,
        job.input,
        job.created_at.millis(),
        name_of(&job.state)?,
        job.reason,
        to_json(&job.counts)?,
        job.started_at.map(Timestamp::millis),
        job.updated_at.map(Timestamp::millis),
        to_json(&job.pace)?,
    ])?;
    Ok(added == 1)
}

fn update(transaction: &Transaction<'_>, job: &BackfillJob, expected: &BackfillJob) -> Result<bool, Failure> {
    let mut find = transaction.prepare_cached(concat!("SELECT ", columns!(), " FROM backfill_job WHERE id = ?"))?;
    let Some(stored) = find.query_and_then([job.id.as_bytes()], read)?.next().transpose()? else { return Ok(false) };
    if stored.has_progress_of(job) {
        return Ok(true);
    }
    if !stored.has_progress_of(expected) {
        return Ok(false);
    }
    let mut statement = transaction.prepare_cached(
        "UPDATE backfill_job SET state = ?2, reason = ?3, counts = ?4, started_at = ?5, updated_at = ?6, pace = ?7 \
         WHERE id = ?1",
    )?;
    let updated = statement.execute(params![
        job.id.as_bytes(),
        name_of(&job.state)?,
        job.reason,
        to_json(&job.counts)?,
        job.started_at.map(Timestamp::millis),
        job.updated_at.map(Timestamp::millis),
        to_json(&job.pace)?,
    ])?;
    Ok(updated == 1)
}

fn count_waiting(transaction: &Transaction<'_>) -> Result<usize, Failure> {
    let mut statement = transaction.prepare_cached("SELECT state, count(*) FROM backfill_job GROUP BY state")?;
    let counted = |row: &Row<'_>| -> Result<(JobState, usize), Failure> { Ok((named(row, 0)?, unsigned(row, 1)?)) };
    let counts = statement.query_and_then([], counted)?.collect::<Result<Vec<_>, _>>()?;
    Ok(counts.into_iter().filter(|(state, _)| state.waits()).map(|(_, count)| count).sum())
}

fn read(row: &Row<'_>) -> Result<BackfillJob, Failure> {
    Ok(BackfillJob {
        id: uuid(row, 0)?,
        provider: provider(row, 1)?,
        entity_name: EntityName::new(text(row, 2)?),
        mode: json(row, 3)?,
        page_size: unsigned(row, 4)?,
        input: text(row, 5)?.to_owned(),
        created_at: timestamp(row, 6)?,
        state: named(row, 7)?,
        reason: text(row, 8)?.to_owned(),
        counts: json(row, 9)?,
        started_at: optional_timestamp(row, 10)?,
        updated_at: optional_timestamp(row, 11)?,
        pace: json(row, 12)?,
    })
}

fn optional_timestamp(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>, Failure> {
    let millis: Option<i64> = row.get(column)?;
    millis.map(Timestamp::from_millis).transpose().map_err(Failure::unreadable)
}
