//! The objects of which there are records.

use annals_domain::identity::{EntityName, Provider};
use rusqlite::{Row, Transaction};

use crate::columns::{provider, text};
use crate::database::Failure;

pub(super) fn note(transaction: &Transaction<'_>, objects: &[(Provider, EntityName)]) -> Result<(), Failure> {
    let mut statement =
        transaction.prepare_cached("INSERT OR IGNORE INTO object (provider, entity_name) VALUES (?, ?)")?;
    for (provider, name) in objects {
        statement.execute([provider.as_str(), name.as_str()])?;
    }
    Ok(())
}

pub(super) fn noted(transaction: &Transaction<'_>) -> Result<Vec<(Provider, EntityName)>, Failure> {
    let mut statement =
        transaction.prepare_cached("SELECT provider, entity_name FROM object ORDER BY provider, entity_name")?;
    let object = |row: &Row<'_>| -> Result<_, Failure> { Ok((provider(row, 0)?, EntityName::new(text(row, 1)?))) };
    statement.query_and_then([], object)?.collect()
}
