//! Events in DynamoDB: the only code that writes the events table, and it only puts, each time on
//! the condition that nothing is there.
//!
//! Promises what the port promises: an append is one conditional write of one item, and its answer
//! is exact, since no write is tried twice behind the caller's back. Does not promise what SQLite
//! does beside it, that a stream has no hole: to see the version before would cost a second write
//! unit an event. Whoever appends stands behind a head that was read, so none comes to be.

mod append;
mod item;
mod read;
mod scan;
mod table;

use std::sync::Arc;

use crate::client::without_retries;
use annals_application::ports::{AppendError, EventStore, PortError, PortErrorKind, ReadOptions, StoredEvent};
use annals_domain::head::StreamHead;
use annals_domain::identity::EntityKey;
use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;

pub use self::item::{EncodeError, ItemError, MAX_ITEM_BYTES, decode, encode, item_size, key_of, write_units};
pub use self::scan::{ScanKey, ScanPage, Undecodable};
pub use self::table::{ENTITY_KEY, VERSION, create_table, create_table_without_stream};

/// How many calls are under way at once, for one call of the port.
const IN_FLIGHT: usize = 16;

/// The events table.
#[derive(Debug, Clone)]
pub struct DynamoEventStore {
    /// Tries again by itself: a read may be made twice.
    reader: Client,
    /// Never tries again: after a lost answer the second try would conflict with the first.
    writer: Client,
    table: Arc<str>,
}

impl DynamoEventStore {
    /// The events in that table.
    pub fn new(config: &SdkConfig, table: String) -> Self {
        Self { reader: Client::new(config), writer: Client::new(&without_retries(config)), table: table.into() }
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// What is stored and cannot be read.
    fn corrupt(&self, what: String, error: ItemError) -> PortError {
        PortError::new(PortErrorKind::Corrupt, &*self.table, what).caused_by(error)
    }
}

#[async_trait]
impl EventStore for DynamoEventStore {
    fn name(&self) -> &str {
        self.table()
    }

    async fn append(&self, events: Vec<StoredEvent>) -> Vec<Result<(), AppendError>> {
        self.append_all(&events).await
    }

    async fn heads(&self, keys: &[EntityKey]) -> Result<Vec<Option<StreamHead>>, PortError> {
        self.read_heads(keys).await
    }

    async fn read(&self, key: &EntityKey, options: &ReadOptions) -> Result<Vec<StoredEvent>, PortError> {
        self.read_events(key, options).await
    }
}
