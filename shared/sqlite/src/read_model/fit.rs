//! At the start: whether the tables that are there fit the definitions, and making those that are
//! missing.
//!
//! Promises that no entity goes out of sight: where one is in a table that its definition no longer
//! leads to, its type is outdated, and nothing is changed. A table without entities is made anew.

use std::sync::Arc;

use annals_domain::definition::{EntityDefinition, former_digests};
use rusqlite::{Transaction, params};

use super::table::{OPEN, OPEN_DIGEST, Table, current, make};
use crate::database::Failure;

/// A registered table that no definition leads to.
struct Misfit {
    number: i64,
    name: String,
    table: Table,
}

/// Makes what is missing where all fits; else gives the types that need a rebuild.
pub(super) fn fit(
    transaction: &Transaction<'_>,
    definitions: &[Arc<EntityDefinition>],
) -> Result<Vec<String>, Failure> {
    take_over_former_digests(transaction)?;
    let misfits = misfits(transaction, definitions)?;
    let mut missing = Vec::new();
    let mut outdated = Vec::new();
    for misfit in &misfits {
        if !is_empty(transaction, &misfit.table)? {
            outdated.push(misfit.name.clone());
        }
    }
    for definition in definitions {
        let name = definition.aggregate_type.as_str();
        if current(transaction, name)?.is_some_and(|(_, digest)| digest == definition.digest) {
            continue;
        }
        // Its objects may have been without a definition until now.
        if is_kept_open(transaction, definition)? && !outdated.iter().any(|other| other == name) {
            outdated.push(name.to_owned());
        }
        missing.push(definition);
    }
    if outdated.is_empty() {
        make_all(transaction, &misfits, &missing)?;
    }
    Ok(outdated)
}

/// Tables of an unchanged definition stay in use although earlier releases computed its digest differently.
fn take_over_former_digests(transaction: &Transaction<'_>) -> Result<(), Failure> {
    let mut update = transaction.prepare_cached("UPDATE read_model SET digest = ? WHERE digest = ?")?;
    for (former, today) in former_digests() {
        update.execute([today, former])?;
    }
    Ok(())
}

fn make_all(
    transaction: &Transaction<'_>,
    misfits: &[Misfit],
    missing: &[&Arc<EntityDefinition>],
) -> Result<(), Failure> {
    for misfit in misfits {
        misfit.table.drop(transaction)?;
        transaction.execute("DELETE FROM read_model WHERE number = ?", [misfit.number])?;
    }
    for definition in missing {
        make(transaction, definition.aggregate_type.as_str(), &definition.digest, Some(definition), "current")?;
    }
    if current(transaction, OPEN)?.is_none() {
        make(transaction, OPEN, OPEN_DIGEST, None, "current")?;
    }
    Ok(())
}

fn misfits(transaction: &Transaction<'_>, definitions: &[Arc<EntityDefinition>]) -> Result<Vec<Misfit>, Failure> {
    let fits = |name: &str, digest: &str| match name {
        OPEN => digest == OPEN_DIGEST,
        _ => definitions.iter().any(|d| d.aggregate_type.as_str() == name && d.digest == digest),
    };
    let mut statement = transaction
        .prepare_cached("SELECT number, name, digest FROM read_model WHERE state = 'current' ORDER BY name")?;
    let mut rows = statement.query([])?;
    let mut misfits = Vec::new();
    while let Some(row) = rows.next()? {
        let (number, name, digest): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if !fits(&name, &digest) {
            misfits.push(Misfit { number, table: Table::numbered(&name, number), name });
        }
    }
    Ok(misfits)
}

fn is_empty(transaction: &Transaction<'_>, table: &Table) -> Result<bool, Failure> {
    let sql = format!("SELECT NOT EXISTS (SELECT 1 FROM {})", table.entities);
    Ok(transaction.query_row(&sql, [], |row| row.get(0))?)
}

/// Whether entities of the definition's objects are kept as those of objects without one.
fn is_kept_open(transaction: &Transaction<'_>, definition: &EntityDefinition) -> Result<bool, Failure> {
    let Some((open, _)) = current(transaction, OPEN)? else { return Ok(false) };
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {} WHERE entity_name = ? AND provider = ?)", open.entities);
    for (provider, object) in &definition.objects {
        if transaction.query_row(&sql, params![object.as_str(), provider.as_str()], |row| row.get(0))? {
            return Ok(true);
        }
    }
    Ok(false)
}
