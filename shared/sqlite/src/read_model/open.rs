//! Opening the read model: checks that the tables match the definitions, and creates missing tables.
//!
//! No entity disappears from view: if one is in a table that no definition leads to any more, its type is outdated and
//! nothing is changed. A table without entities is replaced.

use std::sync::Arc;

use annals_domain::definition::{EntityDefinition, former_digests};
use rusqlite::Transaction;

use super::table::{EntityTable, OPEN, OPEN_DIGEST};
use crate::database::Failure;

/// A registered table that no definition leads to.
struct UnmatchedTable {
    name: String,
    table: EntityTable,
}

/// Creates the tables that are missing; or changes nothing and returns the types that need a rebuild.
pub(super) fn match_definitions(
    transaction: &Transaction<'_>,
    definitions: &[Arc<EntityDefinition>],
) -> Result<Vec<String>, Failure> {
    take_over_former_digests(transaction)?;
    complete_tables(transaction, definitions)?;
    let unmatched = unmatched_tables(transaction, definitions)?;
    let mut missing = Vec::new();
    let mut outdated = Vec::new();
    for UnmatchedTable { name, table } in &unmatched {
        if !table.is_empty(transaction)? {
            outdated.push(name.clone());
        }
    }
    for definition in definitions {
        let name = definition.aggregate_type.as_str();
        if EntityTable::current(transaction, name)?.is_some_and(|(_, digest)| digest == definition.digest) {
            continue;
        }
        // Its objects may have had no definition until now.
        if is_in_open_table(transaction, definition)? && !outdated.iter().any(|other| other == name) {
            outdated.push(name.to_owned());
        }
        missing.push(definition);
    }
    if outdated.is_empty() {
        replace(transaction, &unmatched, &missing)?;
    }
    Ok(outdated)
}

/// The types whose tables do not match their definitions, or have none. Changes nothing.
pub(super) fn unmatched_types(
    transaction: &Transaction<'_>,
    definitions: &[Arc<EntityDefinition>],
) -> Result<Vec<String>, Failure> {
    let mut types = Vec::new();
    for definition in definitions {
        let name = definition.aggregate_type.as_str();
        if EntityTable::current(transaction, name)?.is_none_or(|(_, digest)| digest != definition.digest) {
            types.push(name.to_owned());
        }
    }
    for UnmatchedTable { name, table } in unmatched_tables(transaction, definitions)? {
        if !types.contains(&name) && !table.is_empty(transaction)? {
            types.push(name);
        }
    }
    Ok(types)
}

/// Tables of an unchanged definition stay in use although earlier releases computed its digest differently.
fn take_over_former_digests(transaction: &Transaction<'_>) -> Result<(), Failure> {
    let mut update = transaction.prepare_cached("UPDATE read_model SET digest = ? WHERE digest = ?")?;
    for (former, today) in former_digests() {
        update.execute([today, former])?;
    }
    Ok(())
}

/// Adds what the current tables of earlier releases lack. Tables of other definitions are replaced or rebuilt.
fn complete_tables(transaction: &Transaction<'_>, definitions: &[Arc<EntityDefinition>]) -> Result<(), Failure> {
    for definition in definitions.iter().map(|definition| Some(&**definition)).chain([None]) {
        let (name, digest) = EntityTable::registration_of(definition);
        match EntityTable::current(transaction, name)? {
            Some((table, created_from)) if created_from == digest => table.complete(transaction, definition)?,
            _ => {}
        }
    }
    Ok(())
}

fn replace(
    transaction: &Transaction<'_>,
    unmatched: &[UnmatchedTable],
    missing: &[&Arc<EntityDefinition>],
) -> Result<(), Failure> {
    for UnmatchedTable { table, .. } in unmatched {
        table.drop(transaction)?;
    }
    for definition in missing {
        EntityTable::create(transaction, Some(definition), "current")?;
    }
    if EntityTable::current(transaction, OPEN)?.is_none() {
        EntityTable::create(transaction, None, "current")?;
    }
    Ok(())
}

fn unmatched_tables(
    transaction: &Transaction<'_>,
    definitions: &[Arc<EntityDefinition>],
) -> Result<Vec<UnmatchedTable>, Failure> {
    let is_matched = |name: &str, digest: &str| match name {
        OPEN => digest == OPEN_DIGEST,
        _ => definitions.iter().any(|d| d.aggregate_type.as_str() == name && d.digest == digest),
    };
    let mut statement = transaction
        .prepare_cached("SELECT number, name, digest FROM read_model WHERE state = 'current' ORDER BY name")?;
    let mut rows = statement.query([])?;
    let mut unmatched = Vec::new();
    while let Some(row) = rows.next()? {
        let (number, name, digest): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if !is_matched(&name, &digest) {
            unmatched.push(UnmatchedTable { table: EntityTable::numbered(&name, number), name });
        }
    }
    Ok(unmatched)
}

/// Whether entities of the definition's objects are in the table of objects without a definition.
fn is_in_open_table(transaction: &Transaction<'_>, definition: &EntityDefinition) -> Result<bool, Failure> {
    let Some((open, _)) = EntityTable::current(transaction, OPEN)? else { return Ok(false) };
    Ok(open.has_object_of(transaction, definition)?)
}
