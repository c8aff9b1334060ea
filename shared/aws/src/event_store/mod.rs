//! The event store in DynamoDB. This is the only code that writes the events table, and it only puts items, each on the
//! condition that no item has that key.
//!
//! An append is one conditional write of one item, and its result is exact, because writes are not retried here.
//! Unlike SQLite, DynamoDB does not check that the version before exists: that would cost a second write unit per
//! event. No gap arises, because every append follows a stream head that was read.
//! What an append in order needs is in the newest item; an index holds only the events that arrived in another order.

mod append;
mod first_events;
mod item;
mod late_index;
mod read;
mod scan;
mod search;
mod table;
mod walk;

use std::sync::Arc;

use annals_application::ports::{
    AppendError, DuplicateSearch, EventStore, PortError, PortErrorKind, ReadOptions, StoredEvent, StoredInput,
};
use annals_domain::identity::EntityKey;
use annals_domain::stream_head::{Admission, StreamHead};
use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use tokio::sync::OnceCell;

use crate::client::without_retries;

pub use self::item::{EncodeError, ItemError, MAX_ITEM_BYTES, decode, encode, item_size, key_of, write_units};
pub use self::late_index::{LATE, LATE_INDEX};
pub use self::scan::{ScanKey, ScanPage, ScannedInput, Undecodable};
pub use self::table::{ENTITY_KEY, VERSION, create_table, create_table_without_stream};

/// How many requests one call of the port makes at the same time.
const CONCURRENT_REQUESTS: usize = 16;

#[derive(Debug, Clone)]
pub struct DynamoEventStore {
    /// Retries by itself, because a read is idempotent.
    reader: Client,
    /// Never retries: after a lost response the second attempt would conflict with the first.
    writer: Client,
    table: Arc<str>,
    /// Known once a search has asked.
    has_late_index: Arc<OnceCell<bool>>,
}

impl DynamoEventStore {
    pub fn new(config: &SdkConfig, table: String) -> Self {
        let (reader, writer) = (Client::new(config), Client::new(&without_retries(config)));
        Self { reader, writer, table: table.into(), has_late_index: Arc::default() }
    }

    pub fn table(&self) -> &str {
        &self.table
    }

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

    async fn have_events(&self, keys: &[EntityKey]) -> Result<Vec<bool>, PortError> {
        self.find_first_events(keys).await
    }

    async fn search(&self, searches: &[DuplicateSearch]) -> Result<Vec<Admission>, PortError> {
        self.search_all(searches).await
    }

    async fn read(&self, key: &EntityKey, options: &ReadOptions) -> Result<Vec<StoredEvent>, PortError> {
        self.read_events(key, options).await
    }

    async fn read_inputs(&self, key: &EntityKey, options: &ReadOptions) -> Result<Vec<StoredInput>, PortError> {
        self.read_stream_inputs(key, options).await
    }
}
