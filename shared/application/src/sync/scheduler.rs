//! Requests the reads that a schedule says, as backfill jobs.
//!
//! What was modified is read every few minutes, so that an installation without change events has history at that grain.
//! Everything is read once a day or more often: calculated fields change without a modification, and deletions show only
//! in ids. The first read of an object is a full one: there is no silent start date.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use annals_domain::definition::{Catalog, EntityDefinition, ReadInterval};
use annals_domain::identity::Provider;
use annals_domain::timestamp::Timestamp;

use super::schedule::{ReadIntervals, SyncSchedule};
use crate::backfill::{Backfill, BackfillError, BackfillRequest};
use crate::crm::OVERLAP_MS;
use crate::ports::{
    BACKFILL_PAGE_SIZE, BackfillJob, BackfillMode, Clock, JobState, JobStore, ObjectNote, ObjectNotes,
    ObjectOfProvider, PortError, revise_note,
};

/// What a scheduled job keeps as its input.
const SCHEDULED: &str = r#"{"asked_by":"schedule"}"#;
/// The page of a scheduled read. Requests have smaller ones, so that their progress shows.
const PAGE_SIZE: u64 = 500;

/// What is read of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ScheduledRead {
    /// What was modified since the last read.
    Modified,
    /// Everything, with calculated fields and deletions.
    Everything,
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
    /// Requests the reads that are due by their intervals, or that waited for another job. Returns their number.
    pub(super) async fn request_due(&self) -> Result<usize, PortError> {
        let mut requested = 0;
        let mut notes: BTreeMap<ObjectOfProvider, ObjectNote> = self.notes.notes().await?.into_iter().collect();
        for (definition, object) in self.objects() {
            let intervals = self.schedule.intervals(definition, object.0);
            let (note, now) = (notes.remove(&object).unwrap_or_default(), self.clock.now());
            if let Some(read) = due(&note, intervals, now) {
                requested += usize::from(self.request(object, read, &note, now).await?);
            }
        }
        Ok(requested)
    }

    /// Requests a read of everything now, except of types whose definition says how often that is. Returns the number of
    /// jobs.
    pub(super) async fn request_everything(&self) -> Result<usize, PortError> {
        let mut requested = 0;
        for (definition, object) in self.objects() {
            if definition.sync.everything.is_some() {
                continue;
            }
            let (note, now) = (self.notes.note(&object).await?, self.clock.now());
            requested += usize::from(self.request(object, ScheduledRead::Everything, &note, now).await?);
        }
        Ok(requested)
    }

    /// The objects of the connected CRMs that have a definition.
    fn objects(&self) -> Vec<(&EntityDefinition, ObjectOfProvider)> {
        let of_definition = |definition: &EntityDefinition| {
            let objects = definition.objects.clone().into_iter();
            objects.filter(|(provider, _)| self.providers.contains(provider)).collect::<Vec<_>>()
        };
        let definitions = self.catalog.definitions().iter().map(|definition| &**definition);
        let objects = |definition| of_definition(definition).into_iter().map(move |object| (definition, object));
        definitions.flat_map(objects).collect()
    }

    async fn request(
        &self,
        object: ObjectOfProvider,
        read: ScheduledRead,
        note: &ObjectNote,
        now: Timestamp,
    ) -> Result<bool, PortError> {
        let since = note.synced_until.filter(|_| read == ScheduledRead::Modified);
        let request = BackfillRequest {
            since: since.map(|until| until.plus_millis(-OVERLAP_MS)),
            page_size: Some(PAGE_SIZE.max(u64::from(BACKFILL_PAGE_SIZE))),
            input: SCHEDULED.to_owned(),
            ..BackfillRequest::default()
        };
        match self.backfill.request(object.1.as_str(), &request).await {
            Ok(_) => {}
            Err(error @ (BackfillError::NotEnded { .. } | BackfillError::Contended(_))) => {
                if read == ScheduledRead::Everything && !self.is_being_read(&object).await? {
                    self.keep_due(&object, note, &error, now).await?;
                }
                return Ok(false);
            }
            Err(BackfillError::Port(error)) => return Err(error),
            Err(error) => {
                tracing::warn!(entity_name = %object.1, %error, "scheduled read not requested");
                return Ok(false);
            }
        }
        self.note_start(&object, since.is_none(), now).await?;
        self.remove_earlier(&object).await?;
        Ok(true)
    }

    /// Whether a job that goes on by itself reads everything of the object: it is the same read.
    async fn is_being_read(&self, (provider, name): &ObjectOfProvider) -> Result<bool, PortError> {
        let is_same_read = |job: &BackfillJob| {
            let is_open = !job.state.has_ended() && job.state != JobState::Paused;
            (job.provider, &job.entity_name) == (*provider, name) && is_open && matches!(job.mode, BackfillMode::Full)
        };
        Ok(self.jobs.all().await?.iter().any(is_same_read))
    }

    /// Lets a read of everything wait for the job that is in its way.
    async fn keep_due(
        &self,
        object: &ObjectOfProvider,
        note: &ObjectNote,
        reason: &BackfillError,
        now: Timestamp,
    ) -> Result<(), PortError> {
        if note.refresh_requested_at.is_some() {
            return Ok(());
        }
        tracing::info!(provider = %object.0, entity_name = %object.1, %reason, "the scheduled read of everything waits");
        revise_note(&*self.notes, object, |note| note.refresh_requested_at = Some(now)).await
    }

    async fn note_start(&self, object: &ObjectOfProvider, is_full: bool, now: Timestamp) -> Result<(), PortError> {
        let start = |note: &mut ObjectNote| {
            note.sync_started_at = Some(now);
            if is_full {
                (note.refresh_started_at, note.compare_started_at) = (Some(now), Some(now));
                note.refresh_requested_at = None;
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

/// What is due of an object. Until it was read once, everything is, at the interval of modified records if it has one.
fn due(note: &ObjectNote, intervals: ReadIntervals, now: Timestamp) -> Option<ScheduledRead> {
    let is_due = |last: Option<Timestamp>, every: Option<ReadInterval>| {
        let millis = |every: ReadInterval| i64::try_from(every.duration().as_millis()).unwrap_or(i64::MAX);
        every.is_some_and(|every| last.is_none_or(|last| last.plus_millis(millis(every)) <= now))
    };
    if note.refresh_requested_at.is_some() {
        return Some(ScheduledRead::Everything);
    }
    let ReadIntervals { modified, everything } = intervals;
    if note.synced_until.is_none() {
        let either = modified.or(everything);
        return is_due(note.refresh_started_at, either).then_some(ScheduledRead::Everything);
    }
    if is_due(note.refresh_started_at, everything) {
        return Some(ScheduledRead::Everything);
    }
    is_due(note.sync_started_at, modified).then_some(ScheduledRead::Modified)
}
