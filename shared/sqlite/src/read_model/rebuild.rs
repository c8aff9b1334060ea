//! A rebuild of the read model: new tables beside the current ones, and the swap.
//!
//! Readers see either the current or the new tables, completely. The tables of an interrupted rebuild are dropped when
//! the next one begins.

use std::sync::Arc;

use annals_application::ports::{
    CommitPosition, Document, EntityQuery, FoundPage, IndexOutcome, PortError, PortErrorKind, ReadDocument, ReadModel,
};
use annals_domain::definition::{Catalog, EntityDefinition, EntitySchema};
use annals_domain::identity::AggregateId;
use async_trait::async_trait;
use rusqlite::{Transaction, params};

use super::table::EntityTable;
use super::{RESOURCE, index};
use crate::Database;
use crate::database::Failure;
use crate::event_store::feed::last_position;

/// The new tables of a rebuild: a read model that can only be written until it is swapped in.
pub struct SqliteRebuild {
    database: Database,
    tables: Arc<Vec<NewTable>>,
}

#[derive(Debug)]
struct NewTable {
    name: String,
    digest: String,
    table: EntityTable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwapOutcome {
    /// Readers use the new tables now.
    Swapped,
    /// Events were committed since: their streams must be rebuilt first.
    EventsAppended,
}

impl SqliteRebuild {
    /// Creates new tables for all definitions, and drops those of earlier rebuilds that did not finish.
    pub async fn begin(database: Database, catalog: &Catalog) -> Result<Self, PortError> {
        let definitions = catalog.definitions().to_vec();
        let tables = database.write(RESOURCE, move |transaction| {
            drop_tables(transaction, "building")?;
            let schemas = definitions.iter().map(|definition| Some(&**definition)).chain([None]);
            schemas.map(|definition| NewTable::create(transaction, definition)).collect::<Result<Vec<_>, _>>()
        });
        let tables = Arc::new(tables.await?);
        Ok(Self { database, tables })
    }

    /// Swaps the new tables in and drops the current ones, in one transaction, if no event was committed after
    /// `position`.
    pub async fn try_finish(&self, position: CommitPosition) -> Result<SwapOutcome, PortError> {
        let tables = Arc::clone(&self.tables);
        let outcome = self.database.write(RESOURCE, move |transaction| {
            if last_position(transaction)? > position {
                return Ok(SwapOutcome::EventsAppended);
            }
            drop_tables(transaction, "current")?;
            for new in tables.iter() {
                let swapped = transaction.execute(
                    "UPDATE read_model SET state = 'current' WHERE number = ? AND state = 'building'",
                    params![new.table.number],
                )?;
                if swapped != 1 {
                    return Err(Failure::rejected("another rebuild has begun since: this one cannot finish"));
                }
            }
            Ok(SwapOutcome::Swapped)
        });
        outcome.await
    }
}

impl NewTable {
    fn create(transaction: &Transaction<'_>, definition: Option<&EntityDefinition>) -> Result<Self, Failure> {
        let table = EntityTable::create(transaction, definition, "building")?;
        let (name, digest) = EntityTable::registration_of(definition);
        Ok(Self { name: name.to_owned(), digest: digest.to_owned(), table })
    }
}

fn drop_tables(transaction: &Transaction<'_>, state: &str) -> Result<(), Failure> {
    let mut statement = transaction.prepare_cached("SELECT name, number FROM read_model WHERE state = ?")?;
    let found = statement.query_map([state], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let found: Vec<(String, i64)> = found.collect::<rusqlite::Result<_>>()?;
    for (name, number) in &found {
        EntityTable::numbered(name, *number).drop(transaction)?;
    }
    Ok(())
}

fn cannot_be_read() -> PortError {
    PortError::new(PortErrorKind::Rejected, RESOURCE, "a read model cannot be read during its rebuild")
}

#[async_trait]
impl ReadModel for SqliteRebuild {
    async fn index(&self, documents: Vec<Document>) -> Result<Vec<IndexOutcome>, PortError> {
        let tables = Arc::clone(&self.tables);
        let table_of = move |_: &Transaction<'_>, schema: &EntitySchema| {
            let registration = EntityTable::registration(schema);
            let found = tables.iter().find(|new| (new.name.as_str(), new.digest.as_str()) == registration);
            found.map(|new| new.table.clone()).ok_or_else(|| Failure::rejected("the rebuild has no such type"))
        };
        self.database.write_derived(RESOURCE, move |transaction| index::index(transaction, &documents, table_of)).await
    }

    async fn get(&self, _: &EntitySchema, _: AggregateId) -> Result<Option<ReadDocument>, PortError> {
        Err(cannot_be_read())
    }

    async fn search(&self, _: &EntityQuery) -> Result<FoundPage, PortError> {
        Err(cannot_be_read())
    }

    async fn count(&self, _: &EntityQuery) -> Result<u64, PortError> {
        Err(cannot_be_read())
    }
}
