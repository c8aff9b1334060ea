//! Backfill jobs: one listed item each.
//!
//! Input and ids can be long, so they are the item's body: it is written once, and neither updates
//! nor counts transfer it.

use annals_application::ports::{BackfillJob, BackfillMode, JobStore, PortError};
use annals_domain::identity::ExternalId;
use async_trait::async_trait;
use uuid::Uuid;

use super::DynamoStateStore;
use super::items::{ENTRY, Item, Revision, StateTable, number};
use super::lists::{List, newest_first};

/// One partition: jobs are few, one a wildcard event, overflow or request.
const JOBS: List = List { name: "job", partitions: 1 };

/// The length of the input in the body; the ids follow. Without it, all of the body is the input.
const INPUT_LENGTH: &str = "input_length";

#[async_trait]
impl JobStore for DynamoStateStore {
    async fn add(&self, mut job: BackfillJob) -> Result<bool, PortError> {
        let (table, id) = (&*self.table, job.id.to_string());
        let mut body = std::mem::take(&mut job.input).into_bytes();
        let length = body.len();
        if let Some(ids) = ids_of(&mut job) {
            serde_json::to_writer(&mut body, ids).map_err(|error| table.rejected(error))?;
            ids.clear();
        }
        let item = Item::of(&JOBS.key(&id), &job).map_err(|error| table.rejected(error))?;
        let item = item.listed_as(newest_first(job.created_at, &id)).with(INPUT_LENGTH, number(length));
        let item = table.with_body(item, &format!("part#job#{id}"), &body).await?;
        let ours = item.entry().to_owned();
        let add = |found: Option<&Item>| Ok(found.map_or_else(|| Revision::Put(item.clone()), |_| Revision::Keep));
        let stored = table.revise(&JOBS.key(&id), None, add).await?;
        // Equal also if an earlier attempt of this call wrote it and its response was lost.
        Ok(stored.is_some_and(|stored| stored.entry() == ours))
    }

    async fn update(&self, job: &BackfillJob, expected: &BackfillJob) -> Result<bool, PortError> {
        let (table, key) = (&*self.table, JOBS.key(&job.id.to_string()));
        let update = |found: Option<&Item>| {
            let Some(item) = found else { return Ok(Revision::Keep) };
            let stored: BackfillJob = table.read(item)?;
            if !stored.has_progress_of(expected) || stored.has_progress_of(job) {
                return Ok(Revision::Keep);
            }
            let updated = item.clone().with_entry(&stored.with_progress_of(job));
            Ok(Revision::Put(updated.map_err(|error| table.rejected(error))?))
        };
        let found = table.get(&key).await?;
        let Some(item) = table.revise(&key, found, update).await? else { return Ok(false) };
        Ok(table.read::<BackfillJob>(&item)?.has_progress_of(job))
    }

    /// Parts of a long input stay: they cost storage, and nothing reads them.
    async fn remove_ended(&self, id: Uuid) -> Result<(), PortError> {
        let (table, key) = (&*self.table, JOBS.key(&id.to_string()));
        let remove = |found: Option<&Item>| {
            let Some(item) = found else { return Ok(Revision::Keep) };
            let has_ended = table.read::<BackfillJob>(item)?.state.has_ended();
            Ok(if has_ended { Revision::Remove } else { Revision::Keep })
        };
        let found = table.get(&key).await?;
        if found.is_some() {
            table.revise(&key, found, remove).await?;
        }
        Ok(())
    }

    async fn all(&self) -> Result<Vec<BackfillJob>, PortError> {
        let items = self.table.first(&JOBS, usize::MAX).await?;
        let mut jobs = Vec::with_capacity(items.len());
        for item in items {
            jobs.push(with_body(&self.table, &item).await?);
        }
        Ok(jobs)
    }

    async fn count_waiting(&self) -> Result<usize, PortError> {
        let entries = self.table.query(JOBS.partition(0)).projection_expression("pk, sk, #entry");
        let entries = self.table.found(entries.expression_attribute_names("#entry", ENTRY)).await?;
        let waits = |item: &Item| Ok(self.table.read::<BackfillJob>(item)?.state.waits());
        let waiting: Result<Vec<bool>, PortError> = entries.iter().map(waits).collect();
        Ok(waiting?.into_iter().filter(|waits| *waits).count())
    }
}

async fn with_body(table: &StateTable, item: &Item) -> Result<BackfillJob, PortError> {
    let mut job: BackfillJob = table.read(item)?;
    let mut body = table.body(item).await?;
    let length = item.number(INPUT_LENGTH).and_then(|length| usize::try_from(length).ok());
    let rest = body.split_off(length.unwrap_or(body.len()).min(body.len()));
    if let Some(ids) = ids_of(&mut job) {
        *ids = serde_json::from_slice(&rest).map_err(|error| table.corrupt(&item.key(), error))?;
    }
    job.input = String::from_utf8(body).map_err(|error| table.corrupt(&item.key(), error.utf8_error()))?;
    Ok(job)
}

fn ids_of(job: &mut BackfillJob) -> Option<&mut Vec<ExternalId>> {
    match &mut job.mode {
        BackfillMode::Ids(ids) => Some(ids),
        BackfillMode::Full | BackfillMode::Since(_) => None,
    }
}
