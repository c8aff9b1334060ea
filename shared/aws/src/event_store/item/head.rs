//! A stream head as a map with one-letter keys, without what follows from the other attributes of its event.
//!
//! Most events are also the newest of their stream by timestamp. Then the head's version, highest timestamp and the ids
//! at that timestamp follow from the event, and are left out.

use std::collections::HashMap;

use annals_application::ports::StoredEvent;
use annals_domain::position::{EventId, Version};
use annals_domain::stream_head::StreamHead;
use annals_domain::timestamp::Timestamp;
use serde_dynamo::{AttributeValue, Item, from_item, to_item};
use uuid::Uuid;

use super::ItemError;
use super::attributes::uuid_in;
use super::names::HEAD;

type Map = HashMap<String, AttributeValue>;

/// The keys of the head that are handled here; the others are stored as they are.
const AT_VERSION: &str = "v";
const HIGHEST: &str = "h";
const IDS: &str = "i";
const LIFECYCLE: &str = "l";
const LIFECYCLE_AT: &str = "t";

pub(super) fn encode(stored: &StoredEvent) -> Result<AttributeValue, serde_dynamo::Error> {
    let mut head: Map = to_item::<_, Item>(&stored.head)?.into_inner();
    let position = &stored.event.position;
    leave_out(&mut head, AT_VERSION, &number(stored.event.version));
    let time = number(position.timestamp.millis());
    leave_out(&mut head, HIGHEST, &time);
    if let Some(AttributeValue::M(lifecycle)) = head.get_mut(LIFECYCLE) {
        leave_out(lifecycle, LIFECYCLE_AT, &time);
    }
    leave_out(&mut head, IDS, &AttributeValue::L(vec![id_text(position.event_id.uuid())]));
    if let Some(AttributeValue::L(ids)) = head.get_mut(IDS) {
        for id in ids {
            shorten(id);
        }
    }
    Ok(AttributeValue::M(head))
}

/// Version, timestamp and id are those of the head's event.
pub(super) fn decode(
    head: AttributeValue,
    version: Version,
    timestamp: Timestamp,
    event_id: EventId,
) -> Result<StreamHead, ItemError> {
    let invalid = || ItemError::Invalid { attribute: HEAD, expected: "a stream head" };
    let AttributeValue::M(mut head) = head else { return Err(invalid()) };
    put_back(&mut head, AT_VERSION, || number(version));
    let time = || number(timestamp.millis());
    put_back(&mut head, HIGHEST, time);
    if let Some(AttributeValue::M(lifecycle)) = head.get_mut(LIFECYCLE) {
        put_back(lifecycle, LIFECYCLE_AT, time);
    }
    if let Some(AttributeValue::L(ids)) = head.get_mut(IDS) {
        for id in ids {
            *id = id_text(uuid_in(id).ok_or_else(invalid)?);
        }
    }
    put_back(&mut head, IDS, || AttributeValue::L(vec![id_text(event_id.uuid())]));
    from_item(Item::from(head)).map_err(|_| invalid())
}

fn leave_out(map: &mut Map, key: &str, known: &AttributeValue) {
    if map.get(key) == Some(known) {
        map.remove(key);
    }
}

fn put_back(map: &mut Map, key: &str, known: impl FnOnce() -> AttributeValue) {
    if !map.contains_key(key) {
        map.insert(key.to_owned(), known());
    }
}

fn number(number: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// An id in the text form that the head's serialization uses.
fn id_text(uuid: Uuid) -> AttributeValue {
    AttributeValue::S(uuid.to_string())
}

fn shorten(id: &mut AttributeValue) {
    if let AttributeValue::S(text) = id
        && let Ok(uuid) = Uuid::try_parse(text)
    {
        *id = AttributeValue::B(uuid.as_bytes().to_vec());
    }
}
