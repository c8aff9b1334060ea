//! What the domain needs to know of a provider: how its inputs and stored events are read.
//!
//! Promises purity: an adapter gives the same reading of the same text, with no clock and no I/O.
//! Talking to a CRM is not its matter.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::change::Change;
use crate::event::{DomainEvent, EventType, Metadata};
use crate::identity::{EntityName, ExternalId, Provider, ProviderAccount};
use crate::path::Path;
use crate::position::EventId;
use crate::timestamp::Timestamp;
use crate::validation_issue::ValidationIssue;

/// One change of one record, strict, ready to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct IncomingChange {
    /// The provider's object.
    pub entity_name: EntityName,
    /// What happened. For an image, what it shows: `Deleted` or else `Updated`; the handler
    /// labels it `Created` where nothing was there.
    pub event_type: EventType,
    /// What it says; shared with whoever folds it in the same process.
    pub change: Arc<Change>,
    /// The input as it came.
    pub data: Arc<str>,
    /// What is known beside it, the record's external id among it.
    pub metadata: Metadata,
    /// What was missing in it without making it malformed.
    pub warnings: Vec<ValidationIssue>,
}

/// A change that concerns all records of an object: a wildcard or an overflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityWideChange {
    /// The provider's object.
    pub entity_name: EntityName,
    /// What makes it unique at its source; a redelivery has the same.
    pub identity: EventId,
    /// Why no record is named.
    pub reason: String,
}

/// What one input turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Intake {
    /// Changes, one a record, in the order of the input.
    Changes(Vec<IncomingChange>),
    /// A change of a whole object.
    EntityWide(EntityWideChange),
    /// No change event at all, and what it is.
    Ignored(String),
    /// A change event, but one that cannot be stored, and why not.
    Malformed(Vec<ValidationIssue>),
    /// None of the provider's forms.
    Unrecognised(ValidationIssue),
}

/// A record as it was read from its CRM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The record as JSON text, as it came; `None` where its absence was confirmed.
    pub record: Option<Arc<str>>,
    /// When it was read, by the CRM's clock.
    pub fetched_at: Timestamp,
    /// Whether it was read again after one read too close to its stamp, and is too close still.
    pub still_fresh: bool,
}

/// A stored event that this code cannot read; an older or newer release may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event `{event_id}` cannot be read: {reason}")]
pub struct UnreadableEvent {
    /// Which.
    pub event_id: EventId,
    /// Why.
    pub reason: String,
}

/// One provider's way of saying things.
pub trait ProviderAdapter: Send + Sync {
    /// Whose.
    fn provider(&self) -> Provider;

    /// The account whose records these are.
    fn account(&self) -> &ProviderAccount;

    /// The field that is the record's id.
    fn id_field(&self) -> &str;

    /// The field that says whether the record is deleted, where there is one.
    fn deleted_field(&self) -> Option<&str>;

    /// The canonical path of a field of an object, however it is spelt.
    fn canonical(&self, object: &EntityName, field: &str) -> Path;

    /// The canonical form of a record's id; `None` where it cannot be one.
    fn canonical_id(&self, id: &str) -> Option<ExternalId>;

    /// The text that a struct stands for where a text is wanted, such as a person's name.
    fn struct_text(&self, leaves: &BTreeMap<&str, std::borrow::Cow<'_, Value>>) -> Option<String>;

    /// Reads one input: a change in any of the provider's forms.
    fn read_input(&self, input: &str) -> Intake;

    /// Reads a record fetched from the CRM. `id` is canonical.
    fn read_image(
        &self,
        object: &EntityName,
        id: &ExternalId,
        image: &Image,
    ) -> Result<IncomingChange, Vec<ValidationIssue>>;

    /// Reads what a stored event says: the same as when it came in.
    fn read_event(&self, event: &DomainEvent) -> Result<Change, UnreadableEvent>;
}

/// The adapters of this installation, one a provider.
#[derive(Clone, Default)]
pub struct ProviderAdapters {
    by_provider: BTreeMap<Provider, Arc<dyn ProviderAdapter>>,
}

impl ProviderAdapters {
    /// Those adapters.
    pub fn new(adapters: impl IntoIterator<Item = Arc<dyn ProviderAdapter>>) -> Self {
        Self { by_provider: adapters.into_iter().map(|adapter| (adapter.provider(), adapter)).collect() }
    }

    /// The adapter of a provider.
    pub fn get(&self, provider: Provider) -> Option<&Arc<dyn ProviderAdapter>> {
        self.by_provider.get(&provider)
    }

    /// All of them, in the providers' order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn ProviderAdapter>> {
        self.by_provider.values()
    }

    /// Reads what a stored event says, by its provider's adapter.
    pub fn read_event(&self, event: &DomainEvent) -> Result<Change, UnreadableEvent> {
        let provider = event.metadata.provider;
        let adapter = self.get(provider).ok_or_else(|| UnreadableEvent {
            event_id: event.event_id(),
            reason: format!("this installation reads no {provider} events"),
        })?;
        adapter.read_event(event)
    }
}

impl std::fmt::Debug for ProviderAdapters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.by_provider.keys()).finish()
    }
}
