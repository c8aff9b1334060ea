//! Storing records that were read from a CRM, as record images.
//!
//! An image takes the path of every change, so it is appended, projected and published like one. Before, it is compared
//! with what is known of its record: an image that says nothing new is not stored, and one that older events contradict
//! is stored as a correction, which stands at the time at which it was read.

use std::collections::BTreeSet;
use std::slice;
use std::sync::Arc;

use annals_domain::aggregate::Aggregate;
use annals_domain::change::Change;
use annals_domain::definition::Catalog;
use annals_domain::event::{EventType, ObservedParts};
use annals_domain::identity::{AggregateId, EntityKey, EntityName, ExternalId, Provider};
use annals_domain::path::Path;
use annals_domain::position::Version;
use annals_domain::provider_adapter::{ProviderAdapter, ProviderAdapters, RecordImage};
use annals_domain::stream_head::StreamHead;
use annals_domain::timestamp::Timestamp;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::Instant;
use uuid::Uuid;

use super::comparison::{Differences, Precedence, differences, newest_write, precedence};
use super::timing::SETTLED_AFTER_MS;
use crate::commands::{
    Action, Command, CommandError, CommandHandler, CommandMetadata, EventRead, FoundRecord, Outcome, adapter_of,
};
use crate::log_chain;
use crate::ports::{EventStore, PortError, PortErrorKind, SnapshotStore};
use crate::projection::{ProjectionFailure, SNAPSHOT_INTERVAL, StateLoader};

/// An image that was read less than this after its record's last modification may lack another one of that time: stamps
/// are often whole seconds.
const FRESH_MS: i64 = 2_000;
/// The number of records whose states are in memory at the same time.
const PART: usize = 200;
const CONCURRENT_LOADS: usize = 16;

/// Records of one object that were read together.
#[derive(Debug, Clone)]
pub struct ReadRecords<'a> {
    pub provider: Provider,
    pub object: &'a EntityName,
    /// The fields that change without their record being modified.
    pub calculated: &'a BTreeSet<Path>,
    pub records: Vec<ReadRecord>,
    /// Whether most of the records probably have no event, as in a first backfill. Then it is asked first which ones
    /// have, for many at once; of other records that would be a read more each.
    pub are_mostly_unknown: bool,
    /// By the CRM's clock.
    pub fetched_at: Timestamp,
    pub correlation_id: Option<String>,
}

#[derive(Debug, Clone)]
pub struct ReadRecord {
    pub id: ExternalId,
    /// `None` if the CRM confirmed that it has no such record.
    pub record: Option<Arc<str>>,
    /// The causation id: the event or job for which it was read.
    pub caused_by: Uuid,
}

/// What storing an image came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageEffect {
    /// Nothing was known of the whole record.
    Created,
    Updated,
    Deleted,
    /// It says nothing new.
    Unchanged,
    /// It cannot be read as a record; it is in quarantine.
    Refused,
    /// The stream of the record is damaged, so nothing can be appended to it; see the log.
    Damaged,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageResult {
    pub key: EntityKey,
    pub external_id: ExternalId,
    pub effect: ImageEffect,
    /// The newest version of the stream that is known; 0 without a stream.
    pub version: Version,
    /// Whether the record must be read once more in a few seconds: it changed while it was read.
    pub read_again: bool,
    /// What is still unknown of the record.
    pub unknown: BTreeSet<Path>,
}

impl ImageResult {
    fn unchanged(key: EntityKey, external_id: ExternalId) -> Self {
        Self {
            key,
            external_id,
            effect: ImageEffect::Unchanged,
            version: Version::new(0),
            read_again: false,
            unknown: BTreeSet::new(),
        }
    }
}

/// The head of a record's stream; `None` if it has none, and an error if it is damaged.
pub type RecordHead = Result<Option<StreamHead>, PortError>;

/// What the events of a record come to; `None` if it has none, and an error if its stream is damaged.
pub type RecordState = Result<Option<Aggregate>, PortError>;

/// Stores images through a command handler.
pub struct ImageStore {
    handler: Arc<CommandHandler>,
    store: Arc<dyn EventStore>,
    snapshots: Arc<dyn SnapshotStore>,
    catalog: Arc<Catalog>,
    adapters: ProviderAdapters,
}

/// An image that is to be stored.
struct PendingImage {
    result: ImageResult,
    image: RecordImage,
    caused_by: Uuid,
    has_stream: bool,
    /// In what the state differed before; `None` without a state.
    before: Option<Differences>,
}

enum Compared {
    /// Nothing is to be stored.
    Settled(ImageResult),
    Pending(Box<PendingImage>),
}

impl ImageStore {
    pub fn new(
        handler: Arc<CommandHandler>,
        store: Arc<dyn EventStore>,
        snapshots: Arc<dyn SnapshotStore>,
        catalog: Arc<Catalog>,
        adapters: ProviderAdapters,
    ) -> Self {
        Self { handler, store, snapshots, catalog, adapters }
    }

    /// The stream of a record.
    pub fn key(&self, provider: Provider, object: &EntityName, id: &ExternalId) -> Result<EntityKey, CommandError> {
        Ok(key_of(adapter_of(&self.adapters, provider)?, object, id))
    }

    /// Whether records have events here.
    pub async fn are_known(&self, keys: &[EntityKey]) -> Result<Vec<bool>, CommandError> {
        match apart(self.store.have_events(keys).await)? {
            Ok(known) => Ok(known),
            // What is damaged is known.
            Err(_) => Ok(self.heads_apart(keys).await?.iter().map(|head| !matches!(head, Ok(None))).collect()),
        }
    }

    /// The heads of streams, as they are stored.
    pub async fn heads(&self, keys: &[EntityKey], deadline: Instant) -> Result<Vec<RecordHead>, CommandError> {
        match only_damage(self.handler.heads(keys, deadline).await)? {
            Ok(heads) => Ok(heads.into_iter().map(Ok).collect()),
            Err(_) => Ok(self.heads_apart(keys).await?),
        }
    }

    /// The same for streams most of which have no event: only the heads of the others are read one by one.
    async fn heads_of_few(&self, keys: &[EntityKey], deadline: Instant) -> Result<Vec<RecordHead>, CommandError> {
        let known = self.are_known(keys).await?;
        let of_known = keys.iter().zip(&known).filter(|(_, is_known)| **is_known).map(|(key, _)| key.clone());
        let of_known: Vec<EntityKey> = of_known.collect();
        let mut heads = self.heads(&of_known, deadline).await?.into_iter();
        Ok(known
            .into_iter()
            .map(|is_known| if is_known { heads.next().unwrap_or(Ok(None)) } else { Ok(None) })
            .collect())
    }

    /// The state of each record; an error of this installation's store concerns all of them.
    pub async fn states(&self, keys: &[EntityKey]) -> Result<Vec<RecordState>, PortError> {
        let heads = self.heads_apart(keys).await?;
        let states = keys.iter().zip(heads).map(|(key, head)| async move {
            match head {
                Ok(Some(head)) => apart(self.load(key, &head).await.map(Some)),
                Ok(None) => Ok(Ok(None)),
                Err(damage) => Ok(Err(damage)),
            }
        });
        stream::iter(states).buffered(CONCURRENT_LOADS).try_collect().await
    }

    /// The heads of streams. If one is damaged each is read by itself, so that those of the others are found.
    async fn heads_apart(&self, keys: &[EntityKey]) -> Result<Vec<RecordHead>, PortError> {
        let damage = match apart(self.store.heads(keys).await)? {
            Ok(heads) => return Ok(heads.into_iter().map(Ok).collect()),
            Err(damage) => damage,
        };
        tracing::warn!(error = %log_chain(&damage), "heads are read one by one");
        let mut heads = Vec::with_capacity(keys.len());
        for key in keys {
            let head = self.store.heads(slice::from_ref(key)).await;
            heads.push(apart(head.map(|head| head.into_iter().next().flatten()))?);
        }
        Ok(heads)
    }

    /// Stores records. One result a record, in their order. Repeating a call that failed is safe.
    pub async fn store(&self, read: ReadRecords<'_>, deadline: Instant) -> Result<Vec<ImageResult>, CommandError> {
        let mut results = Vec::with_capacity(read.records.len());
        for records in read.records.chunks(PART) {
            match only_damage(self.store_part(&read, records, deadline).await)? {
                Ok(stored) => results.extend(stored),
                Err(damage) => {
                    tracing::warn!(error = %log_chain(&damage), "images are stored one by one");
                    for record in records {
                        results.extend(self.store_alone(&read, record, deadline).await?);
                    }
                }
            }
        }
        Ok(results)
    }

    /// Stores one record, unless its stream is damaged.
    async fn store_alone(
        &self,
        read: &ReadRecords<'_>,
        record: &ReadRecord,
        deadline: Instant,
    ) -> Result<Vec<ImageResult>, CommandError> {
        match only_damage(self.store_part(read, slice::from_ref(record), deadline).await)? {
            Ok(stored) => Ok(stored),
            Err(damage) => {
                let key = self.key(read.provider, read.object, &record.id)?;
                tracing::warn!(entity_key = %key, error = %log_chain(&damage), "image not stored");
                let unchanged = ImageResult::unchanged(key, record.id.clone());
                Ok(vec![ImageResult { effect: ImageEffect::Damaged, ..unchanged }])
            }
        }
    }

    async fn store_part(
        &self,
        read: &ReadRecords<'_>,
        records: &[ReadRecord],
        deadline: Instant,
    ) -> Result<Vec<ImageResult>, CommandError> {
        let adapter = adapter_of(&self.adapters, read.provider)?;
        let keys: Vec<EntityKey> = records.iter().map(|record| key_of(adapter, read.object, &record.id)).collect();
        let heads = match read.are_mostly_unknown {
            true => self.heads_of_few(&keys, deadline).await?,
            false => self.heads(&keys, deadline).await?,
        };
        let heads: Vec<Option<StreamHead>> = heads.into_iter().collect::<Result<_, PortError>>()?;
        let compared = records.iter().zip(keys).zip(heads).map(|((record, key), head)| {
            let comparison = Comparison { store: self, adapter, read, record };
            async move { comparison.compare(key, head).await }
        });
        let compared: Vec<Compared> = stream::iter(compared).buffered(CONCURRENT_LOADS).try_collect().await?;
        let (mut results, mut pending) = (Vec::with_capacity(compared.len()), Vec::new());
        for (number, compared) in compared.into_iter().enumerate() {
            match compared {
                Compared::Settled(result) => results.push((number, result)),
                Compared::Pending(image) => pending.push((number, *image)),
            }
        }
        let again = self.append(read, pending, &mut results, deadline).await?;
        self.append(read, again, &mut results, deadline).await?;
        results.sort_by_key(|(number, _)| *number);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }

    /// Appends images. Returns those whose contents were stored before, though the record is known otherwise since: they
    /// are appended as corrections.
    async fn append(
        &self,
        read: &ReadRecords<'_>,
        pending: Vec<(usize, PendingImage)>,
        results: &mut Vec<(usize, ImageResult)>,
        deadline: Instant,
    ) -> Result<Vec<(usize, PendingImage)>, CommandError> {
        if pending.is_empty() {
            return Ok(Vec::new());
        }
        let metadata =
            CommandMetadata { user: None, correlation_id: read.correlation_id.clone(), deadline: Some(deadline) };
        let commands = pending.iter().map(|(_, image)| image.command(read, metadata.clone())).collect();
        let mut again = Vec::new();
        for ((number, mut image), reads) in pending.into_iter().zip(self.handler.handle(commands).await?) {
            let returns_to_an_older_value = reads.iter().any(|read| read.outcome == Outcome::Duplicate)
                && !image.image.is_correction
                && image.before.as_ref().is_some_and(|before| !before.is_empty());
            if returns_to_an_older_value {
                let before = image.before.take().unwrap_or_default();
                correct(&mut image.image, &before);
                again.push((number, image));
            } else {
                results.push((number, image.stored(&reads)));
            }
        }
        Ok(again)
    }

    async fn load(&self, key: &EntityKey, head: &StreamHead) -> Result<Aggregate, PortError> {
        let loader = StateLoader {
            store: &*self.store,
            snapshots: &*self.snapshots,
            adapters: &self.adapters,
            snapshot_interval: SNAPSHOT_INTERVAL,
        };
        loader.load(key, head.version).await.map_err(|failure| match failure {
            ProjectionFailure::Outage(error) => error,
            ProjectionFailure::Poison(message) => {
                PortError::new(PortErrorKind::Corrupt, format!("stream `{key}`"), message)
            }
        })
    }
}

/// A damaged stream must not hold up the others.
fn apart<T>(read: Result<T, PortError>) -> Result<Result<T, PortError>, PortError> {
    match read {
        Err(error) if error.kind != PortErrorKind::Corrupt => Err(error),
        read => Ok(read),
    }
}

/// The same for what a command needs.
fn only_damage<T>(handled: Result<T, CommandError>) -> Result<Result<T, PortError>, CommandError> {
    match handled {
        Err(CommandError::Port(error)) => Ok(apart(Err(error))?),
        handled => Ok(Ok(handled?)),
    }
}

/// The comparison of one record with what is known of it.
struct Comparison<'a> {
    store: &'a ImageStore,
    adapter: &'a dyn ProviderAdapter,
    read: &'a ReadRecords<'a>,
    record: &'a ReadRecord,
}

impl Comparison<'_> {
    async fn compare(self, key: EntityKey, head: Option<StreamHead>) -> Result<Compared, CommandError> {
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
        match apart(self.store.load(&pending.result.key, &head).await)? {
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
        let schema = self.store.catalog.schema(self.read.provider, self.read.object);
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
        pending.result.unknown = after.unknown_paths().cloned().collect();
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
    fn command(&self, read: &ReadRecords<'_>, metadata: CommandMetadata) -> Command {
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

    fn stored(self, reads: &[EventRead]) -> ImageResult {
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

fn key_of(adapter: &dyn ProviderAdapter, object: &EntityName, id: &ExternalId) -> EntityKey {
    let aggregate_id = AggregateId::of(adapter.provider(), adapter.account(), object, id);
    EntityKey { entity_name: object.clone(), aggregate_id }
}
