//! Bodies of several chunks whose entry is not stored yet: an interrupted writer leaves them behind.
//!
//! A body is announced before its second chunk, with its entry's id before the entry is added, and forgotten after that.
//! So what is announced for long has no entry, or one whose writer was interrupted right after it was added. A body of
//! one chunk is not announced: its entry follows at once, and the extra writes would cost more than what is rarely left.

use annals_application::ports::PortError;
use annals_domain::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::items::{Item, StateTable};
use super::lists::{List, oldest_first};

const BODIES: List = List { name: "body", partitions: 1 };

/// The number of bodies that one call looks at.
const AT_ONCE: usize = 100;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AnnouncedBody {
    pub(super) body_id: Uuid,
    announced_at: Timestamp,
    /// Known once all chunks are stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) entry_id: Option<String>,
}

/// A body whose chunks are being stored.
pub(super) async fn announce(table: &StateTable, body_id: Uuid, at: Timestamp) -> Result<(), PortError> {
    put(table, AnnouncedBody { body_id, announced_at: at, entry_id: None }).await
}

/// A body whose entry is about to be added.
pub(super) async fn belongs_to(table: &StateTable, body_id: Uuid, entry: &str, at: Timestamp) -> Result<(), PortError> {
    put(table, AnnouncedBody { body_id, announced_at: at, entry_id: Some(entry.to_owned()) }).await
}

/// A body that has its entry, or is deleted.
pub(super) async fn forget(table: &StateTable, body_id: Uuid) -> Result<(), PortError> {
    table.remove_all(&[BODIES.key(&body_id.to_string())]).await
}

/// Those that were announced before a time, the oldest first.
pub(super) async fn older_than(table: &StateTable, before: Timestamp) -> Result<Vec<AnnouncedBody>, PortError> {
    let items = table.first(&BODIES, AT_ONCE).await?;
    let bodies: Result<Vec<AnnouncedBody>, PortError> = items.iter().map(|item| table.read(item)).collect();
    Ok(bodies?.into_iter().filter(|body| body.announced_at < before).collect())
}

async fn put(table: &StateTable, body: AnnouncedBody) -> Result<(), PortError> {
    let id = body.body_id.to_string();
    let item = Item::of(&BODIES.key(&id), &body).map_err(|error| table.rejected(error))?;
    table.put(item.listed_as(oldest_first(body.announced_at, &id))).await
}
