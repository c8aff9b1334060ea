//! Events in SQLite: the only code that writes the events table, and it only inserts.
//!
//! Beside what the ports guarantee, all events of a call are appended in one transaction, and the versions of a stream
//! have no gap.

mod append;
pub(crate) mod feed;
mod row;
mod search;
mod streams;

use annals_application::ports::{
    AppendError, Direction, DuplicateSearch, EventStore, PortError, ReadOptions, StoredEvent, StoredInput,
};
use annals_domain::identity::EntityKey;
use annals_domain::stream_head::{Admission, StreamHead};
use async_trait::async_trait;
use rusqlite::{Transaction, params};

pub use self::streams::ChangedStreams;
use crate::columns::{json, number};
use crate::database::{Database, Failure};

/// The name of this store in errors.
const RESOURCE: &str = "events";

#[derive(Clone)]
pub struct SqliteEventStore {
    database: Database,
}

impl SqliteEventStore {
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl EventStore for SqliteEventStore {
    fn name(&self) -> &str {
        RESOURCE
    }

    async fn append(&self, events: Vec<StoredEvent>) -> Vec<Result<(), AppendError>> {
        if events.is_empty() {
            return Vec::new();
        }
        let count = events.len();
        let appended = self.database.with_writer(RESOURCE, move |connection| append::append(connection, &events));
        // An error here means that the call did not finish.
        appended.await.unwrap_or_else(|error| append::fail_all(count, &error, AppendError::OutcomeUnknown))
    }

    async fn heads(&self, keys: &[EntityKey]) -> Result<Vec<Option<StreamHead>>, PortError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let keys = keys.to_vec();
        self.database.read(RESOURCE, move |transaction| keys.iter().map(|key| head(transaction, key)).collect()).await
    }

    async fn search(&self, searches: &[DuplicateSearch]) -> Result<Vec<Admission>, PortError> {
        let searches = searches.to_vec();
        let search = move |transaction: &Transaction<'_>| {
            searches.iter().map(|search| search::search(transaction, search)).collect()
        };
        self.database.read(RESOURCE, search).await
    }

    async fn read(&self, key: &EntityKey, options: &ReadOptions) -> Result<Vec<StoredEvent>, PortError> {
        let (key, options) = (key.clone(), options.clone());
        self.database.read(RESOURCE, move |transaction| read(transaction, &key, &options)).await
    }

    async fn read_inputs(&self, key: &EntityKey, options: &ReadOptions) -> Result<Vec<StoredInput>, PortError> {
        Ok(self.read(key, options).await?.iter().map(|stored| StoredInput::from(&*stored.event)).collect())
    }
}

fn head(transaction: &Transaction<'_>, key: &EntityKey) -> Result<Option<StreamHead>, Failure> {
    let mut statement = transaction.prepare_cached(
        "SELECT head FROM events WHERE entity_name = ? AND aggregate_id = ? ORDER BY version DESC LIMIT 1",
    )?;
    let id = key.aggregate_id.uuid();
    let key = params![key.entity_name.as_str(), id.as_bytes()];
    statement.query_and_then(key, |row| json(row, 0))?.next().transpose()
}

const ASCENDING: &str = concat!(
    "SELECT ",
    row::columns!(),
    " FROM events WHERE entity_name = ? AND aggregate_id = ? \
     AND version BETWEEN ? AND ? AND timestamp BETWEEN ? AND ? ORDER BY version LIMIT ?"
);

const DESCENDING: &str = concat!(
    "SELECT ",
    row::columns!(),
    " FROM events WHERE entity_name = ? AND aggregate_id = ? \
     AND version BETWEEN ? AND ? AND timestamp BETWEEN ? AND ? ORDER BY version DESC LIMIT ?"
);

fn read(transaction: &Transaction<'_>, key: &EntityKey, options: &ReadOptions) -> Result<Vec<StoredEvent>, Failure> {
    let mut statement = transaction.prepare_cached(match options.direction {
        Direction::Ascending => ASCENDING,
        Direction::Descending => DESCENDING,
    })?;
    let id = key.aggregate_id.uuid();
    let range = params![
        key.entity_name.as_str(),
        id.as_bytes(),
        number(options.from_version.get()),
        options.to_version.map_or(i64::MAX, |version| number(version.get())),
        options.from_time.map_or(i64::MIN, |time| time.millis()),
        options.to_time.map_or(i64::MAX, |time| time.millis()),
        number(options.limit),
    ];
    let (mut events, mut bytes) = (Vec::new(), 0);
    for event in statement.query_and_then(range, row::event)? {
        let event = event?;
        bytes += event.event.data.len();
        events.push(event);
        if bytes >= options.max_bytes {
            break;
        }
    }
    Ok(events)
}
