//! Searching streams for changes, by an index of their timestamps.

use annals_application::ports::DuplicateSearch;
use annals_domain::position::{Position, Rank};
use annals_domain::stream_head::Admission;
use rusqlite::{Transaction, params};

use super::row;
use crate::database::Failure;

/// All ranks are named, so that the whole index is used.
const IS_STORED: &str = "SELECT EXISTS (SELECT 1 FROM events \
     WHERE entity_name = ? AND aggregate_id = ? AND timestamp = ? AND rank IN (0, 1, 2) AND event_id = ?)";

const HAS_RANK: &str = "SELECT EXISTS (SELECT 1 FROM events \
     WHERE entity_name = ? AND aggregate_id = ? AND timestamp = ? AND rank = ?)";

pub(super) fn search(transaction: &Transaction<'_>, search: &DuplicateSearch) -> Result<Admission, Failure> {
    let Position { timestamp, event_id, .. } = search.position;
    let (name, id, time) = (search.key.entity_name.as_str(), search.key.aggregate_id.uuid(), timestamp.millis());
    let event_id = event_id.uuid();
    let mut is_stored = transaction.prepare_cached(IS_STORED)?;
    let event = params![name, id.as_bytes(), time, event_id.as_bytes()];
    if is_stored.query_row(event, |row| row.get(0))? {
        return Ok(Admission::Duplicate);
    }
    let mut has_rank = transaction.prepare_cached(HAS_RANK)?;
    let mut at_image = false;
    for rank in [Rank::FreshImage, Rank::Image] {
        let images = params![name, id.as_bytes(), time, row::rank_number(rank)];
        at_image |= has_rank.query_row(images, |row| row.get::<_, bool>(0))?;
    }
    Ok(Admission::New { at_image })
}
