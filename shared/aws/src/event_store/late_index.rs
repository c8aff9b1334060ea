//! The index of the events that their own heads do not list: those that arrived late, too far ahead of the clock, or
//! among very many of one timestamp.
//!
//! It is a local secondary index, so it is consistent with the table, is written by the append itself, and costs nothing
//! for any other event.

use std::collections::HashMap;

use annals_application::ports::{PortError, StoredEvent};
use annals_domain::identity::EntityKey;
use annals_domain::position::{EventId, Position, Rank};
use annals_domain::timestamp::Timestamp;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use crate::client::port_error;
use crate::event_store::DynamoEventStore;

/// The index; its partition key is the stream, and its sort key [`LATE`].
pub const LATE_INDEX: &str = "by_late";
/// The sort key of an event in the index, a binary: its timestamp, whether it is a record image, and its event id.
pub const LATE: &str = "late";

/// Timestamp, whether the event is a record image, and event id: in the index, events are in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LateKey {
    pub(super) timestamp: Timestamp,
    pub(super) is_image: bool,
    pub(super) event_id: EventId,
}

impl LateKey {
    pub(super) const BYTES: usize = 25;

    pub(super) fn of(position: &Position) -> Self {
        Self { timestamp: position.timestamp, is_image: position.rank != Rank::Change, event_id: position.event_id }
    }

    /// The key of an event that its own head does not list.
    pub(super) fn of_unlisted(stored: &StoredEvent) -> Option<Self> {
        let position = &stored.event.position;
        (!stored.head.lists(position)).then(|| Self::of(position))
    }

    /// Before all keys of the timestamp.
    pub(super) fn first_at(timestamp: Timestamp) -> Self {
        Self { timestamp, is_image: false, event_id: EventId::from_uuid(Uuid::nil()) }
    }

    /// Before all images of the timestamp.
    pub(super) fn first_image_at(timestamp: Timestamp) -> Self {
        Self { is_image: true, ..Self::first_at(timestamp) }
    }

    /// After all keys of the timestamp.
    pub(super) fn last_at(timestamp: Timestamp) -> Self {
        Self { timestamp, is_image: true, event_id: EventId::from_uuid(Uuid::max()) }
    }

    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        // No timestamp of an event is before 1970.
        bytes[..8].copy_from_slice(&self.timestamp.millis().to_be_bytes());
        bytes[8] = u8::from(self.is_image);
        bytes[9..].copy_from_slice(self.event_id.uuid().as_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().ok()?;
        let (millis, rest) = bytes.split_first_chunk()?;
        let (is_image, id) = rest.split_first()?;
        Some(Self {
            timestamp: Timestamp::from_millis(i64::from_be_bytes(*millis)).ok()?,
            is_image: *is_image != 0,
            event_id: EventId::from_uuid(Uuid::from_slice(id).ok()?),
        })
    }
}

/// Consecutive keys of the index.
pub(super) struct LateKeys {
    pub(super) keys: Vec<LateKey>,
    /// Whether the range has no key after these.
    pub(super) is_complete: bool,
}

impl DynamoEventStore {
    /// The first keys of a stream in a range, both ends included: up to `limit`, or as many as a page holds (1 MB).
    pub(super) async fn late_keys(
        &self,
        stream: &EntityKey,
        from: LateKey,
        to: LateKey,
        limit: Option<i32>,
    ) -> Result<LateKeys, PortError> {
        let bound = |key: LateKey| AttributeValue::B(Blob::new(key.to_bytes()));
        let page = self
            .query(stream)
            .index_name(LATE_INDEX)
            .key_condition_expression("#key = :key AND #late BETWEEN :from AND :to")
            .projection_expression("#late")
            .expression_attribute_names("#late", LATE)
            .expression_attribute_values(":from", bound(from))
            .expression_attribute_values(":to", bound(to))
            .set_limit(limit);
        let page = page.send().await.map_err(|error| port_error(self.table(), error))?;
        Ok(LateKeys { is_complete: page.last_evaluated_key.is_none(), keys: keys_of(page) })
    }

    /// Whether the table has the index. A table that an earlier release created has none.
    pub(super) async fn has_late_index(&self, stream: &EntityKey) -> Result<bool, PortError> {
        let asked = self.has_late_index.get_or_try_init(|| async {
            let query = self.query(stream).index_name(LATE_INDEX).key_condition_expression("#key = :key").limit(1);
            match query.send().await {
                Ok(_) => Ok(true),
                Err(error) if error.code() == Some("ValidationException") => Ok(false),
                Err(error) => Err(port_error(self.table(), error)),
            }
        });
        asked.await.copied()
    }
}

fn keys_of(page: QueryOutput) -> Vec<LateKey> {
    let key = |item: &HashMap<String, AttributeValue>| LateKey::from_bytes(item.get(LATE)?.as_b().ok()?.as_ref());
    page.items.iter().flatten().filter_map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).expect("a timestamp")
    }

    #[test]
    fn keys_are_ordered_as_their_bytes_and_read_back() {
        let key = |millis, is_image, tag| LateKey { timestamp: at(millis), is_image, event_id: EventId::of(&[tag]) };
        let mut keys = vec![key(1, false, "a"), key(1, true, "b"), key(1, true, "c"), key(2, false, "d")];
        keys.extend([LateKey::first_at(at(1)), LateKey::first_image_at(at(1)), LateKey::last_at(at(1))]);
        keys.extend([key(1_790_000_000_000, false, "e"), key(255, false, "f"), key(256, false, "g")]);
        let mut by_bytes = keys.clone();
        keys.sort();
        by_bytes.sort_by_key(|key| key.to_bytes());
        assert_eq!(keys, by_bytes);
        for key in keys {
            assert_eq!(LateKey::from_bytes(&key.to_bytes()), Some(key));
        }
    }
}
