//! Snapshots: a series of items a record and fold version, in the order of versions.
//!
//! A read is one request, and a second one for a snapshot of more than 350 KiB when compressed. A new
//! fold version starts a new series.

use annals_application::ports::{PortError, PortErrorKind, SnapshotStore};
use annals_domain::aggregate::{Aggregate, FOLD_VERSION};
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use async_trait::async_trait;
use futures::future::try_join_all;

use super::DynamoStateStore;
use super::items::{Item, ItemKey, StateTable, text};

/// The number of snapshots written at the same time.
const CONCURRENT_WRITES: usize = 16;

#[async_trait]
impl SnapshotStore for DynamoStateStore {
    async fn put(&self, snapshots: Vec<Aggregate>) -> Result<(), PortError> {
        for snapshots in snapshots.chunks(CONCURRENT_WRITES) {
            try_join_all(snapshots.iter().map(|snapshot| put(&self.table, snapshot))).await?;
        }
        Ok(())
    }

    async fn newest(&self, key: &EntityKey, at_most: Version) -> Result<Option<Aggregate>, PortError> {
        let table = &self.table;
        let request = table
            .query(series(key))
            .key_condition_expression("pk = :pk AND sk <= :sk")
            .expression_attribute_values(":sk", text(sortable(at_most)))
            .scan_index_forward(false)
            .limit(1);
        let response = request.send().await.map_err(|error| table.failed(error))?;
        let Some(item) = response.items.into_iter().flatten().next().map(Item) else { return Ok(None) };
        match read(table, &item).await {
            Ok(snapshot) => Ok(Some(snapshot)),
            // A snapshot only saves reads: without it, the events are replayed.
            Err(error) if error.kind == PortErrorKind::Corrupt => {
                tracing::warn!(%error, entity_key = %key, "snapshot not readable, ignored");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

async fn put(table: &StateTable, snapshot: &Aggregate) -> Result<(), PortError> {
    let body = serde_json::to_vec(snapshot).map_err(|error| table.rejected(error))?;
    let (series, version) = (series(snapshot.key()), sortable(snapshot.version()));
    let owner = format!("part#{series}#{version}");
    let item = Item::at(&ItemKey::new(series, version));
    let item = table.with_body(item, &owner, &body).await?;
    table.put(item).await
}

async fn read(table: &StateTable, item: &Item) -> Result<Aggregate, PortError> {
    let body = table.body(item).await?;
    serde_json::from_slice(&body).map_err(|error| table.corrupt(&item.key(), error))
}

fn series(key: &EntityKey) -> String {
    format!("snapshot#{FOLD_VERSION}#{key}")
}

/// The version as text that sorts as the number does.
fn sortable(version: Version) -> String {
    format!("{:020}", version.get())
}
