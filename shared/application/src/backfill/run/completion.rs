//! The last steps of a job: what the CRM has and this installation lacks, what was deleted there, and the certificate.

use annals_domain::identity::{AggregateId, EntityKey, ExternalId};
use annals_domain::path::Path;
use annals_domain::timestamp::Timestamp;

use super::checkpoint::Phase;
use super::failure::StepError;
use super::step::{JobReader, StepOutcome};
use crate::crm::{ImageEffect, MissingRecords, OVERLAP_MS};
use crate::ports::{BackfillMode, DeletionConsent, IdQuery, ObjectNote, PortError, ReadWindow, revise_note};

/// More missing records than this, and than one in a hundred, are marked deleted only if a person agrees.
const MAX_UNASKED_DELETIONS: u64 = 10;

impl JobReader<'_> {
    /// Compares a page of the CRM's ids with the streams here, and reads the records that have none.
    pub(super) async fn find_missing(
        &mut self,
        until: Timestamp,
        cursor: Option<String>,
    ) -> Result<StepOutcome, StepError> {
        let query = IdQuery { object: self.job.entity_name.clone(), window: ReadWindow::Full { until }, after: cursor };
        let page = self.connection.client.ids(&query).await?;
        let keys: Result<Vec<EntityKey>, _> =
            page.ids.iter().map(|id| self.runner.images.key(self.job.provider, &self.job.entity_name, id)).collect();
        let known = self.runner.images.are_known(&keys?).await?;
        let unknown = page.ids.into_iter().zip(known).filter(|(_, is_known)| !is_known).map(|(id, _)| id);
        let unknown: Vec<ExternalId> = unknown.collect();
        for ids in unknown.chunks(self.connection.client.ids_per_call()) {
            let results = self.read_records(ids).await?;
            self.name_failed(&results, ImageEffect::Refused);
        }
        self.checkpoint.phase = match page.next {
            Some(next) => Phase::Missing { until, cursor: Some(next) },
            None => Phase::Compare { after: None },
        };
        Ok(StepOutcome::Continue("comparing ids".to_owned()))
    }

    /// Counts the records of a page here that are not alive at the CRM. Nothing is marked yet.
    pub(super) async fn compare(
        &mut self,
        after: Option<AggregateId>,
        consent: DeletionConsent,
    ) -> Result<StepOutcome, StepError> {
        let MissingRecords { ids, next } = self.missing_after(after).await?;
        if after.is_none() {
            self.checkpoint.counts.missing = 0;
        }
        self.checkpoint.counts.missing += ids.len() as u64;
        let Some(next) = next else { return self.decide_deletions(consent).await };
        self.checkpoint.phase = Phase::Compare { after: Some(next) };
        Ok(StepOutcome::Continue("comparing ids for deletions".to_owned()))
    }

    async fn decide_deletions(&mut self, consent: DeletionConsent) -> Result<StepOutcome, StepError> {
        let missing = self.checkpoint.counts.missing;
        self.checkpoint.phase = if missing == 0 { Phase::Certify } else { Phase::Delete { after: None } };
        let known = self.count_here().await?;
        let are_many = missing > MAX_UNASKED_DELETIONS && missing.saturating_mul(100) > known;
        if are_many && consent != DeletionConsent::Given {
            return Err(StepError::AskFirst(format!(
                "{missing} of the {known} records known here are missing at the CRM and would be marked deleted: \
                 resume the job to confirm that, or cancel it"
            )));
        }
        Ok(StepOutcome::Continue("comparing ids for deletions".to_owned()))
    }

    /// Confirms a page of missing records one by one, and marks deleted what the CRM does not have.
    pub(super) async fn delete(&mut self, after: Option<AggregateId>) -> Result<StepOutcome, StepError> {
        let MissingRecords { ids, next } = self.missing_after(after).await?;
        if !ids.is_empty() {
            self.read_records(&ids).await?;
        }
        self.checkpoint.phase = next.map_or(Phase::Certify, |next| Phase::Delete { after: Some(next) });
        Ok(StepOutcome::Continue("confirming deletions".to_owned()))
    }

    async fn missing_after(&self, after: Option<AggregateId>) -> Result<MissingRecords, StepError> {
        let (live, client) = (&*self.runner.ports.live, &*self.connection.client);
        MissingRecords::after(after, live, client, &self.schema, &self.job.entity_name).await
    }

    /// The number of records that are alive here.
    async fn count_here(&self) -> Result<u64, PortError> {
        self.runner.ports.live.count_live(&self.schema, self.job.provider).await
    }

    /// Ends the job with what both sides have.
    pub(super) async fn certify(&mut self) -> Result<StepOutcome, StepError> {
        let counts = self.checkpoint.counts;
        let mut reason = match &self.job.mode {
            BackfillMode::Full => {
                let window = ReadWindow::Full { until: self.checkpoint.read_until };
                let there = self.connection.client.count(&self.job.entity_name, window).await?;
                let here = self.count_here().await?;
                format!("complete: {there} records at the CRM, {here} here, {} not stored", counts.failed)
            }
            BackfillMode::Since(_) | BackfillMode::Ids(_) => {
                format!("complete: {} records read, {} not stored", counts.processed, counts.failed)
            }
        };
        let ids: Vec<&str> = self.checkpoint.not_stored.iter().map(ExternalId::as_str).collect();
        if !ids.is_empty() {
            reason.push_str(&format!(" (`{}`)", ids.join("`, `")));
        }
        if !self.selection.lacking.is_empty() {
            let fields: Vec<&str> = self.selection.lacking.iter().map(Path::as_str).collect();
            reason.push_str(&format!("; fields that the CRM does not show: {}", fields.join(", ")));
        }
        self.note_progress().await?;
        Ok(StepOutcome::Done(reason))
    }

    /// Notes up to when the object is read, and which fields can be read again.
    async fn note_progress(&self) -> Result<(), PortError> {
        let object = (self.job.provider, self.job.entity_name.clone());
        let progress = |note: &mut ObjectNote| {
            note.unreadable.retain(|path| !self.selection.shows(path));
            if self.continues(note) {
                note.synced_until = note.synced_until.max(Some(self.checkpoint.read_until));
            }
        };
        revise_note(&*self.runner.ports.notes, &object, progress).await
    }

    /// Whether what this job read begins before what was read before ends.
    fn continues(&self, note: &ObjectNote) -> bool {
        match &self.job.mode {
            BackfillMode::Full => true,
            BackfillMode::Since(from) => note.synced_until.is_some_and(|until| *from <= until.plus_millis(-OVERLAP_MS)),
            BackfillMode::Ids(_) => false,
        }
    }
}
