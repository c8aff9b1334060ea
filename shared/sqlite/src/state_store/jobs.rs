//! Backfill jobs.

use annals_application::ports::{BackfillJob, JobState};
use annals_domain::identity::EntityName;
use annals_domain::timestamp::Timestamp;
use rusqlite::{Row, Transaction, params};

use crate::columns::{json, name_of, named, provider, text, timestamp, to_json, unsigned, uuid};
use crate::database::Failure;

macro_rules! columns {
    () => {
        "id, provider, entity_name, mode, page_size, input, created_at, state, reason, counts, started_at, updated_at"
    };
}

pub(super) fn add(transaction: &Transaction<'_>, job: &BackfillJob) -> Result<bool, Failure> {
    let mut statement = transaction.prepare_cached(concat!(
        "INSERT INTO backfill_job (",
        columns!(),
        ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
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
    ])?;
    Ok(added == 1)
}

pub(super) fn update(
    transaction: &Transaction<'_>,
    job: &BackfillJob,
    expected: &BackfillJob,
) -> Result<bool, Failure> {
    let mut find = transaction.prepare_cached(concat!("SELECT ", columns!(), " FROM backfill_job WHERE id = ?"))?;
    let there = find.query_and_then([job.id.as_bytes()], read)?.next().transpose()?;
    let Some(there) = there.filter(|there| there.stands_as(expected) || there.stands_as(job)) else {
        return Ok(false);
    };
    if there.stands_as(job) {
        return Ok(true);
    }
    let mut statement = transaction.prepare_cached(
        "UPDATE backfill_job SET state = ?2, reason = ?3, counts = ?4, started_at = ?5, updated_at = ?6 WHERE id = ?1",
    )?;
    let updated = statement.execute(params![
        job.id.as_bytes(),
        name_of(&job.state)?,
        job.reason,
        to_json(&job.counts)?,
        job.started_at.map(Timestamp::millis),
        job.updated_at.map(Timestamp::millis),
    ])?;
    Ok(updated == 1)
}

pub(super) fn all(transaction: &Transaction<'_>) -> Result<Vec<BackfillJob>, Failure> {
    let mut statement = transaction.prepare_cached(concat!(
        "SELECT ",
        columns!(),
        " FROM backfill_job ORDER BY created_at DESC, id"
    ))?;
    statement.query_and_then([], read)?.collect()
}

pub(super) fn count_waiting(transaction: &Transaction<'_>) -> Result<usize, Failure> {
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
        started_at: maybe_timestamp(row, 10)?,
        updated_at: maybe_timestamp(row, 11)?,
    })
}

fn maybe_timestamp(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>, Failure> {
    let millis: Option<i64> = row.get(column)?;
    millis.map(Timestamp::from_millis).transpose().map_err(Failure::unreadable)
}
