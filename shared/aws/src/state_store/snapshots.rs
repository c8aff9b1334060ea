//! Snapshots: a series a record and fold version, in the order of versions.
//!
//! Promises one request a read, and one more for a snapshot of which more than 350 KB are left when
//! it is compressed. A new fold version begins a series of its own.

use annals_application::ports::{PortError, PortErrorKind};
use annals_domain::aggregate::{Aggregate, FOLD_VERSION};
use annals_domain::identity::EntityKey;
use annals_domain::position::Version;
use futures::future::try_join_all;

use crate::state_store::items::{Item, Place, Table, text};

/// How many snapshots are written at once.
const AT_ONCE: usize = 16;

pub(crate) async fn put(table: &Table, snapshots: &[Aggregate]) -> Result<(), PortError> {
    for snapshots in snapshots.chunks(AT_ONCE) {
        try_join_all(snapshots.iter().map(|snapshot| put_one(table, snapshot))).await?;
    }
    Ok(())
}

async fn put_one(table: &Table, snapshot: &Aggregate) -> Result<(), PortError> {
    let body = serde_json::to_vec(snapshot).map_err(|error| table.rejected(error))?;
    let (series, version) = (series(snapshot.key()), sortable(snapshot.version()));
    let owner = format!("part#{series}#{version}");
    let item = Item(Place::new(series, version).key());
    let item = table.with_body(item, &owner, &body).await?;
    table.put(item).await
}

pub(crate) async fn newest(table: &Table, key: &EntityKey, at_most: Version) -> Result<Option<Aggregate>, PortError> {
    let request = table
        .query(series(key))
        .key_condition_expression("pk = :pk AND sk <= :sk")
        .expression_attribute_values(":sk", text(sortable(at_most)))
        .scan_index_forward(false)
        .limit(1);
    let answer = request.send().await.map_err(|error| table.failed(error))?;
    let Some(item) = answer.items.into_iter().flatten().next().map(Item) else { return Ok(None) };
    match read(table, &item).await {
        Ok(snapshot) => Ok(Some(snapshot)),
        // A snapshot only saves reads: one that cannot be read is as good as none.
        Err(error) if error.kind == PortErrorKind::Corrupt => {
            tracing::warn!(%error, stream.id = %key, "a snapshot cannot be read");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn read(table: &Table, item: &Item) -> Result<Aggregate, PortError> {
    let body = table.body(item).await?;
    serde_json::from_slice(&body).map_err(|error| table.corrupt(&item.place(), error))
}

fn series(key: &EntityKey) -> String {
    format!("snapshot#{FOLD_VERSION}#{key}")
}

/// A version as a text that sorts as the number does.
fn sortable(version: Version) -> String {
    format!("{:020}", version.get())
}
