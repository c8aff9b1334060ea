//! How far those who project are behind.

use annals_application::ports::{LagNote, PortError};

use crate::state_store::items::{Item, Place, Table, number};
use crate::state_store::table::EXPIRES_AT;

const LAGS: &str = "lag";

/// How long a note may stay, in seconds.
const STAYS: i64 = 3_600;

pub(crate) async fn note(table: &Table, note: &LagNote) -> Result<(), PortError> {
    let place = Place::new(LAGS, note.worker.to_string());
    let item = Item::of(&place, note).map_err(|error| table.rejected(error))?;
    table.put(item.with(EXPIRES_AT, number(table.now_seconds() + STAYS))).await
}

pub(crate) async fn noted(table: &Table) -> Result<Vec<LagNote>, PortError> {
    table.found(table.query(LAGS)).await?.iter().map(|item| table.read(item)).collect()
}
