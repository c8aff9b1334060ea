//! Snapshots: a series of items a record and fold version, in the order of versions.
//!
//! The local index has them in the order of their newest timestamps, and a second series, of items without a body,
//! in the order in which they were recorded. A read is one request, a read by the time of recording two, and each
//! one more for a snapshot of more than 64 KiB when compressed. A new fold version starts new series.

use annals_application::ports::{PortError, PortErrorKind, Snapshot, SnapshotStore};
use annals_domain::aggregate::{Aggregate, FOLD_VERSION};
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use annals_domain::timestamp::Timestamp;
use async_trait::async_trait;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use futures::future::{try_join, try_join_all};

use super::DynamoStateStore;
use super::items::{Attributes, Item, ItemKey, StateTable, text};
use super::lists::{oldest_first, up_to};
use super::table::LIST_INDEX;

/// The number of snapshots written at the same time.
const CONCURRENT_WRITES: usize = 8;

#[async_trait]
impl SnapshotStore for DynamoStateStore {
    async fn put(&self, snapshots: Vec<Snapshot>) -> Result<(), PortError> {
        for snapshots in snapshots.chunks(CONCURRENT_WRITES) {
            try_join_all(snapshots.iter().map(|snapshot| put(&self.table, snapshot))).await?;
        }
        Ok(())
    }

    async fn newest(&self, key: &EntityKey, at_most: Version) -> Result<Option<Aggregate>, PortError> {
        let request = self
            .table
            .query(series(key))
            .key_condition_expression("pk = :pk AND sk <= :sk")
            .expression_attribute_values(":sk", text(sortable(at_most)));
        snapshot(&self.table, key, request).await
    }

    async fn newest_as_of(&self, key: &EntityKey, as_of: Timestamp) -> Result<Option<Aggregate>, PortError> {
        let request = self
            .table
            .query(series(key))
            .index_name(LIST_INDEX)
            .key_condition_expression("pk = :pk AND listed <= :listed")
            .expression_attribute_values(":listed", text(up_to(as_of)));
        snapshot(&self.table, key, request).await
    }

    async fn newest_known_at(&self, key: &EntityKey, known_at: Timestamp) -> Result<Option<Aggregate>, PortError> {
        let request = self
            .table
            .query(recorded_series(key))
            .key_condition_expression("pk = :pk AND sk <= :sk")
            .expression_attribute_values(":sk", text(up_to(known_at)));
        let Some(found) = last(&self.table, request).await? else { return Ok(None) };
        let recorded = found.key();
        let version = recorded.sk.split_once('#').and_then(|(_, version)| version.parse().ok());
        let version = version.ok_or_else(|| self.table.corrupt(&recorded, "its sort key has no version"))?;
        self.newest(key, Version::new(version)).await
    }
}

impl DynamoStateStore {
    /// The key of the snapshot of a version.
    pub(crate) fn snapshot_key(key: &EntityKey, version: Version) -> Attributes {
        ItemKey::new(series(key), sortable(version)).attributes()
    }

    /// The snapshot in an item of that key, if it can be read.
    pub(crate) async fn snapshot(&self, key: &EntityKey, item: Attributes) -> Result<Option<Aggregate>, PortError> {
        readable(&self.table, key, &Item(item)).await
    }
}

async fn put(table: &StateTable, snapshot: &Snapshot) -> Result<(), PortError> {
    let Snapshot { state, recorded_at } = snapshot;
    let body = serde_json::to_vec(state).map_err(|error| table.rejected(error))?;
    let (series, version) = (series(state.key()), sortable(state.version()));
    let owner = format!("part#{series}#{version}");
    let recorded = Item::at(&ItemKey::new(recorded_series(state.key()), oldest_first(*recorded_at, &version)));
    let mut item = Item::at(&ItemKey::new(series, &*version));
    if let Some(newest) = state.newest() {
        item = item.listed_as(oldest_first(newest.timestamp, &version));
    }
    let item = table.with_body(item, &owner, &body).await?;
    try_join(table.put(item), table.put(recorded)).await.map(drop)
}

/// The last item that a query finds.
async fn last(table: &StateTable, request: QueryFluentBuilder) -> Result<Option<Item>, PortError> {
    let response = request.scan_index_forward(false).limit(1).send().await.map_err(|error| table.failed(error))?;
    Ok(response.items.into_iter().flatten().next().map(Item))
}

/// The snapshot in the last item that a query finds.
async fn snapshot(
    table: &StateTable,
    key: &EntityKey,
    request: QueryFluentBuilder,
) -> Result<Option<Aggregate>, PortError> {
    match last(table, request).await? {
        Some(item) => readable(table, key, &item).await,
        None => Ok(None),
    }
}

/// The snapshot in an item, if it can be read.
async fn readable(table: &StateTable, key: &EntityKey, item: &Item) -> Result<Option<Aggregate>, PortError> {
    match read(table, item).await {
        Ok(snapshot) => Ok(Some(snapshot)),
        // A snapshot only saves reads: without it, the events are replayed.
        Err(error) if error.kind == PortErrorKind::Corrupt => {
            tracing::warn!(%error, entity_key = %key, "snapshot not readable, ignored");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn read(table: &StateTable, item: &Item) -> Result<Aggregate, PortError> {
    let body = table.body(item).await?;
    serde_json::from_slice(&body).map_err(|error| table.corrupt(&item.key(), error))
}

fn series(key: &EntityKey) -> String {
    format!("snapshot#{FOLD_VERSION}#{key}")
}

/// The partition of the items that name snapshots by when they were recorded.
fn recorded_series(key: &EntityKey) -> String {
    format!("snapshot_recorded#{FOLD_VERSION}#{key}")
}

/// The version as text that sorts as the number does.
fn sortable(version: Version) -> String {
    format!("{:020}", version.get())
}
