//! Compares a record that was read with what is known of it, and says what is to be stored.

use std::sync::Arc;

use annals_domain::aggregate::Aggregate;
use annals_domain::change::Change;
use annals_domain::definition::Catalog;
use annals_domain::event::{EventType, ObservedParts};
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use annals_domain::provider_adapter::{ProviderAdapter, RecordImage};
use annals_domain::stream_head::StreamHead;
use uuid::Uuid;

use super::comparison::{Differences, Precedence, differences, newest_write, precedence};
use super::damage::apart;
use super::image_result::{ImageEffect, ImageResult};
use super::read_records::{ReadRecord, ReadRecords};
use super::stored_records::StoredRecords;
use super::timing::SETTLED_AFTER_MS;
use crate::commands::{Action, Command, CommandError, CommandMetadata, EventRead, FoundRecord, Outcome};
use crate::log_chain;

/// An image that was read less than this after its record's last modification may lack another one of that time: stamps
/// are often whole seconds.
const FRESH_MS: i64 = 2_000;

/// An image that is to be stored.
pub(super) struct PendingImage {
    result: ImageResult,
    image: RecordImage,
    caused_by: Uuid,
    has_stream: bool,
    /// In what the state differed before; `None` without a state.
    before: Option<Differences>,
}

pub(super) enum Compared {
    /// Nothing is to be stored.
    Settled(ImageResult),
    Pending(Box<PendingImage>),
}

/// The comparison of one record with what is known of it.
pub(super) struct ImageComparison<'a> {
    pub(super) records: &'a StoredRecords,
    pub(super) catalog: &'a Catalog,
    pub(super) adapter: &'a dyn ProviderAdapter,
    pub(super) read: &'a ReadRecords<'a>,
    pub(super) record: &'a ReadRecord,
}

impl ImageComparison<'_> {
    pub(super) async fn compare(self, key: EntityKey, head: Option<StreamHead>) -> Result<Compared, CommandError> {
        let version = head.as_ref().map_or(Version::new(0), |head| head.version);
        let result = ImageResult { version, ..ImageResult::unchanged(key, self.record.id.clone()) };
        if head.is_none() && self.record.record.is_none() {
            return Ok(Compared::Settled(result));
        }
        let observed = ObservedParts { paths: self.read.calculated.clone(), whole: false };
        let image = RecordImage { observed, ..RecordImage::new(self.record.record.clone(), self.read.fetched_at) };
        let mut pending =
            PendingImage { result, image, caused_by: self.record.caused_by, has_stream: head.is_some(), before: None };
        // The command handler puts it into quarantine.
        let Some(mut change) = self.change(&pending.image) else { return Ok(Compared::Pending(Box::new(pending))) };
        let stamp = change.position.timestamp.millis();
        if self.record.record.is_some() && self.read.fetched_at.millis() - stamp < FRESH_MS {
            pending.image.still_fresh = true;
            pending.result.read_again = true;
            let Some(fresh) = self.change(&pending.image) else { return Ok(Compared::Pending(Box::new(pending))) };
            change = fresh;
        }
        let Some(head) = head else { return Ok(Compared::Pending(Box::new(pending))) };
        if head.is_only_newest(&change.position) {
            return Ok(Compared::Settled(pending.result));
        }
        match apart(self.records.load(&pending.result.key, &head).await)? {
            Ok(state) => Ok(self.compare_with(pending, &state, &change)),
            Err(error) => {
                tracing::warn!(entity_key = %pending.result.key, error = %log_chain(&error), "image stored uncompared");
                Ok(Compared::Pending(Box::new(pending)))
            }
        }
    }

    fn compare_with(&self, mut pending: PendingImage, state: &Aggregate, change: &Change) -> Compared {
        let is_known_absent = self.record.record.is_none() && state.is_deleted() && state.has_base();
        if is_known_absent {
            return Compared::Settled(pending.result);
        }
        let schema = self.catalog.schema(self.read.provider, self.read.object);
        let before = differences(state, change, &schema, self.adapter);
        pending.before = Some(self.settled(state, before, &mut pending.result.read_again));
        let mut after = with_image(state, change);
        let contradicted = differences(&after, change, &schema, self.adapter);
        let contradicted = self.settled(&after, contradicted, &mut pending.result.read_again);
        if !contradicted.is_empty() {
            correct(&mut pending.image, &contradicted);
            if let Some(correction) = self.change(&pending.image) {
                after = with_image(state, &correction);
            }
        }
        pending.result.unknown = after.unknown_paths().into_iter().cloned().collect();
        Compared::Pending(Box::new(pending))
    }

    /// The differences in which the image is right. Sets `read_again` if others may have been made while it was read.
    fn settled(&self, state: &Aggregate, found: Differences, read_again: &mut bool) -> Differences {
        let settled_before = self.read.fetched_at.plus_millis(-SETTLED_AFTER_MS);
        let mut judge = |written| {
            let judged = precedence(written, self.read.fetched_at, settled_before);
            *read_again |= judged == Precedence::Unsettled;
            judged == Precedence::Image
        };
        let mut settled = Differences::default();
        for path in found.paths {
            if newest_write(state, &path).is_none_or(&mut judge) {
                settled.paths.insert(path);
            }
        }
        if found.whole {
            let lifecycle = state.lifecycle_at().is_none_or(|(at, _)| judge(at));
            let is_certain = state.stale().is_none_or(|stale| stale.since <= settled_before);
            *read_again |= !is_certain;
            settled.whole = lifecycle && is_certain;
        }
        settled
    }

    fn change(&self, image: &RecordImage) -> Option<Arc<Change>> {
        let read = self.adapter.read_image(self.read.object, &self.record.id, image);
        read.ok().map(|incoming| incoming.change)
    }
}

impl PendingImage {
    pub(super) fn command(&self, read: &ReadRecords<'_>, metadata: CommandMetadata) -> Command {
        let found = FoundRecord {
            provider: read.provider,
            entity_name: read.object.clone(),
            external_id: self.result.external_id.clone(),
            image: self.image.clone(),
        };
        let action = match (&self.image.record, self.has_stream) {
            (None, _) => Action::DeleteEntity(found),
            (Some(_), false) => Action::CreateEntity(found),
            (Some(_), true) => Action::UpdateEntity(found),
        };
        Command { id: self.caused_by, action, metadata }
    }

    /// Makes it a correction if its contents were stored before, though the record is known otherwise since.
    pub(super) fn corrects_after(&mut self, reads: &[EventRead]) -> bool {
        let is_duplicate = reads.iter().any(|read| read.outcome == Outcome::Duplicate);
        if !is_duplicate || self.image.is_correction {
            return false;
        }
        let Some(before) = self.before.take_if(|before| !before.is_empty()) else { return false };
        correct(&mut self.image, &before);
        true
    }

    pub(super) fn stored(self, reads: &[EventRead]) -> ImageResult {
        let Self { mut result, before, .. } = self;
        let Some(read) = reads.first() else { return result };
        let says_nothing_new = before.is_some_and(|before| before.is_empty());
        result.effect = match (read.outcome, read.event_type) {
            (Outcome::Quarantined, _) => ImageEffect::Refused,
            (Outcome::Stored | Outcome::AwaitingBase, _) if says_nothing_new => ImageEffect::Unchanged,
            (Outcome::Stored | Outcome::AwaitingBase, Some(EventType::Created)) => ImageEffect::Created,
            (Outcome::Stored | Outcome::AwaitingBase, Some(EventType::Deleted)) => ImageEffect::Deleted,
            (Outcome::Stored | Outcome::AwaitingBase, _) => ImageEffect::Updated,
            (Outcome::Duplicate | Outcome::BackfillRequested | Outcome::Ignored, _) => ImageEffect::Unchanged,
        };
        result.version = read.version.unwrap_or(result.version);
        result
    }
}

/// Makes an image a correction of what differs from it.
fn correct(image: &mut RecordImage, differences: &Differences) {
    image.is_correction = true;
    image.observed.paths.extend(differences.paths.iter().cloned());
    image.observed.whole |= differences.whole;
}

fn with_image(state: &Aggregate, image: &Change) -> Aggregate {
    let mut state = state.clone();
    state.apply(state.version().next(), image);
    state
}
