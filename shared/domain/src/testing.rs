//! Test support: an adapter, builders of changes, and the given/when/then scenario.
//!
//! Only tests enable the `testing` feature.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::aggregate::Aggregate;
use crate::change::{Change, CreationTime, FieldWrite, Lifecycle, Observation, RefetchReason, WriteContent};
use crate::definition::{Catalog, DefinitionFile, EntitySchema};
use crate::entity::Entity;
use crate::event::{BodyForm, EventInput, EventType, Metadata, ObservedParts, Source};
use crate::identity::{AggregateId, EntityKey, EntityName, ExternalId, Provider, ProviderAccount};
use crate::mapping::{self, FieldExplanation};
use crate::path::Path;
use crate::position::{EventId, Position, Rank, Version};
use crate::provider_adapter::{
    IncomingChange, ParsedInput, ProviderAdapter, ProviderAdapters, RecordImage, UnreadableEvent,
};
use crate::services::refetch::{RefetchInput, reasons};
use crate::stream_head::{Admission, StreamHead};
use crate::text_diff::TextDiff;
use crate::timestamp::Timestamp;
use crate::validation::{ValidationInput, ValidationReport, validate};
use crate::validation_issue::ValidationIssue;

/// An adapter that leaves field names unchanged and parses nothing.
#[derive(Debug)]
pub struct PlainAdapter {
    account: ProviderAccount,
}

impl PlainAdapter {
    /// The adapters of an installation that has this one only.
    pub fn alone() -> ProviderAdapters {
        ProviderAdapters::new([Arc::new(Self { account: ProviderAccount::unset() }) as Arc<dyn ProviderAdapter>])
    }
}

impl ProviderAdapter for PlainAdapter {
    fn provider(&self) -> Provider {
        Provider::Salesforce
    }

    fn account(&self) -> &ProviderAccount {
        &self.account
    }

    fn id_field(&self) -> &'static str {
        "Id"
    }

    fn deleted_field(&self) -> Option<&str> {
        Some("IsDeleted")
    }

    fn canonical_path(&self, _: &EntityName, field: &str) -> Path {
        Path::new(field)
    }

    fn canonical_id(&self, id: &str) -> Option<ExternalId> {
        (!id.is_empty()).then(|| ExternalId::new(id))
    }

    /// The part `Text` is the text of a struct.
    fn struct_text(&self, leaves: &BTreeMap<&str, Cow<'_, Value>>) -> Option<String> {
        leaves.get("Text")?.as_str().map(str::to_owned)
    }

    fn read_input(&self, _: &str) -> ParsedInput {
        ParsedInput::Unrecognised(ValidationIssue::new("", "the plain adapter parses nothing"))
    }

    fn read_image(
        &self,
        _: &EntityName,
        _: &ExternalId,
        _: &RecordImage,
    ) -> Result<IncomingChange, Vec<ValidationIssue>> {
        Err(vec![ValidationIssue::new("", "the plain adapter parses nothing")])
    }

    fn read_event(&self, event: &EventInput<'_>) -> Result<Change, UnreadableEvent> {
        Err(UnreadableEvent {
            event_id: event.position.event_id,
            reason: "the plain adapter parses nothing".to_owned(),
        })
    }
}

#[derive(Debug, Clone)]
pub struct ChangeBuilder {
    event_type: EventType,
    change: Change,
}

/// The timestamp `seconds` after the start of 2026.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000 + seconds * 1_000).expect("a second of 2026")
}

fn builder(event_type: EventType, seconds: i64, rank: Rank, lifecycle: Lifecycle, is_base: bool) -> ChangeBuilder {
    let event_id = EventId::of(&[event_type.as_str(), &seconds.to_string(), &format!("{rank:?}")]);
    let timestamp = at(seconds);
    let kind = event_type.kind(rank);
    let position = Position { timestamp, rank, commit_number: None, sequence_number: None, kind, event_id };
    let creation = (event_type == EventType::Created).then_some(CreationTime::Committed(timestamp));
    let lifecycle = Some(lifecycle);
    let change =
        Change { position, lifecycle, is_base, creation, writes: Vec::new(), asks_refetch: None, observation: None };
    ChangeBuilder { event_type, change }
}

/// A creation, `seconds` after the start of 2026.
pub fn created(seconds: i64) -> ChangeBuilder {
    builder(EventType::Created, seconds, Rank::Change, Lifecycle::Active, true)
}

pub fn updated(seconds: i64) -> ChangeBuilder {
    builder(EventType::Updated, seconds, Rank::Change, Lifecycle::Active, false)
}

pub fn deleted(seconds: i64) -> ChangeBuilder {
    builder(EventType::Deleted, seconds, Rank::Change, Lifecycle::Deleted, false)
}

/// A restoration with all fields.
pub fn restored_whole(seconds: i64) -> ChangeBuilder {
    builder(EventType::Restored, seconds, Rank::Change, Lifecycle::Active, true)
}

/// A restoration that leaves out empty fields.
pub fn restored_in_part(seconds: i64) -> ChangeBuilder {
    let mut builder = builder(EventType::Restored, seconds, Rank::Change, Lifecycle::Active, false);
    builder.change.asks_refetch = Some(RefetchReason::RestoredInPart);
    builder
}

pub fn gap(seconds: i64) -> ChangeBuilder {
    let mut builder = builder(EventType::Gap, seconds, Rank::Change, Lifecycle::Active, false);
    builder.change.asks_refetch = Some(RefetchReason::Gap);
    builder
}

pub fn image(seconds: i64) -> ChangeBuilder {
    builder(EventType::Updated, seconds, Rank::Image, Lifecycle::Active, true)
}

impl ChangeBuilder {
    /// Writes a value at a path.
    #[must_use]
    pub fn with(mut self, path: &str, value: impl Into<Value>) -> Self {
        self.change.writes.push(FieldWrite::of_value(Path::new(path), value.into()));
        self
    }

    /// Lists a path as changed, without its value.
    #[must_use]
    pub fn naming(mut self, path: &str) -> Self {
        self.change.writes.push(FieldWrite { path: Path::new(path), content: WriteContent::Unknown });
        self.change.asks_refetch = Some(RefetchReason::NotCarried);
        self
    }

    /// Writes a text difference at a path.
    #[must_use]
    pub fn diffing(mut self, path: &str, diff: &str) -> Self {
        let diff = TextDiff::recognise(diff).expect("a diff with its header");
        self.change.writes.push(FieldWrite { path: Path::new(path), content: WriteContent::Diff(diff) });
        self
    }

    /// Another change of the same timestamp and type.
    #[must_use]
    pub fn numbered(mut self, sequence: i64) -> Self {
        self.change.position.sequence_number = Some(sequence);
        self.change.position.event_id =
            EventId::of(&[&self.change.position.event_id.to_string(), &sequence.to_string()]);
        self
    }

    /// The same change, committed or, for an image, read at that second: its commit number.
    #[must_use]
    pub fn read_at(mut self, seconds: i64) -> Self {
        self.change.position.commit_number = Some(at(seconds).millis());
        self
    }

    /// The same image with another rank.
    #[must_use]
    pub fn ranked(mut self, rank: Rank) -> Self {
        self.change.position.rank = rank;
        self
    }

    /// The same change, which does not state the whole record.
    #[must_use]
    pub fn partial(mut self) -> Self {
        self.change.is_base = false;
        self
    }

    /// The same change with another event id.
    #[must_use]
    pub fn identified(mut self, event_id: EventId) -> Self {
        self.change.position.event_id = event_id;
        self
    }

    /// Writes a value at a path as of the time at which an image was read, in seconds.
    #[must_use]
    pub fn observing(mut self, seconds: i64, path: &str, value: impl Into<Value>) -> Self {
        let position = Position { timestamp: at(seconds), rank: Rank::Image, ..self.change.position };
        let none = || Box::new(Observation { position, is_whole: false, writes: Vec::new() });
        let observation = self.change.observation.get_or_insert_with(none);
        observation.writes.push(FieldWrite::of_value(Path::new(path), value.into()));
        self
    }

    /// The same change, which also says that the record is deleted.
    #[must_use]
    pub fn deleting(mut self) -> Self {
        self.change.lifecycle = Some(Lifecycle::Deleted);
        self
    }

    pub fn change(self) -> Change {
        self.change
    }

    /// The change as an adapter returns it.
    pub fn incoming(self) -> IncomingChange {
        let metadata = Metadata {
            source: Source::Cdc,
            body_form: BodyForm::Json,
            provider: Provider::Salesforce,
            external_id: ExternalId::new("001A"),
            user: None,
            change_origin: None,
            transaction_key: None,
            correlation_id: None,
            causation_id: None,
            merged_into: None,
            meets_image: false,
            observed: ObservedParts::default(),
        };
        IncomingChange {
            entity_name: EntityName::new("Account"),
            event_type: self.event_type,
            change: Arc::new(self.change),
            data: Arc::from("{}"),
            metadata,
            account: None,
            warnings: Vec::new(),
        }
    }
}

/// The state and the stream head of one record, after some events.
#[derive(Debug)]
pub struct Scenario {
    state: Aggregate,
    head: Option<StreamHead>,
    catalog: Catalog,
    adapters: ProviderAdapters,
    last: Option<(ValidationReport, Vec<RefetchReason>)>,
    was_stored: bool,
}

/// A record of `Account` with these changes stored in this order.
pub fn given(changes: impl IntoIterator<Item = ChangeBuilder>) -> Scenario {
    given_as(include_str!("../entities/client.toml"), changes)
}

/// The same, with another definition.
pub fn given_as(definition: &str, changes: impl IntoIterator<Item = ChangeBuilder>) -> Scenario {
    let adapters = PlainAdapter::alone();
    let file = DefinitionFile { name: "test.toml".to_owned(), text: definition.to_owned() };
    let catalog = Catalog::load(&[file], &adapters).expect("a valid definition");
    let (name, id) = (EntityName::new("Account"), ExternalId::new("001A"));
    let aggregate_id = AggregateId::of(Provider::Salesforce, &ProviderAccount::unset(), &name, &id);
    let state = Aggregate::new(EntityKey { entity_name: name, aggregate_id }, Provider::Salesforce, id);
    let start = Scenario { state, head: None, catalog, adapters, last: None, was_stored: false };
    changes.into_iter().fold(start, Scenario::when)
}

/// A definition of clients that have an id and these fields.
pub fn client_with(fields: &str) -> String {
    let id = r#"type = "client"
plural = "clients"
[objects]
salesforce = "Account"
[[fields]]
name = "id"
type = "id"
salesforce = { copy = "Id" }
"#;
    format!("{id}{fields}")
}

impl Scenario {
    #[must_use]
    pub fn when(mut self, change: ChangeBuilder) -> Self {
        let incoming = change.incoming();
        let schema = self.schema();
        let adapter = self.adapters.get(Provider::Salesforce).expect("the plain adapter");
        let head = self.head.as_ref();
        self.was_stored = matches!(StreamHead::admit(head, &incoming.change.position), Some(Admission::New { .. }));
        let now = at(86_400 * 300);
        let report =
            validate(&ValidationInput { incoming: &incoming, head, schema: &schema, adapter: &**adapter, now });
        let version = head.map_or(Version::FIRST, |head| head.version.next());
        let lifecycle = self.state.lifecycle_at();
        self.state.apply(version, &incoming.change);
        self.head = Some(StreamHead::after(head, incoming.event_type, &incoming.change, version, now));
        let input = RefetchInput { event_type: incoming.event_type, change: &incoming.change, meets_image: false };
        let asked = reasons(lifecycle, &self.state, &[input]).into_iter().collect();
        self.last = Some((report, asked));
        self
    }

    pub fn schema(&self) -> EntitySchema {
        self.catalog.schema(Provider::Salesforce, &EntityName::new("Account"))
    }

    pub fn raw(&self) -> serde_json::Map<String, Value> {
        self.state.raw()
    }

    pub fn entity(&self) -> Entity {
        let adapter = self.adapters.get(Provider::Salesforce).expect("the plain adapter");
        mapping::map(&self.state, &self.schema(), &**adapter)
    }

    /// What is behind each field.
    pub fn explanations(&self) -> Vec<FieldExplanation> {
        let adapter = self.adapters.get(Provider::Salesforce).expect("the plain adapter");
        mapping::explain(&self.state, &self.schema(), &**adapter)
    }

    /// The field has this JSON value; null also if it is not known.
    #[track_caller]
    #[must_use]
    pub fn then_field(self, name: &str, expected: impl Into<Value>) -> Self {
        let data = self.entity().data(&self.schema());
        assert_eq!(data.get(name), Some(&expected.into()), "field `{name}`");
        self
    }

    /// Exactly these fields are unknown.
    #[track_caller]
    #[must_use]
    pub fn then_unknown(self, names: &[&str]) -> Self {
        let entity = self.entity();
        let unknown: Vec<&str> = entity.unknown.iter().map(|name| &**name).collect();
        assert_eq!(unknown, names);
        self
    }

    /// Whether the entity is visible; it is not while it has no base.
    #[track_caller]
    #[must_use]
    pub fn then_shows(self, shows: bool) -> Self {
        assert_eq!(self.state.has_base(), shows);
        self
    }

    #[track_caller]
    #[must_use]
    pub fn then_deleted(self, deleted: bool) -> Self {
        assert_eq!(self.state.is_deleted(), deleted);
        self
    }

    /// The last change has exactly these warnings, each given by its first words.
    #[track_caller]
    #[must_use]
    pub fn then_warned(self, starts: &[&str]) -> Self {
        let (report, _) = self.last.as_ref().expect("a change has arrived");
        let messages: Vec<&str> = report.warnings.iter().map(|issue| issue.message.as_str()).collect();
        let is_equal = messages.len() == starts.len() && messages.iter().zip(starts).all(|(m, s)| m.starts_with(s));
        assert!(is_equal, "warnings {messages:?}, expected {starts:?}");
        self
    }

    /// The last change requires a refetch for exactly these reasons.
    #[track_caller]
    #[must_use]
    pub fn then_asks(self, expected: &[RefetchReason]) -> Self {
        let (_, asked) = self.last.as_ref().expect("a change has arrived");
        assert_eq!(asked, expected);
        self
    }
}
