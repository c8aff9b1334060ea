//! Lag notes: one item a worker, which expires.

use annals_application::ports::{LagNote, LagNotes, PortError};
use async_trait::async_trait;

use super::DynamoStateStore;
use super::items::{Item, ItemKey, number};
use super::table::EXPIRES_AT;

const LAGS: &str = "lag";

/// How long a note stays, in seconds: the port asks for an hour at least.
const NOTE_STAYS_SECONDS: i64 = 3_600;

#[async_trait]
impl LagNotes for DynamoStateStore {
    async fn note_lag(&self, note: LagNote) -> Result<(), PortError> {
        let key = ItemKey::new(LAGS, note.worker.to_string());
        let item = Item::of(&key, &note).map_err(|error| self.table.rejected(error))?;
        self.table.put(item.with(EXPIRES_AT, number(self.table.now_seconds() + NOTE_STAYS_SECONDS))).await
    }

    async fn lag_notes(&self) -> Result<Vec<LagNote>, PortError> {
        let items = self.table.found(self.table.query(LAGS)).await?;
        items.iter().map(|item| self.table.read(item)).collect()
    }
}
