//! Encoding an event as an item, and decoding it from an item of the API or a stream record's image.
//!
//! Decoding returns the encoded event exactly. An item has few bytes besides its data: an attribute that follows from
//! others or has its usual value is left out, ids are binaries, and data is compressed if that saves write units. Unknown
//! attributes are ignored, so that a later release may add one that earlier code does not need. No error quotes an
//! attribute's value.

mod attributes;
mod data;
mod head;
mod names;
mod size;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use annals_application::ports::{SourceRecord, StoredEvent, StoredInput};
use annals_domain::event::{DomainEvent, EventType, Metadata, ObservedParts, Source};
use annals_domain::identity::{EntityKey, ExternalId, Provider};
use annals_domain::position::{EventId, Position, Rank, Version};
use annals_domain::stream_head::StreamHead;
use annals_domain::timestamp::Timestamp;
use serde_dynamo::{AttributeValue, Item};

use self::attributes::{Attributes, id_in};
use self::names::{
    CAUSATION, COMMIT, CORRELATION, EXTERNAL_ID, FORM, MEETS_IMAGE, MERGED_INTO, OBSERVED, ORIGIN, PROVIDER, SEQUENCE,
    SOURCE, TRANSACTION, TYPE, USER, WARNINGS,
};
pub(crate) use self::names::{EVENT_ID, HEAD, HEAD_ATTRIBUTES, RANK, RecordPart, TIME, input_attributes};
pub use self::size::{MAX_ITEM_BYTES, item_size, write_units};
use crate::event_store::late_index::{LATE, LateKey};
use crate::event_store::table::{ENTITY_KEY, VERSION};

/// What an event is without the attribute, as most are: each attribute less makes an item smaller and faster to read.
/// Stored events depend on these values, so they never change.
const USUAL_TYPE: EventType = EventType::Updated;
const USUAL_SOURCE: Source = Source::Cdc;

/// The event can never be stored; its input belongs in quarantine.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// DynamoDB accepts no item of that size.
    #[error("event too large: its item has {size} bytes, and {MAX_ITEM_BYTES} is the limit")]
    TooLarge { size: usize },
    #[error("the event's data cannot be compressed")]
    Compression(#[source] io::Error),
    /// A part of the event cannot be represented in DynamoDB.
    #[error("the event cannot be written as an item")]
    NoForm(#[from] serde_dynamo::Error),
}

#[derive(Debug, thiserror::Error)]
pub enum ItemError {
    #[error("attribute `{0}` is missing")]
    Missing(&'static str),
    #[error("invalid attribute `{attribute}`: expected {expected}")]
    Invalid { attribute: &'static str, expected: &'static str },
    #[error("attribute `{attribute}` cannot be decompressed")]
    Compression { attribute: &'static str, source: io::Error },
}

/// Encodes an event. An item over [`MAX_ITEM_BYTES`] is refused.
pub fn encode(stored: &StoredEvent) -> Result<Item, EncodeError> {
    let event = &*stored.event;
    debug_assert_eq!(stored.head.recorded_at, event.recorded_at, "a head has the time of its event");
    let mut item = Attributes::default();
    item.text(ENTITY_KEY, event.key().to_string());
    item.number(VERSION, event.version);
    if event.event_type != USUAL_TYPE {
        item.serialized(TYPE, &event.event_type)?;
    }
    put_position(&mut item, &event.position)?;
    put_metadata(&mut item, &event.metadata)?;
    if !event.warnings.is_empty() {
        item.serialized(WARNINGS, &event.warnings)?;
    }
    item.put(HEAD, head::encode(stored)?);
    if let Some(key) = LateKey::of_unlisted(stored) {
        item.bytes(LATE, &key.to_bytes());
    }
    data::put(&mut item, &event.data)?;
    Ok(item.into())
}

fn put_position(item: &mut Attributes, position: &Position) -> Result<(), EncodeError> {
    item.bytes(EVENT_ID, position.event_id.uuid().as_bytes());
    item.number(TIME, position.timestamp.millis());
    if position.rank != Rank::Change {
        item.serialized(RANK, &position.rank)?;
    }
    if let Some(number) = position.commit_number {
        item.number(COMMIT, number);
    }
    if let Some(number) = position.sequence_number {
        item.number(SEQUENCE, number);
    }
    Ok(())
}

fn put_metadata(item: &mut Attributes, metadata: &Metadata) -> Result<(), EncodeError> {
    if metadata.source != USUAL_SOURCE {
        item.serialized(SOURCE, &metadata.source)?;
    }
    item.serialized(FORM, &metadata.body_form)?;
    item.text(PROVIDER, metadata.provider.as_str());
    item.text(EXTERNAL_ID, metadata.external_id.as_str());
    for (name, text) in [(USER, &metadata.user), (ORIGIN, &metadata.change_origin)] {
        if let Some(text) = text {
            item.text(name, text.as_str());
        }
    }
    put_ids(item, metadata);
    if let Some(survivor) = &metadata.merged_into {
        item.text(MERGED_INTO, survivor.as_str());
    }
    if metadata.meets_image {
        item.put(MEETS_IMAGE, AttributeValue::Bool(true));
    }
    if !metadata.observed.is_empty() {
        item.serialized(OBSERVED, &metadata.observed)?;
    }
    Ok(())
}

fn put_ids(item: &mut Attributes, metadata: &Metadata) {
    if let Some(id) = &metadata.transaction_key {
        item.id(TRANSACTION, id);
    }
    if metadata.correlation_id != metadata.transaction_key {
        match &metadata.correlation_id {
            Some(id) => item.id(CORRELATION, id),
            None => item.put(CORRELATION, AttributeValue::Null(true)),
        }
    }
    if let Some(id) = &metadata.causation_id {
        item.id(CAUSATION, id);
    }
}

pub fn decode(item: Item) -> Result<StoredEvent, ItemError> {
    decode_attributes(item.into_inner())
}

pub(crate) fn decode_attributes<V: Into<AttributeValue>>(item: HashMap<String, V>) -> Result<StoredEvent, ItemError> {
    let mut item = Attributes::from(item);
    let (key, version) = take_key(&mut item)?;
    let event_type = take_type(&mut item)?;
    let position = take_position(&mut item, event_type)?;
    let head = head::decode(item.take(HEAD)?, version, position.timestamp, position.event_id)?;
    let event = DomainEvent {
        aggregate_id: key.aggregate_id,
        entity_name: key.entity_name,
        event_type,
        version,
        position,
        recorded_at: head.recorded_at,
        metadata: take_metadata(&mut item)?,
        warnings: item.take_serialized_if_present(WARNINGS, "a list of validation issues")?.unwrap_or_default(),
        data: data::take(&mut item)?,
    };
    Ok(StoredEvent { event: Arc::new(event), head })
}

/// Decodes the input in an item that has at least the [`input_attributes`] of its event.
pub(crate) fn decode_input<V: Into<AttributeValue>>(
    item: HashMap<String, V>,
    record: RecordPart,
) -> Result<StoredInput, ItemError> {
    let mut item = Attributes::from(item);
    let version = take_version(&mut item)?;
    let record = (record == RecordPart::Read).then(|| take_record(&mut item)).transpose()?;
    take_input(&mut item, version, record)
}

/// The same with its record, its stream and its provider, for an item that has its [`ENTITY_KEY`] too.
pub(crate) fn decode_keyed_input<V: Into<AttributeValue>>(
    item: HashMap<String, V>,
) -> Result<(EntityKey, Provider, StoredInput), ItemError> {
    let mut item = Attributes::from(item);
    let (key, version) = take_key(&mut item)?;
    let record = take_record(&mut item)?;
    Ok((key, record.provider, take_input(&mut item, version, Some(record))?))
}

fn take_input<V: Into<AttributeValue>>(
    item: &mut Attributes<V>,
    version: Version,
    record: Option<SourceRecord>,
) -> Result<StoredInput, ItemError> {
    let event_type = take_type(item)?;
    Ok(StoredInput {
        version,
        position: take_position(item, event_type)?,
        record,
        source: take_source(item)?,
        observed: take_observed(item)?,
        data: data::take(item)?,
    })
}

/// The stream and version in an item, or in a stream record's keys.
pub fn key_of(item: &Item) -> Result<(EntityKey, Version), ItemError> {
    let keys = [ENTITY_KEY, VERSION].into_iter().filter_map(|name| Some((name.to_owned(), item.get(name)?.clone())));
    take_key(&mut Attributes::from(keys.collect::<HashMap<_, _>>()))
}

/// Decodes the event id and head in an item that has at least the [`HEAD_ATTRIBUTES`].
pub(crate) fn decode_head<V: Into<AttributeValue>>(
    item: HashMap<String, V>,
) -> Result<(EventId, StreamHead), ItemError> {
    let (event_id, _, head) = decode_listed(item)?;
    Ok((event_id, head))
}

fn decode_listed<V: Into<AttributeValue>>(
    item: HashMap<String, V>,
) -> Result<(EventId, Timestamp, StreamHead), ItemError> {
    let mut item = Attributes::from(item);
    let version = take_version(&mut item)?;
    let event_id = EventId::from_uuid(item.take_uuid(EVENT_ID)?);
    let timestamp = item.take_timestamp(TIME)?;
    Ok((event_id, timestamp, head::decode(item.take(HEAD)?, version, timestamp, event_id)?))
}

/// What a search needs of an event.
pub(crate) struct Outline {
    pub(crate) place: LateKey,
    pub(crate) head: StreamHead,
}

impl Outline {
    /// Decodes an item that has at least the [`HEAD_ATTRIBUTES`], and the rank if the event has one.
    pub(crate) fn decode<V: Into<AttributeValue>>(item: HashMap<String, V>) -> Result<Self, ItemError> {
        let is_image = item.contains_key(RANK);
        let (event_id, timestamp, head) = decode_listed(item)?;
        Ok(Self { place: LateKey { timestamp, is_image, event_id }, head })
    }
}

fn take_key<V: Into<AttributeValue>>(item: &mut Attributes<V>) -> Result<(EntityKey, Version), ItemError> {
    let key = item.take_text(ENTITY_KEY)?.parse();
    let key = key.map_err(|_| ItemError::Invalid { attribute: ENTITY_KEY, expected: "an entity key" })?;
    Ok((key, take_version(item)?))
}

fn take_version<V: Into<AttributeValue>>(item: &mut Attributes<V>) -> Result<Version, ItemError> {
    item.take_number(VERSION).map(Version::new)
}

fn take_position<V: Into<AttributeValue>>(
    item: &mut Attributes<V>,
    event_type: EventType,
) -> Result<Position, ItemError> {
    let rank = item.take_serialized_if_present(RANK, "a rank")?.unwrap_or(Rank::Change);
    Ok(Position {
        timestamp: item.take_timestamp(TIME)?,
        rank,
        commit_number: item.take_number_if_present(COMMIT)?,
        sequence_number: item.take_number_if_present(SEQUENCE)?,
        kind: event_type.kind(rank),
        event_id: EventId::from_uuid(item.take_uuid(EVENT_ID)?),
    })
}

fn take_type<V: Into<AttributeValue>>(item: &mut Attributes<V>) -> Result<EventType, ItemError> {
    Ok(item.take_serialized_if_present(TYPE, "an event type")?.unwrap_or(USUAL_TYPE))
}

fn take_source<V: Into<AttributeValue>>(item: &mut Attributes<V>) -> Result<Source, ItemError> {
    Ok(item.take_serialized_if_present(SOURCE, "a source")?.unwrap_or(USUAL_SOURCE))
}

fn take_record<V: Into<AttributeValue>>(item: &mut Attributes<V>) -> Result<SourceRecord, ItemError> {
    let provider = item.take_serialized(PROVIDER, "a provider")?;
    Ok(SourceRecord { provider, external_id: ExternalId::new(item.take_text(EXTERNAL_ID)?) })
}

fn take_metadata<V: Into<AttributeValue>>(item: &mut Attributes<V>) -> Result<Metadata, ItemError> {
    let transaction_key = item.take_id_if_present(TRANSACTION)?;
    let correlation_id = match item.take_if_present(CORRELATION) {
        None => transaction_key.clone(),
        Some(AttributeValue::Null(_)) => None,
        Some(value) => Some(id_in(CORRELATION, value)?),
    };
    let SourceRecord { provider, external_id } = take_record(item)?;
    Ok(Metadata {
        source: take_source(item)?,
        body_form: item.take_serialized(FORM, "a body's form")?,
        provider,
        external_id,
        user: item.take_text_if_present(USER)?,
        change_origin: item.take_text_if_present(ORIGIN)?,
        transaction_key,
        correlation_id,
        causation_id: item.take_id_if_present(CAUSATION)?,
        merged_into: item.take_text_if_present(MERGED_INTO)?.map(ExternalId::new),
        meets_image: item.take_bool(MEETS_IMAGE)?,
        observed: take_observed(item)?,
    })
}

fn take_observed<V: Into<AttributeValue>>(item: &mut Attributes<V>) -> Result<ObservedParts, ItemError> {
    Ok(item.take_serialized_if_present(OBSERVED, "parts of a record image")?.unwrap_or_default())
}
