//! An event as a row: what queries filter by has a column of its own, the rest is JSON.

use std::sync::Arc;

use annals_application::ports::StoredEvent;
use annals_domain::event::{DomainEvent, EventType};
use annals_domain::identity::{AggregateId, EntityName};
use annals_domain::position::{EventId, Position, Rank};
use annals_domain::validation_issue::ValidationIssue;
use rusqlite::Row;

use crate::columns::{json, text, timestamp, uuid, version};
use crate::database::Failure;

/// The columns of an event, in the order in which they are read and written.
macro_rules! columns {
    () => {
        "entity_name, aggregate_id, version, event_id, event_type, timestamp, rank, commit_number, \
         sequence_number, recorded_at, metadata, warnings, head, data"
    };
}
pub(super) use columns;

/// The number of columns: the index of the first other column of a query.
pub(super) const COLUMNS: usize = 14;

/// Decodes the event of a row that begins with `columns!()`.
pub(super) fn event(row: &Row<'_>) -> Result<StoredEvent, Failure> {
    let (event_type, rank) = (event_type(text(row, 4)?)?, rank(row.get(6)?)?);
    let event = DomainEvent {
        entity_name: EntityName::new(text(row, 0)?),
        aggregate_id: AggregateId::from_uuid(uuid(row, 1)?),
        version: version(row, 2)?,
        event_type,
        position: Position {
            timestamp: timestamp(row, 5)?,
            rank,
            commit_number: row.get(7)?,
            sequence_number: row.get(8)?,
            kind: event_type.kind(rank),
            event_id: EventId::from_uuid(uuid(row, 3)?),
        },
        recorded_at: timestamp(row, 9)?,
        metadata: json(row, 10)?,
        warnings: warnings(row)?,
        data: Arc::from(text(row, 13)?),
    };
    Ok(StoredEvent { event: Arc::new(event), head: json(row, 12)? })
}

fn warnings(row: &Row<'_>) -> Result<Vec<ValidationIssue>, Failure> {
    if row.get_ref(11)?.as_str_or_null().map_err(Failure::unreadable)?.is_none() {
        return Ok(Vec::new());
    }
    json(row, 11)
}

fn event_type(name: &str) -> Result<EventType, Failure> {
    const ALL: [EventType; 5] =
        [EventType::Created, EventType::Updated, EventType::Deleted, EventType::Restored, EventType::Gap];
    let found = ALL.into_iter().find(|event_type| event_type.as_str() == name);
    found.ok_or_else(|| Failure::unreadable(format!("unknown event type `{name}`")))
}

pub(super) fn rank_number(rank: Rank) -> i64 {
    match rank {
        Rank::FreshImage => 0,
        Rank::Change => 1,
        Rank::Image => 2,
    }
}

fn rank(number: i64) -> Result<Rank, Failure> {
    let found = [Rank::FreshImage, Rank::Change, Rank::Image].into_iter().find(|rank| rank_number(*rank) == number);
    found.ok_or_else(|| Failure::unreadable(format!("unknown rank {number}")))
}
