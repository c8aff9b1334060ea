//! State in DynamoDB: one file of this module implements one port. The events table is another one.
//!
//! How the table is laid out, and why:
//! - Key `pk` and `sk`. An entry of a list is one item, in a partition of its list, with a text
//!   `listed` that sorts as the list does. The **local** index [`LIST_INDEX`] on (`pk`, `listed`)
//!   contains exactly those items. A local index can be read consistently, which a global one cannot,
//!   and DynamoDB keeps it up to date, while index items of our own would need a transaction of
//!   twice the price a write. Its price: a partition key cannot grow beyond 10 GB nor be split when
//!   it is hot, and what the index contains counts towards an item's 400 KB. Therefore a list is spread
//!   over some partitions by hash and merged when it is read, and listed items are kept small.
//! - A listed item has its value in one attribute, `entry`, as JSON. A write's condition is that
//!   `entry` is still as it was read. A writer that loses receives the item that is stored now, and
//!   tries again with it; each lost attempt is another writer's success, so some writer always
//!   makes progress. In the common case nothing is stored yet: one request, and no read.
//! - Every write is conditional or may be repeated, so the SDK's own retries stay on.
//! - Long bodies are compressed. One that is still too long for an item is cut into parts. Parts are
//!   written before the item that names them and are named by their content, so no reader mixes
//!   parts of two writes.
//! - `expires_at` (seconds since 1970) is set on what expires: quarantine entries 30 days after they
//!   are decided on, their chunks a day later, lag notes after an hour. DynamoDB deletes such items late,
//!   so readers treat them as gone from that second on. Snapshots of older fold versions, and parts whose
//!   writer stopped half way, stay: they cost storage, and nothing reads them. Chunks of such a writer are
//!   removed (`orphans`).

mod accounts;
mod chunks;
mod items;
mod jobs;
mod lags;
mod leases;
mod lists;
mod notes;
mod objects;
mod orphans;
mod packed;
mod parked;
mod quarantine;
mod refetch;
mod snapshots;
mod table;

use std::sync::Arc;

use annals_application::ports::Clock;
use aws_sdk_dynamodb::Client;
use aws_types::SdkConfig;

use self::items::StateTable;
use self::objects::RegisteredObjects;
pub use self::table::{EXPIRES_AT, LIST_INDEX, create_table};

/// The state table, as the ports that keep changeable state. Clones share client and caches.
#[derive(Clone)]
pub struct DynamoStateStore {
    table: Arc<StateTable>,
    registered: Arc<RegisteredObjects>,
}

impl DynamoStateStore {
    /// The state in that table. The clock decides what has expired.
    pub fn new(config: &SdkConfig, table: String, clock: Arc<dyn Clock>) -> Self {
        let table = StateTable { client: Client::new(config), name: table, clock };
        Self { table: Arc::new(table), registered: Arc::default() }
    }

    pub fn table(&self) -> &str {
        &self.table.name
    }
}
