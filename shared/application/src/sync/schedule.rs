//! The schedule: objects are read again without an event that asks.
//!
//! What was modified is read every few minutes, so that an installation without change events has history at that grain.
//! Once a day everything is read: calculated fields change without a modification, and deletions show only in ids. The
//! first read of an object is a full one: there is no silent start date.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use annals_domain::definition::Catalog;
use annals_domain::identity::Provider;
use annals_domain::timestamp::Timestamp;

use crate::backfill::{Backfill, BackfillError, BackfillRequest};
use crate::crm::OVERLAP_MS;
use crate::ports::{
    BACKFILL_PAGE_SIZE, BackfillJob, Clock, JobStore, ObjectNote, ObjectNotes, ObjectOfProvider, PortError, revise_note,
};

/// What a scheduled job keeps as its input.
const SCHEDULED: &str = r#"{"asked_by":"schedule"}"#;
/// The page of a scheduled read. Requests have smaller ones, so that their progress shows.
const PAGE_SIZE: u64 = 500;

/// How often the objects of the connected CRMs are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncSchedule {
    /// What was modified.
    pub modified: Duration,
    /// Everything, with calculated fields and deletions.
    pub everything: Duration,
}

impl SyncSchedule {
    /// What was modified at that interval, and everything once a day.
    pub fn every(modified: Duration) -> Self {
        Self { modified, everything: Duration::from_secs(24 * 3_600) }
    }
}

#[derive(Clone)]
pub(super) struct Scheduler {
    pub(super) schedule: SyncSchedule,
    pub(super) backfill: Backfill,
    pub(super) jobs: Arc<dyn JobStore>,
    pub(super) notes: Arc<dyn ObjectNotes>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) providers: BTreeSet<Provider>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Scheduler {
    /// Asks for the jobs that are due: those of objects that have a definition. Returns their number.
    pub(super) async fn request_due(&self) -> Result<usize, PortError> {
        let mut requested = 0;
        for definition in self.catalog.definitions() {
            for (provider, name) in definition.objects.iter().filter(|(provider, _)| self.providers.contains(provider))
            {
                requested += usize::from(self.request((*provider, name.clone())).await?);
            }
        }
        Ok(requested)
    }

    async fn request(&self, object: ObjectOfProvider) -> Result<bool, PortError> {
        let (note, now) = (self.notes.note(&object).await?, self.clock.now());
        let Some(request) = self.due(&note, now) else { return Ok(false) };
        let is_full = request.since.is_none();
        match self.backfill.request(object.1.as_str(), &request).await {
            Ok(_) => {}
            // A job that somebody asked for, or that waits, is the same read.
            Err(BackfillError::NotEnded { .. } | BackfillError::Contended(_)) => return Ok(false),
            Err(BackfillError::Port(error)) => return Err(error),
            Err(error) => {
                tracing::warn!(entity_name = %object.1, %error, "scheduled read not requested");
                return Ok(false);
            }
        }
        self.note_start(&object, is_full, now).await?;
        self.remove_earlier(&object).await?;
        Ok(true)
    }

    fn due(&self, note: &ObjectNote, now: Timestamp) -> Option<BackfillRequest> {
        let is_due = |last: Option<Timestamp>, every: Duration| {
            let every = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
            last.is_none_or(|last| last.plus_millis(every) <= now)
        };
        let request = BackfillRequest {
            page_size: Some(PAGE_SIZE.max(u64::from(BACKFILL_PAGE_SIZE))),
            input: SCHEDULED.to_owned(),
            ..BackfillRequest::default()
        };
        match note.synced_until {
            Some(_) if is_due(note.refresh_started_at, self.schedule.everything) => Some(request),
            None if is_due(note.refresh_started_at, self.schedule.modified) => Some(request),
            Some(until) if is_due(note.sync_started_at, self.schedule.modified) => {
                Some(BackfillRequest { since: Some(until.plus_millis(-OVERLAP_MS)), ..request })
            }
            _ => None,
        }
    }

    async fn note_start(&self, object: &ObjectOfProvider, is_full: bool, now: Timestamp) -> Result<(), PortError> {
        let start = |note: &mut ObjectNote| {
            note.sync_started_at = Some(now);
            if is_full {
                (note.refresh_started_at, note.compare_started_at) = (Some(now), Some(now));
            }
        };
        revise_note(&*self.notes, object, start).await
    }

    /// Removes the scheduled jobs of an object that have ended: there would be hundreds a day.
    async fn remove_earlier(&self, (provider, name): &ObjectOfProvider) -> Result<(), PortError> {
        let is_earlier = |job: &&BackfillJob| {
            (job.provider, &job.entity_name) == (*provider, name) && job.input == SCHEDULED && job.state.has_ended()
        };
        let jobs = self.jobs.all().await?;
        for job in jobs.iter().filter(is_earlier) {
            self.jobs.remove_ended(job.id).await?;
        }
        Ok(())
    }
}
