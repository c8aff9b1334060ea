//! Events, documents and definitions for tests of adapters. They are small, and the same in every run.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use annals_domain::change::{Change, Lifecycle};
use annals_domain::definition::{Catalog, DefinitionFile, EntitySchema};
use annals_domain::entity::{Entity, FieldValue};
use annals_domain::event::{BodyForm, DomainEvent, EventInput, EventType, Metadata, ObservedParts, Source};
use annals_domain::identity::{AggregateId, EntityKey, EntityName, ExternalId, Provider, ProviderAccount};
use annals_domain::path::Path;
use annals_domain::position::{ChangeKind, EventId, Position, Rank, Version};
use annals_domain::provider_adapter::{
    IncomingChange, ParsedInput, ProviderAdapter, ProviderAdapters, RecordImage, UnreadableEvent,
};
use annals_domain::stream_head::StreamHead;
use annals_domain::timestamp::Timestamp;
use annals_domain::validation_issue::ValidationIssue;
use serde_json::Value;

use crate::ports::{Document, EventStore, StoredEvent};

/// A commit number above 2^53, as newer orgs have.
pub const COMMIT_NUMBER: i64 = 1_778_192_987_716_501_506;

/// The timestamp that many seconds after the start of the samples' time.
pub fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_712_693_965_123 + seconds * 1000).expect("a timestamp of this century")
}

/// The key of an `Account`.
pub fn key(external_id: &str) -> EntityKey {
    key_of("Account", external_id)
}

/// The key of an object's record.
pub fn key_of(object: &str, external_id: &str) -> EntityKey {
    let (entity_name, external_id) = (EntityName::new(object), ExternalId::new(external_id));
    let account = ProviderAccount::unset();
    let aggregate_id = AggregateId::of(Provider::Salesforce, &account, &entity_name, &external_id);
    EntityKey { entity_name, aggregate_id }
}

/// The position, at [`timestamp`], of the event that `tag` names.
pub fn position(seconds: i64, tag: &str) -> Position {
    Position {
        timestamp: timestamp(seconds),
        rank: Rank::Change,
        commit_number: Some(COMMIT_NUMBER + seconds),
        sequence_number: Some(1),
        kind: ChangeKind::Creation,
        event_id: EventId::of(&["contract", tag]),
    }
}

/// A base change without fields.
pub fn change(at: Position) -> Change {
    Change {
        position: at,
        lifecycle: Some(Lifecycle::Active),
        is_base: true,
        creation: None,
        writes: Vec::new(),
        asks_refetch: None,
        observation: None,
    }
}

/// Metadata with only the required values.
pub fn metadata() -> Metadata {
    Metadata {
        source: Source::Cdc,
        body_form: BodyForm::Json,
        provider: Provider::Salesforce,
        external_id: ExternalId::new("0015f00002J9YYEAA3"),
        user: None,
        change_origin: None,
        transaction_key: None,
        correlation_id: None,
        causation_id: None,
        merged_into: None,
        meets_image: false,
        observed: ObservedParts::default(),
    }
}

/// The event after `head`, one second later; `tag` names it.
pub fn next_event(key: &EntityKey, head: Option<&StreamHead>, tag: &str) -> StoredEvent {
    let version = head.map_or(Version::FIRST, |head| head.version.next());
    let seconds = i64::try_from(version.get()).expect("a small version");
    let event_type = if head.is_none() { EventType::Created } else { EventType::Updated };
    let at = Position { kind: event_type.kind(Rank::Change), ..position(seconds, tag) };
    let event = DomainEvent {
        aggregate_id: key.aggregate_id,
        entity_name: key.entity_name.clone(),
        event_type,
        version,
        position: at,
        recorded_at: timestamp(seconds + 5),
        data: format!(r#"{{"Name":"{tag}","version":{version}}}"#).into(),
        metadata: metadata(),
        warnings: Vec::new(),
    };
    let head = StreamHead::after(head, event_type, &change(at), version, event.recorded_at);
    StoredEvent { event: Arc::new(event), head }
}

/// The first `length` events of a record.
pub fn stream(key: &EntityKey, length: usize) -> Vec<StoredEvent> {
    let mut events: Vec<StoredEvent> = Vec::with_capacity(length);
    for number in 1..=length {
        let event = next_event(key, events.last().map(|last| &last.head), &format!("{key}/{number}"));
        events.push(event);
    }
    events
}

/// Appends events that must all be stored.
pub async fn append_all(store: &impl EventStore, events: &[StoredEvent]) {
    for result in store.append(events.to_vec()).await {
        result.expect("the version is free");
    }
}

/// An event with everything that a store could lose.
pub fn intricate_event(key: &EntityKey) -> StoredEvent {
    let at = Position {
        timestamp: timestamp(7),
        rank: Rank::FreshImage,
        commit_number: Some(i64::MAX),
        sequence_number: Some(-1),
        kind: ChangeKind::Update,
        event_id: EventId::of(&["contract", "intricate"]),
    };
    let event = DomainEvent {
        aggregate_id: key.aggregate_id,
        entity_name: key.entity_name.clone(),
        event_type: EventType::Gap,
        version: Version::FIRST,
        position: at,
        recorded_at: timestamp(8),
        data: "\u{feff}{\r\n\t\"a\": 1778192987716501506,  \"b\":1.10, \"a\":\"é e\u{301} 🦀 \\u0000\"}\n ".into(),
        metadata: Metadata {
            source: Source::Backfill,
            body_form: BodyForm::Image,
            provider: Provider::Hubspot,
            external_id: ExternalId::new("hub:🦀/1#2"),
            user: Some("0055f000005mc66AAA".to_owned()),
            change_origin: Some("com/salesforce/api/soap/63.0;client=\"x\"".to_owned()),
            transaction_key: Some("0002343d-9d90-e395-ed20-cf416ba652ad".to_owned()),
            correlation_id: Some("corr".to_owned()),
            causation_id: Some("cause".to_owned()),
            merged_into: Some(ExternalId::new("0015f00002J9YYEAA4")),
            meets_image: true,
            observed: ObservedParts {
                paths: ["Score__c", "BillingAddress.Country"].map(Path::new).into(),
                whole: true,
            },
        },
        warnings: vec![
            ValidationIssue::new("ChangeEventHeader.commitNumber", "is\r\nmissing"),
            ValidationIssue::new("", "created \"twice\""),
        ],
    };
    StoredEvent { head: crowded_head(&event), event: Arc::new(event) }
}

/// A head with more events at its newest timestamp than a head lists.
fn crowded_head(event: &DomainEvent) -> StreamHead {
    let mut head = None;
    for number in 0..40 {
        let at = Position { event_id: EventId::of(&["crowd", &number.to_string()]), ..event.position };
        head =
            Some(StreamHead::after(head.as_ref(), EventType::Created, &change(at), event.version, event.recorded_at));
    }
    head.expect("there was at least one event")
}

/// A definition with a field of every type, and with field names that stores use themselves.
const THING: &str = r#"
type = "thing"
plural = "things"
objects = { salesforce = "Thing__c" }
fields = [
  { name = "id", type = "id", salesforce = { copy = "Id" } },
  { name = "name", type = "string", searchable = true, salesforce = { copy = "Name" } },
  { name = "notes", type = "string", searchable = true, salesforce = { copy = "Notes__c" } },
  { name = "owner_id", type = "reference", salesforce = { copy = "OwnerId" } },
  { name = "tags", type = "list", salesforce = { split = "Tags__c", on = ";" } },
  { name = "starts", type = "datetime", salesforce = { datetime = "Starts__c" } },
  { name = "day", type = "date", salesforce = { date = "Day__c" } },
  { name = "open", type = "bool", salesforce = { bool = "Open__c" } },
  { name = "weight", type = "number", salesforce = { number = "Weight__c" } },
  { name = "amount", type = "decimal", salesforce = { decimal = "Amount__c" } },
  { name = "order", type = "string", salesforce = { copy = "Order__c" } },
  { name = "rowid", type = "string", salesforce = { copy = "RowId__c" } },
  { name = "doc", type = "string", salesforce = { copy = "Doc__c" } },
  { name = "search_text", type = "string", salesforce = { copy = "SearchText__c" } },
  { name = "external_id", type = "string", salesforce = { copy = "ExternalId__c" } },
  { name = "is_deleted", type = "bool", salesforce = { bool = "IsDeleted" } },
]
"#;

/// A second definition, with fields of the same names.
const GADGET: &str = r#"
type = "gadget"
plural = "gadgets"
objects = { salesforce = "Gadget__c" }
fields = [
  { name = "id", type = "id", salesforce = { copy = "Id" } },
  { name = "name", type = "string", searchable = true, salesforce = { copy = "Name" } },
]
"#;

/// The definitions of the sample documents: `thing` and `gadget`.
pub fn catalog() -> Catalog {
    catalog_of(&[("thing.toml", THING), ("gadget.toml", GADGET)])
}

/// The same definitions with one more field in `gadget`.
pub fn changed_catalog() -> Catalog {
    let colour = "  { name = \"colour\", type = \"string\", salesforce = { copy = \"Colour__c\" } },\n]";
    catalog_of(&[("thing.toml", THING), ("gadget.toml", &GADGET.replace("\n]", &format!("\n{colour}")))])
}

pub fn catalog_of(files: &[(&str, &str)]) -> Catalog {
    let adapter: Arc<dyn ProviderAdapter> = Arc::new(PlainAdapter(ProviderAccount::unset()));
    let file = |(name, text): &(&str, &str)| DefinitionFile { name: (*name).to_owned(), text: (*text).to_owned() };
    let files: Vec<_> = files.iter().map(file).collect();
    Catalog::load(&files, &ProviderAdapters::new([adapter])).expect("the samples' definitions load")
}

/// The schema of an object, from [`catalog`].
pub fn schema(object: &str) -> EntitySchema {
    catalog().schema(Provider::Salesforce, &EntityName::new(object))
}

/// A `Thing__c` at version 1.
pub fn thing(id: &str, fields: Vec<(&str, FieldValue)>) -> Document {
    document("Thing__c", id, fields)
}

/// A record at version 1, created at `timestamp(0)`, with its id and these fields.
pub fn document(object: &str, id: &str, fields: Vec<(&str, FieldValue)>) -> Document {
    let (schema, key) = (schema(object), key_of(object, id));
    let mut all: Vec<(Arc<str>, FieldValue)> = vec![("id".into(), FieldValue::Text(id.into()))];
    all.extend(fields.into_iter().map(|(name, value)| (name.into(), value)));
    let entity = Entity {
        aggregate_type: schema.aggregate_type(),
        entity_name: key.entity_name,
        aggregate_id: key.aggregate_id,
        provider: Provider::Salesforce,
        external_id: ExternalId::new(id),
        version: Version::FIRST,
        created_at: Some(timestamp(0)),
        updated_at: Some(timestamp(0)),
        is_deleted: false,
        stale: None,
        fields: all,
        warnings: Vec::new(),
        unknown: Vec::new(),
    };
    Document::of(Arc::new(entity), schema)
}

pub fn text(value: &str) -> FieldValue {
    FieldValue::Text(value.into())
}

/// An adapter that loads definitions and parses nothing.
struct PlainAdapter(ProviderAccount);

impl ProviderAdapter for PlainAdapter {
    fn provider(&self) -> Provider {
        Provider::Salesforce
    }

    fn account(&self) -> &ProviderAccount {
        &self.0
    }

    fn id_field(&self) -> &'static str {
        "Id"
    }

    fn deleted_field(&self) -> Option<&str> {
        Some("IsDeleted")
    }

    fn canonical_path(&self, _object: &EntityName, field: &str) -> Path {
        Path::new(field)
    }

    fn canonical_id(&self, id: &str) -> Option<ExternalId> {
        Some(ExternalId::new(id))
    }

    fn struct_text(&self, _leaves: &BTreeMap<&str, Cow<'_, Value>>) -> Option<String> {
        None
    }

    fn read_input(&self, _input: &str) -> ParsedInput {
        ParsedInput::Ignored("the samples' adapter parses no input".to_owned())
    }

    fn read_image(
        &self,
        _: &EntityName,
        _: &ExternalId,
        _: &RecordImage,
    ) -> Result<IncomingChange, Vec<ValidationIssue>> {
        Err(vec![ValidationIssue::new("", "the samples' adapter parses no image")])
    }

    fn read_event(&self, event: &EventInput<'_>) -> Result<Change, UnreadableEvent> {
        let reason = "the samples' adapter parses no event".to_owned();
        Err(UnreadableEvent { event_id: event.position.event_id, reason })
    }
}
