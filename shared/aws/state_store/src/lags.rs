//! How far those who project are behind.

use annals_application::ports::{LagNote, LagNotes, PortError};
use async_trait::async_trait;

use crate::items::{Item, Place, Table, number};
use crate::store::DynamoStateStore;
use crate::table::EXPIRES_AT;

const LAGS: &str = "lag";

/// How long a note may stay, in seconds.
const STAYS: i64 = 3_600;

#[async_trait]
impl LagNotes for DynamoStateStore {
    async fn note_lag(&self, note: LagNote) -> Result<(), PortError> {
        let table: &Table = self.table();
        let place = Place::new(LAGS, note.worker.to_string());
        let item = Item::of(&place, &note).map_err(|error| table.rejected(error))?;
        table.put(item.with(EXPIRES_AT, number(table.now_seconds() + STAYS))).await
    }

    async fn lag_notes(&self) -> Result<Vec<LagNote>, PortError> {
        let table = self.table();
        table.found(table.query(LAGS)).await?.iter().map(|item| table.read(item)).collect()
    }
}
