//! Backfill jobs.
//!
//! Promises that a job's entry stays small however long its input and its ids are: those are its
//! body, which is written once and never again, and which nobody is sent who only counts.

use annals_application::ports::{BackfillJob, BackfillMode, PortError};
use annals_domain::identity::ExternalId;

use crate::state_store::items::{ENTRY, Item, Place, Table, Verdict, number};
use crate::state_store::lists::{List, newest_first};

/// One a wildcard, overflow or request: few.
const JOBS: List = List { name: "job", partitions: 1 };

/// Where in the body the input ends and the ids begin; without it all of it is the input.
const INPUT_LENGTH: &str = "input_length";

/// A first try whose answer was lost is told by its job being there as it was sent.
pub(crate) async fn add(table: &Table, mut job: BackfillJob) -> Result<bool, PortError> {
    let id = job.id.to_string();
    let place = JOBS.place(&id);
    let mut body = std::mem::take(&mut job.input).into_bytes();
    let length = body.len();
    if let Some(ids) = ids_of(&mut job) {
        serde_json::to_writer(&mut body, ids).map_err(|error| table.rejected(error))?;
        ids.clear();
    }
    let item = Item::of(&place, &job).map_err(|error| table.rejected(error))?;
    let item = item.listed_at(newest_first(job.created_at, &id)).with(INPUT_LENGTH, number(length));
    let item = table.with_body(item, &format!("part#job#{id}"), &body).await?;
    let ours = item.entry().to_owned();
    let add = |found: Option<&Item>| Ok(found.map_or_else(|| Verdict::Put(item.clone()), |_| Verdict::Leave));
    let there = table.revise(&place, None, add).await?;
    Ok(there.is_some_and(|there| there.entry() == ours))
}

/// A first try whose answer was lost is told by the job standing as it was brought to.
pub(crate) async fn update(table: &Table, job: &BackfillJob, expected: &BackfillJob) -> Result<bool, PortError> {
    let place = place_of(job);
    let bring_on = |found: Option<&Item>| {
        let Some(item) = found else { return Ok(Verdict::Leave) };
        let there: BackfillJob = table.read(item)?;
        if !there.stands_as(expected) || there.stands_as(job) {
            return Ok(Verdict::Leave);
        }
        let brought = item.clone().saying(&there.standing_as(job));
        Ok(Verdict::Put(brought.map_err(|error| table.rejected(error))?))
    };
    let found = table.get(&place).await?;
    let there = table.revise(&place, found, bring_on).await?;
    let there: Option<BackfillJob> = there.map(|item| table.read(&item)).transpose()?;
    Ok(there.is_some_and(|there| there.stands_as(job)))
}

pub(crate) async fn all(table: &Table) -> Result<Vec<BackfillJob>, PortError> {
    let items = table.first(&JOBS, usize::MAX).await?;
    let mut jobs = Vec::with_capacity(items.len());
    for item in items {
        jobs.push(whole(table, &item).await?);
    }
    Ok(jobs)
}

pub(crate) async fn count_waiting(table: &Table) -> Result<usize, PortError> {
    let entries = table.query(JOBS.partition(0)).projection_expression("pk, sk, #entry");
    let entries = table.found(entries.expression_attribute_names("#entry", ENTRY)).await?;
    let waits = |item: &Item| Ok(table.read::<BackfillJob>(item)?.state.waits());
    let waiting: Result<Vec<bool>, PortError> = entries.iter().map(waits).collect();
    Ok(waiting?.into_iter().filter(|waits| *waits).count())
}

async fn whole(table: &Table, item: &Item) -> Result<BackfillJob, PortError> {
    let mut job: BackfillJob = table.read(item)?;
    let mut body = table.body(item).await?;
    let length = item.number(INPUT_LENGTH).and_then(|length| usize::try_from(length).ok());
    let rest = body.split_off(length.unwrap_or(body.len()).min(body.len()));
    if let Some(ids) = ids_of(&mut job) {
        *ids = serde_json::from_slice(&rest).map_err(|error| table.corrupt(&item.place(), error))?;
    }
    job.input = String::from_utf8(body).map_err(|error| table.corrupt(&item.place(), error.utf8_error()))?;
    Ok(job)
}

fn ids_of(job: &mut BackfillJob) -> Option<&mut Vec<ExternalId>> {
    match &mut job.mode {
        BackfillMode::Ids(ids) => Some(ids),
        BackfillMode::Full | BackfillMode::Since(_) => None,
    }
}

fn place_of(job: &BackfillJob) -> Place {
    JOBS.place(&job.id.to_string())
}
