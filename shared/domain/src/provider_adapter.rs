//! The port to a provider's forms: how its inputs, records and stored events are read.
//!
//! An adapter is pure: the same text always gives the same result, with no clock and no I/O. Calling a CRM is not its
//! responsibility.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::change::Change;
use crate::event::{EventInput, EventType, Metadata, ObservedParts};
use crate::identity::{EntityName, ExternalId, Provider, ProviderAccount};
use crate::path::Path;
use crate::position::EventId;
use crate::timestamp::Timestamp;
use crate::validation_issue::ValidationIssue;

/// One valid change of one record, ready to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct IncomingChange {
    pub entity_name: EntityName,
    /// What happened. For a record image: `Deleted` or `Updated`; the command handler makes it `Created` if the
    /// stream has no base.
    pub event_type: EventType,
    /// Shared with the projection of the same process.
    pub change: Arc<Change>,
    /// The input byte for byte.
    pub data: Arc<str>,
    pub metadata: Metadata,
    /// The account that the input names, if this installation has none configured.
    pub account: Option<ProviderAccount>,
    /// What is missing or unusual in it, without making it malformed.
    pub warnings: Vec<ValidationIssue>,
}

/// One change of so many records that they cannot each keep the whole input.
#[derive(Debug, Clone, PartialEq)]
pub struct MergedChange {
    /// The change of the first record.
    pub first: IncomingChange,
    /// All records, each with the id of its event.
    pub records: Vec<(ExternalId, EventId)>,
    /// The input around its list of records.
    pub before: Arc<str>,
    pub after: Arc<str>,
}

impl MergedChange {
    /// One change for each record, made when it is needed. Its input names that record only; all else is byte for byte.
    pub fn into_changes(self) -> impl Iterator<Item = IncomingChange> + Send {
        let Self { first, records, before, after } = self;
        records.into_iter().map(move |(external_id, event_id)| {
            let mut change = first.clone();
            Arc::make_mut(&mut change.change).position.event_id = event_id;
            change.data = format!("{before}[\"{external_id}\"]{after}").into();
            change.metadata.external_id = external_id;
            change
        })
    }
}

/// A change of an object that does not name its records: a wildcard or an overflow. Any record of the object may have
/// changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityWideChange {
    pub entity_name: EntityName,
    /// The id that a redelivery of the same change has too.
    pub identity: EventId,
    /// Why it names no records.
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ParsedInput {
    /// One change for each record, in the order of the input.
    Changes(Vec<IncomingChange>),
    /// The same, for many records.
    Merged(Box<MergedChange>),
    /// A change that does not name its records.
    EntityWide(EntityWideChange),
    /// Not a change event; says what it is instead.
    Ignored(String),
    /// A change event that is invalid, with every error.
    Malformed(Vec<ValidationIssue>),
    Unrecognised(ValidationIssue),
}

/// A whole record, read from the CRM's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordImage {
    /// The record's JSON, byte for byte; `None` if the CRM confirmed that it does not exist.
    pub record: Option<Arc<str>>,
    /// When it was read, by the CRM's clock.
    pub fetched_at: Timestamp,
    /// Whether it was read so soon after the record's last change that changes of the same timestamp may be missing,
    /// even after a second read.
    pub still_fresh: bool,
    /// The parts that stand at `fetched_at`: calculated fields, and what older events contradict.
    pub observed: ObservedParts,
    /// Whether events contradict the image. It is then an event of its own, even if an image with equal contents was
    /// stored before: a value may have returned to what it was.
    pub is_correction: bool,
}

impl RecordImage {
    /// An image whose parts all stand at the record's last modification.
    pub fn new(record: Option<Arc<str>>, fetched_at: Timestamp) -> Self {
        Self { record, fetched_at, still_fresh: false, observed: ObservedParts::default(), is_correction: false }
    }
}

/// A stored event that this release cannot read. Another release may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read event `{event_id}`: {reason}")]
pub struct UnreadableEvent {
    pub event_id: EventId,
    pub reason: String,
}

pub trait ProviderAdapter: Send + Sync {
    fn provider(&self) -> Provider;

    fn account(&self) -> &ProviderAccount;

    /// The name of the field that is the record's id.
    fn id_field(&self) -> &str;

    /// The name of the field that says whether the record is deleted, if there is one.
    fn deleted_field(&self) -> Option<&str>;

    /// The canonical path of the field that moves with every change of a record and that no change event carries, if there
    /// is one: where nothing else differs, nothing was missed.
    fn stamp_field(&self) -> Option<&str> {
        None
    }

    fn canonical_path(&self, object: &EntityName, field: &str) -> Path;

    /// The canonical form of a record's id; `None` if `id` is not a valid id.
    fn canonical_id(&self, id: &str) -> Option<ExternalId>;

    /// The text of a struct where a definition maps it to a text, such as a person's name; `None` if it has none.
    fn struct_text(&self, leaves: &BTreeMap<&str, std::borrow::Cow<'_, Value>>) -> Option<String>;

    fn read_input(&self, input: &str) -> ParsedInput;

    /// Parses a record image. `id` is canonical. Fails with every error of the image.
    fn read_image(
        &self,
        object: &EntityName,
        id: &ExternalId,
        image: &RecordImage,
    ) -> Result<IncomingChange, Vec<ValidationIssue>>;

    /// Parses a stored event: the same change as on arrival.
    fn read_event(&self, event: &EventInput<'_>) -> Result<Change, UnreadableEvent>;
}

#[derive(Clone, Default)]
pub struct ProviderAdapters {
    by_provider: BTreeMap<Provider, Arc<dyn ProviderAdapter>>,
}

impl ProviderAdapters {
    pub fn new(adapters: impl IntoIterator<Item = Arc<dyn ProviderAdapter>>) -> Self {
        Self { by_provider: adapters.into_iter().map(|adapter| (adapter.provider(), adapter)).collect() }
    }

    pub fn get(&self, provider: Provider) -> Option<&Arc<dyn ProviderAdapter>> {
        self.by_provider.get(&provider)
    }

    /// In the order of the providers.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn ProviderAdapter>> {
        self.by_provider.values()
    }

    pub fn read_event(&self, event: &EventInput<'_>) -> Result<Change, UnreadableEvent> {
        let adapter = self.get(event.provider).ok_or_else(|| UnreadableEvent {
            event_id: event.position.event_id,
            reason: format!("no adapter for {} in this installation", event.provider),
        })?;
        adapter.read_event(event)
    }
}

impl std::fmt::Debug for ProviderAdapters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.by_provider.keys()).finish()
    }
}
