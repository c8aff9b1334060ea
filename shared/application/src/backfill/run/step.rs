//! The steps of a job: each reads and stores a page, or compares some ids.
//!
//! A step changes the checkpoint only after what it read is stored, so that repeating it is safe.

use std::collections::BTreeSet;

use annals_domain::change::RefetchReason;
use annals_domain::definition::EntitySchema;
use annals_domain::identity::ExternalId;
use annals_domain::timestamp::Timestamp;
use tokio::time::Instant;

use super::checkpoint::{Checkpoint, Phase};
use super::context::RunnerContext;
use super::failure::StepError;
use crate::commands::{CommandError, adapter_of};
use crate::crm::{CrmConnection, ImageEffect, ImageResult, READ_AGAIN_MS, ReadRecord, ReadRecords, Selection};
use crate::ports::{
    BackfillJob, BackfillMode, CrmError, CrmErrorKind, DeletionConsent, FetchedRecord, PageQuery, ReadWindow,
    RefetchTask,
};

/// The ids that a certificate names.
const MAX_NAMED_IDS: usize = 20;
/// A window that lacks records is read again so often before the job waits.
const MAX_REREADS: u8 = 2;

/// What a step came to; both with what is shown as the job's reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StepOutcome {
    Continue(String),
    Done(String),
}

fn going_on() -> StepOutcome {
    StepOutcome::Continue("reading records".to_owned())
}

/// Reads the records of one job.
pub(super) struct JobReader<'a> {
    pub(super) runner: &'a RunnerContext,
    pub(super) connection: &'a CrmConnection,
    pub(super) job: BackfillJob,
    pub(super) schema: EntitySchema,
    pub(super) selection: Selection,
    pub(super) checkpoint: Checkpoint,
    /// Whether the object was never read completely before.
    is_first_read: bool,
    usage_per_mille: Option<u64>,
    pub(super) deadline: Instant,
}

impl<'a> JobReader<'a> {
    /// Describes the object, and counts what is to be read if the job starts.
    pub(super) async fn open(
        runner: &'a RunnerContext,
        job: &BackfillJob,
        checkpoint: Option<Checkpoint>,
        deadline: Instant,
    ) -> Result<Self, StepError> {
        let connection = runner.connections.get(job.provider).ok_or(CommandError::UnknownProvider(job.provider))?;
        let adapter = adapter_of(&runner.adapters, job.provider)?;
        let usage_per_mille = Some(check_quota(connection).await?);
        let description = connection.client.describe(&job.entity_name).await?;
        let schema = runner.catalog.schema(job.provider, &job.entity_name);
        let selection = Selection::new(&job.entity_name, &description, &schema, adapter);
        let note = runner.ports.notes.note(&(job.provider, job.entity_name.clone())).await?;
        let is_first_read = note.synced_until.is_none();
        let is_new = checkpoint.is_none();
        let checkpoint = checkpoint.unwrap_or_else(|| Checkpoint::start(job, description.described_at));
        let job = job.clone();
        let mut reader =
            Self { runner, connection, job, schema, selection, checkpoint, is_first_read, usage_per_mille, deadline };
        if is_new {
            reader.checkpoint.counts.total = Some(reader.count_total().await?);
        }
        Ok(reader)
    }

    pub(super) fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    pub(super) fn usage_per_mille(&self) -> Option<u64> {
        self.usage_per_mille
    }

    /// Whether most records that this step reads probably have no event.
    fn reads_unknown_records(&self) -> bool {
        match (&self.checkpoint.phase, &self.job.mode) {
            (Phase::Window { .. }, BackfillMode::Full) => self.is_first_read,
            (Phase::Missing { .. }, _) => true,
            _ => false,
        }
    }

    async fn count_total(&self) -> Result<u64, StepError> {
        match &self.job.mode {
            BackfillMode::Ids(ids) => Ok(ids.len() as u64),
            mode => Ok(self.connection.client.count(&self.job.entity_name, self.checkpoint.window(mode)).await?),
        }
    }

    /// Does the next step.
    pub(super) async fn step(&mut self, consent: DeletionConsent) -> Result<StepOutcome, StepError> {
        self.usage_per_mille = Some(check_quota(self.connection).await?);
        let stepped = match self.checkpoint.phase.clone() {
            Phase::Window { cursor, read } => self.read_window(cursor, read).await,
            Phase::Verify { read } => self.verify(read).await,
            Phase::Tail { until, cursor } => self.read_tail(until, cursor).await,
            Phase::Ids { next } => self.read_ids(next).await,
            Phase::Missing { until, cursor } => self.find_missing(until, cursor).await,
            Phase::Compare { after } => self.compare(after, consent).await,
            Phase::Delete { after } => self.delete(after).await,
            Phase::Certify => self.certify().await,
        };
        match stepped {
            Err(StepError::Crm(error)) => self.recover(error).await,
            stepped => stepped,
        }
    }

    async fn read_window(&mut self, cursor: Option<String>, read: u64) -> Result<StepOutcome, StepError> {
        let window = self.checkpoint.window(&self.job.mode);
        let (rows, next) = self.read_page(window, cursor).await?;
        let read = read + rows;
        self.checkpoint.phase = match next {
            Some(next) => Phase::Window { cursor: Some(next), read },
            None => Phase::Verify { read },
        };
        Ok(going_on())
    }

    /// Rule 4 of reading CRMs: what was read is complete, or it is read again. Records leave a window while it is read,
    /// but none comes into it, except from a transaction that commits late.
    async fn verify(&mut self, read: u64) -> Result<StepOutcome, StepError> {
        let window = self.checkpoint.window(&self.job.mode);
        let counted = self.connection.client.count(&self.job.entity_name, window).await?;
        if counted > read {
            self.checkpoint.read_again();
            if self.checkpoint.rereads >= MAX_REREADS {
                self.checkpoint.rereads = 0;
                return Err(StepError::Incomplete { counted, read });
            }
            self.checkpoint.rereads += 1;
            let reason = format!("reading again: {read} of {counted} records were read");
            return Ok(StepOutcome::Continue(reason));
        }
        self.checkpoint.phase = match &self.job.mode {
            BackfillMode::Full => Phase::Tail { until: self.checkpoint.read_until, cursor: None },
            BackfillMode::Since(_) | BackfillMode::Ids(_) => Phase::Certify,
        };
        Ok(going_on())
    }

    async fn read_tail(&mut self, until: Timestamp, cursor: Option<String>) -> Result<StepOutcome, StepError> {
        let (_, next) = self.read_page(self.checkpoint.tail(until), cursor).await?;
        self.checkpoint.phase = match next {
            Some(next) => Phase::Tail { until, cursor: Some(next) },
            None => Phase::Missing { until, cursor: None },
        };
        Ok(going_on())
    }

    async fn read_ids(&mut self, next: usize) -> Result<StepOutcome, StepError> {
        let BackfillMode::Ids(ids) = &self.job.mode else { return Ok(going_on()) };
        let size = self.connection.client.ids_per_call().min(usize::try_from(self.checkpoint.page_size).unwrap_or(1));
        let chunk: Vec<ExternalId> = ids.iter().skip(next).take(size.max(1)).cloned().collect();
        let is_last = next + chunk.len() >= ids.len();
        if !chunk.is_empty() {
            self.read_records(&chunk).await?;
        }
        self.checkpoint.phase = if is_last { Phase::Certify } else { Phase::Ids { next: next + chunk.len() } };
        Ok(going_on())
    }

    /// Reads and stores a page. Returns the number of its records and the next cursor.
    async fn read_page(
        &mut self,
        window: ReadWindow,
        after: Option<String>,
    ) -> Result<(u64, Option<String>), StepError> {
        let query = PageQuery {
            object: self.job.entity_name.clone(),
            fields: self.selection.fields.clone(),
            window,
            after,
            page_size: self.checkpoint.page_size,
            expected: self.checkpoint.counts.total,
        };
        let page = self.connection.client.page(&query).await?;
        let rows = page.records.len() as u64;
        let records = page.records.into_iter().map(|FetchedRecord { id, record }| (id, Some(record)));
        self.store(records, page.fetched_at).await?;
        self.checkpoint.read_until = page.fetched_at;
        Ok((rows, page.next))
    }

    /// Reads and stores records by their ids; those that the CRM does not have are marked deleted.
    pub(super) async fn read_records(&mut self, ids: &[ExternalId]) -> Result<Vec<ImageResult>, StepError> {
        let lookup = self.connection.client.records(&self.job.entity_name, &self.selection.fields, ids).await?;
        let fetched_at = lookup.fetched_at;
        self.store(lookup.into_records(), fetched_at).await
    }

    async fn store(
        &mut self,
        records: impl Iterator<Item = (ExternalId, Option<std::sync::Arc<str>>)>,
        fetched_at: Timestamp,
    ) -> Result<Vec<ImageResult>, StepError> {
        let caused_by = self.job.id;
        let read = ReadRecords {
            provider: self.job.provider,
            object: &self.job.entity_name,
            calculated: &self.selection.calculated,
            records: records.map(|(id, record)| ReadRecord { id, record, caused_by }).collect(),
            are_mostly_unknown: self.reads_unknown_records(),
            fetched_at,
            correlation_id: Some(caused_by.to_string()),
        };
        let results = self.runner.images.store(read, self.deadline).await?;
        let counts = &mut self.checkpoint.counts;
        for result in &results {
            counts.processed += 1;
            *match result.effect {
                ImageEffect::Created => &mut counts.created,
                ImageEffect::Updated => &mut counts.updated,
                ImageEffect::Deleted => &mut counts.deleted,
                ImageEffect::Unchanged => &mut counts.unchanged,
                ImageEffect::Refused | ImageEffect::Damaged => &mut counts.failed,
            } += 1;
        }
        counts.total = counts.total.map(|total| total.max(counts.processed));
        self.name_failed(&results, ImageEffect::Damaged);
        self.ask_again(&results).await?;
        Ok(results)
    }

    /// Remembers some of the records that could not be stored for that reason, to name them in the end.
    pub(super) fn name_failed(&mut self, results: &[ImageResult], effect: ImageEffect) {
        let named = &mut self.checkpoint.not_stored;
        for result in results.iter().filter(|result| result.effect == effect) {
            if named.len() < MAX_NAMED_IDS && !named.contains(&result.external_id) {
                named.push(result.external_id.clone());
            }
        }
    }

    /// Asks for a refetch of the records that changed while they were read.
    async fn ask_again(&self, results: &[ImageResult]) -> Result<(), StepError> {
        let due_at = self.runner.ports.clock.now().plus_millis(READ_AGAIN_MS);
        let task = |result: &ImageResult| RefetchTask {
            key: result.key.clone(),
            provider: self.job.provider,
            external_id: result.external_id.clone(),
            reasons: BTreeSet::from([RefetchReason::AtAnImagesInstant]),
            due_at,
            attempts: 0,
            version: result.version,
            asked_by: None,
        };
        let tasks: Vec<RefetchTask> = results.iter().filter(|result| result.read_again).map(task).collect();
        if !tasks.is_empty() {
            self.runner.ports.refetch.enqueue(tasks).await?;
        }
        Ok(())
    }

    /// What can be done about an error at once: a smaller page, a window that starts again, other fields.
    async fn recover(&mut self, error: CrmError) -> Result<StepOutcome, StepError> {
        match &error.kind {
            CrmErrorKind::TooLarge if self.checkpoint.page_size > 1 => {
                self.checkpoint.page_size /= 2;
                Ok(StepOutcome::Continue(format!("reading pages of {} records", self.checkpoint.page_size)))
            }
            CrmErrorKind::CursorExpired if self.checkpoint.rereads < MAX_REREADS => {
                self.checkpoint.rereads += 1;
                match &mut self.checkpoint.phase {
                    Phase::Tail { cursor, .. } | Phase::Missing { cursor, .. } => *cursor = None,
                    _ => self.checkpoint.read_again(),
                }
                Ok(StepOutcome::Continue("reading again: the cursor has expired".to_owned()))
            }
            CrmErrorKind::FieldsMissing(_) => {
                let description = self.connection.client.describe(&self.job.entity_name).await?;
                let Some(adapter) = self.runner.adapters.get(self.job.provider) else { return Err(error.into()) };
                let selection = Selection::new(&self.job.entity_name, &description, &self.schema, &**adapter);
                if selection == self.selection {
                    return Err(error.into());
                }
                self.selection = selection;
                Ok(going_on())
            }
            _ => Err(error.into()),
        }
    }
}

/// The used part of the quota, in thousandths; an error if no call may be made now.
async fn check_quota(connection: &CrmConnection) -> Result<u64, StepError> {
    let quota = connection.quota().await?;
    match quota.refusal {
        Some(refusal) => Err(StepError::Quota { reason: refusal.reason, until: refusal.until }),
        None => Ok(quota.usage_per_mille),
    }
}
