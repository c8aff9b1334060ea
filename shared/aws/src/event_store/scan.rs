//! Walking the whole table, in segments and pages: what a rebuild reads.
//!
//! Promises that every event stored before a segment's scan began is met once, and that a walk goes
//! on behind any page, in this process or another. A stream's events come in one segment, in
//! version order and with no other stream's between them; a page may end in the midst of a stream.
//! An item that is no event is reported, and holds up no other.

use std::collections::HashMap;

use crate::client::port_error;
use annals_application::ports::{PortError, StoredEvent};
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use crate::event_store::DynamoEventStore;
use crate::event_store::item::decode;
use crate::event_store::table::{ENTITY_KEY, VERSION};

/// The place of an item: behind it a scan goes on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ScanKey {
    /// Its stream.
    pub entity_key: String,
    /// Its version, as DynamoDB writes it.
    pub version: String,
}

/// An item that is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("version {} cannot be read: {reason}", key.version)]
pub struct Undecodable {
    /// Where it is.
    pub key: ScanKey,
    /// Why it cannot be read.
    pub reason: String,
}

/// One page of a segment: up to 1 MB of items.
#[derive(Debug, Clone, Default)]
pub struct ScanPage {
    /// Its items, each where it stands in its stream.
    pub items: Vec<Result<StoredEvent, Undecodable>>,
    /// Where the next page begins; `None` at the segment's end. A page without items need not be
    /// the last.
    pub next: Option<ScanKey>,
}

impl DynamoEventStore {
    /// The next page of one of `total_segments` segments (numbered from 0), consistently read.
    pub async fn scan_page(
        &self,
        segment: u32,
        total_segments: u32,
        start: Option<ScanKey>,
    ) -> Result<ScanPage, PortError> {
        let scan = self
            .reader
            .scan()
            .table_name(&*self.table)
            .consistent_read(true)
            .segment(i32::try_from(segment).unwrap_or(i32::MAX))
            .total_segments(i32::try_from(total_segments).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start.map(ScanKey::into_key));
        let answer = scan.send().await.map_err(|error| port_error(&self.table, error))?;
        let read = |item: HashMap<String, AttributeValue>| {
            let key = ScanKey::of(&item);
            decode(item.into()).map_err(|error| Undecodable { key, reason: error.to_string() })
        };
        let next = answer.last_evaluated_key.as_ref().map(ScanKey::of);
        Ok(ScanPage { items: answer.items.into_iter().flatten().map(read).collect(), next })
    }
}

impl ScanKey {
    /// The key of an item. Every item has one of these types: the table takes no other.
    fn of(item: &HashMap<String, AttributeValue>) -> Self {
        let text = item.get(ENTITY_KEY).and_then(|value| value.as_s().ok());
        let number = item.get(VERSION).and_then(|value| value.as_n().ok());
        Self { entity_key: text.cloned().unwrap_or_default(), version: number.cloned().unwrap_or_default() }
    }

    fn into_key(self) -> HashMap<String, AttributeValue> {
        HashMap::from([
            (ENTITY_KEY.to_owned(), AttributeValue::S(self.entity_key)),
            (VERSION.to_owned(), AttributeValue::N(self.version)),
        ])
    }
}
