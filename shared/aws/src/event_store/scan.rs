//! Scanning the whole table in segments and pages, for a rebuild.
//!
//! A scan returns every event once that was stored before its segment's scan began, and can continue after any page, in
//! this process or another. All events of a stream are in one segment, in version order, with no other stream's events
//! between them; a page may end in the middle of a stream. An item that is not an event is reported and does not stop
//! the scan.

use std::collections::HashMap;

use annals_application::ports::{PortError, StoredInput};
use annals_domain::identity::{EntityKey, Provider};
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use crate::client::port_error;
use crate::event_store::DynamoEventStore;
use crate::event_store::item::{RecordPart, decode_keyed_input, input_attributes};
use crate::event_store::table::{ENTITY_KEY, VERSION};

/// The key of an item, after which a scan continues.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ScanKey {
    pub entity_key: String,
    /// The number as DynamoDB writes it.
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("version {} cannot be read: {reason}", key.version)]
pub struct Undecodable {
    pub key: ScanKey,
    pub reason: String,
}

/// What folding needs of a scanned event.
#[derive(Debug, Clone, PartialEq)]
pub struct ScannedInput {
    pub at: ScanKey,
    pub key: EntityKey,
    /// The provider of its record, which a scan always reads.
    pub provider: Provider,
    pub input: StoredInput,
}

/// One page of a segment: up to 1 MB of items.
#[derive(Debug, Clone, Default)]
pub struct ScanPage {
    /// In the order of the table: stream by stream, by version.
    pub items: Vec<Result<ScannedInput, Undecodable>>,
    /// The start of the next page; `None` at the end of the segment. A page without items need not be the last.
    pub next: Option<ScanKey>,
}

const KEY_ALIAS: &str = "#entity_key";

impl DynamoEventStore {
    /// The next page of one of `total_segments` segments (numbered from 0), consistently read.
    pub async fn scan_page(
        &self,
        segment: u32,
        total_segments: u32,
        start: Option<ScanKey>,
    ) -> Result<ScanPage, PortError> {
        let (mut aliases, names): (Vec<_>, Vec<_>) = input_attributes(RecordPart::Read).unzip();
        let names = aliases.iter().cloned().zip(names.into_iter().map(str::to_owned));
        let names: HashMap<_, _> = names.chain([(KEY_ALIAS.to_owned(), ENTITY_KEY.to_owned())]).collect();
        aliases.push(KEY_ALIAS.to_owned());
        let scan = self
            .reader
            .scan()
            .table_name(&*self.table)
            .consistent_read(true)
            .projection_expression(aliases.join(", "))
            .set_expression_attribute_names(Some(names))
            .segment(i32::try_from(segment).unwrap_or(i32::MAX))
            .total_segments(i32::try_from(total_segments).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start.map(ScanKey::into_key));
        let page = scan.send().await.map_err(|error| port_error(&self.table, error))?;
        let read = |item: HashMap<String, AttributeValue>| {
            let at = ScanKey::of(&item);
            match decode_keyed_input(item) {
                Ok((key, provider, input)) => Ok(ScannedInput { at, key, provider, input }),
                Err(error) => Err(Undecodable { key: at, reason: error.to_string() }),
            }
        };
        let next = page.last_evaluated_key.as_ref().map(ScanKey::of);
        Ok(ScanPage { items: page.items.into_iter().flatten().map(read).collect(), next })
    }
}

impl ScanKey {
    /// The table accepts no item without a key of these types.
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
