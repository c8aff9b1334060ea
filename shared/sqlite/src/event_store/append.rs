//! Appending: one insert for each event, all events of a call in one transaction.

use std::collections::HashSet;

use annals_application::ports::{AppendError, PortError, PortErrorKind, StoredEvent};
use annals_domain::identity::{AggregateId, EntityName};
use annals_domain::position::EventId;
use rusqlite::{CachedStatement, Connection, Row, Transaction, params};

use super::{RESOURCE, row};
use crate::columns::{json, number, to_json, uuid};
use crate::database::{Failure, begin_write};

type AppendResult = Result<(), AppendError>;

/// Inserts nothing if the version is stored already, or if the version before it is missing.
const INSERT: &str = concat!(
    "INSERT INTO events (",
    row::columns!(),
    ") \
     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14 WHERE ?3 = 1 OR EXISTS \
     (SELECT 1 FROM events WHERE entity_name = ?1 AND aggregate_id = ?2 AND version = ?3 - 1) \
     ON CONFLICT (entity_name, aggregate_id, version) DO NOTHING"
);

pub(super) fn append(connection: &mut Connection, events: &[StoredEvent]) -> Vec<AppendResult> {
    let transaction = match begin_write(connection) {
        Ok(transaction) => transaction,
        Err(error) => return fail_all(events.len(), &Failure::from(error).at(RESOURCE), AppendError::NotApplied),
    };
    let results = match insert_all(&transaction, events) {
        Ok(results) => results,
        // Dropping the transaction rolls all inserts back.
        Err(failure) => return fail_all(events.len(), &failure.at(RESOURCE), AppendError::NotApplied),
    };
    if let Err(error) = transaction.commit() {
        let error = Failure::Commit(error).at(RESOURCE);
        return results.into_iter().map(|result| result.and_then(|()| Err(unknown(&error)))).collect();
    }
    results
}

pub(super) fn fail_all(count: usize, error: &PortError, kind: fn(PortError) -> AppendError) -> Vec<AppendResult> {
    (0..count).map(|_| Err(kind(copy(error)))).collect()
}

fn unknown(error: &PortError) -> AppendError {
    AppendError::OutcomeUnknown(copy(error))
}

/// A copy for each event. The cause cannot be cloned, so the copy has its text.
fn copy(error: &PortError) -> PortError {
    let copy = PortError::new(error.kind, error.resource.clone(), error.message.clone());
    match &error.source {
        Some(source) => copy.caused_by(source.to_string()),
        None => copy,
    }
}

/// An error means that the database failed, not that an event was rejected.
fn insert_all(transaction: &Transaction<'_>, events: &[StoredEvent]) -> Result<Vec<AppendResult>, Failure> {
    let mut statement = transaction.prepare_cached(INSERT)?;
    let mut failed: HashSet<(&EntityName, AggregateId)> = HashSet::new();
    let mut results = Vec::with_capacity(events.len());
    for stored in events {
        let stream = (&stored.event.entity_name, stored.event.aggregate_id);
        let result = if !failed.is_empty() && failed.contains(&stream) {
            Err(AppendError::NotTried)
        } else {
            insert(transaction, &mut statement, stored)?
        };
        if result.is_err() {
            failed.insert(stream);
        }
        results.push(result);
    }
    Ok(results)
}

fn insert(
    transaction: &Transaction<'_>,
    statement: &mut CachedStatement<'_>,
    stored: &StoredEvent,
) -> Result<AppendResult, Failure> {
    let inserted = match execute(statement, stored) {
        Ok(rows) => rows == 1,
        // Only this event is rejected: the statement changed nothing, and the others are appended.
        Err(failure) if failure.kind() == PortErrorKind::Rejected => {
            return Ok(Err(AppendError::NotApplied(failure.at(RESOURCE))));
        }
        Err(failure) => return Err(failure),
    };
    if inserted { Ok(Ok(())) } else { reason(transaction, stored).map(Err) }
}

fn execute(statement: &mut CachedStatement<'_>, stored: &StoredEvent) -> Result<usize, Failure> {
    let event = &*stored.event;
    let warnings = (!event.warnings.is_empty()).then(|| to_json(&event.warnings));
    let rows = statement.execute(params![
        event.entity_name.as_str(),
        event.aggregate_id.uuid().as_bytes(),
        number(event.version.get()),
        event.event_id().uuid().as_bytes(),
        event.event_type.as_str(),
        event.timestamp().millis(),
        row::rank_number(event.position.rank),
        event.position.commit_number,
        event.position.sequence_number,
        event.recorded_at.millis(),
        to_json(&event.metadata)?,
        warnings.transpose()?,
        to_json(&stored.head)?,
        &*event.data,
    ])?;
    Ok(rows)
}

/// The reason why nothing was inserted: the version is stored already, or the version before it is missing.
fn reason(transaction: &Transaction<'_>, stored: &StoredEvent) -> Result<AppendError, Failure> {
    let event = &*stored.event;
    let mut statement = transaction.prepare_cached(
        "SELECT event_id, head FROM events WHERE entity_name = ? AND aggregate_id = ? AND version = ?",
    )?;
    let id = event.aggregate_id.uuid();
    let key = params![event.entity_name.as_str(), id.as_bytes(), number(event.version.get())];
    let conflict = |row: &Row<'_>| -> Result<_, Failure> { Ok((uuid(row, 0)?, json(row, 1)?)) };
    match statement.query_and_then(key, conflict)?.next().transpose()? {
        Some((event_id, head)) => Ok(AppendError::Conflict { event_id: EventId::from_uuid(event_id), head }),
        None => {
            let gap = format!("version {} leaves a gap: the version before it is not stored", event.version);
            Ok(AppendError::NotApplied(Failure::rejected(gap).at(RESOURCE)))
        }
    }
}
