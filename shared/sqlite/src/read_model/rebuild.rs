//! Fresh tables beside those that serve, and the swap.
//!
//! Promises that readers see one or the other whole, and that what an interrupted rebuild left
//! behind is gone with the next one's start.

use std::sync::Arc;

use annals_application::ports::{
    CommitPosition, Document, EntityQuery, IndexOutcome, PortError, PortErrorKind, ReadDocument, ReadModel,
};
use annals_domain::definition::{Catalog, EntitySchema};
use annals_domain::identity::AggregateId;
use async_trait::async_trait;
use rusqlite::{Transaction, params};

use super::table::{OPEN, OPEN_DIGEST, Table, make, registered_as};
use super::{RESOURCE, index};
use crate::Database;
use crate::database::Failure;
use crate::event_store::feed::last_position;

/// A rebuild under way: a read model that is only written.
pub struct Rebuild {
    database: Database,
    fresh: Arc<Vec<Fresh>>,
}

#[derive(Debug)]
struct Fresh {
    name: String,
    digest: String,
    number: i64,
    table: Table,
}

/// Whether the fresh tables serve now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// They do.
    Done,
    /// Events were committed meanwhile: their streams are to be rebuilt first.
    ChangedMeanwhile,
}

impl Rebuild {
    /// Makes fresh tables for all definitions, and drops what earlier rebuilds left.
    pub async fn begin(database: Database, catalog: &Catalog) -> Result<Self, PortError> {
        let definitions = catalog.definitions().to_vec();
        let fresh = database.write(RESOURCE, move |transaction| {
            drop_tables(transaction, "building")?;
            let mut fresh = Vec::new();
            for definition in &definitions {
                let (name, digest) = (definition.aggregate_type.as_str(), definition.digest.as_str());
                let (number, table) = make(transaction, name, digest, Some(definition), "building")?;
                fresh.push(Fresh { name: name.to_owned(), digest: digest.to_owned(), number, table });
            }
            let (number, table) = make(transaction, OPEN, OPEN_DIGEST, None, "building")?;
            fresh.push(Fresh { name: OPEN.to_owned(), digest: OPEN_DIGEST.to_owned(), number, table });
            Ok(fresh)
        });
        let fresh = Arc::new(fresh.await?);
        Ok(Self { database, fresh })
    }

    /// Swaps the fresh tables in and drops the old ones, in one transaction, if no event was
    /// committed behind `position`.
    pub async fn try_finish(&self, position: CommitPosition) -> Result<Finish, PortError> {
        let fresh = Arc::clone(&self.fresh);
        let finish = self.database.write(RESOURCE, move |transaction| {
            if last_position(transaction)? > position {
                return Ok(Finish::ChangedMeanwhile);
            }
            drop_tables(transaction, "current")?;
            for fresh in fresh.iter() {
                let swapped = transaction.execute(
                    "UPDATE read_model SET state = 'current' WHERE number = ? AND state = 'building'",
                    params![fresh.number],
                )?;
                if swapped != 1 {
                    return Err(Failure::rejected("another rebuild has begun since; this one is void"));
                }
            }
            Ok(Finish::Done)
        });
        finish.await
    }
}

fn drop_tables(transaction: &Transaction<'_>, state: &str) -> Result<(), Failure> {
    let mut statement = transaction.prepare_cached("SELECT name, number FROM read_model WHERE state = ?")?;
    let found = statement.query_map([state], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let found: Vec<(String, i64)> = found.collect::<rusqlite::Result<_>>()?;
    for (name, number) in &found {
        Table::numbered(name, *number).drop(transaction)?;
    }
    transaction.execute("DELETE FROM read_model WHERE state = ?", [state])?;
    Ok(())
}

fn only_written() -> PortError {
    PortError::new(PortErrorKind::Rejected, RESOURCE, "a rebuild under way is not read")
}

#[async_trait]
impl ReadModel for Rebuild {
    async fn index(&self, documents: Vec<Document>) -> Result<Vec<IndexOutcome>, PortError> {
        let fresh = Arc::clone(&self.fresh);
        let table_of = move |_: &Transaction<'_>, schema: &EntitySchema| {
            let wanted = registered_as(schema);
            let found = fresh.iter().find(|fresh| (fresh.name.as_str(), fresh.digest.as_str()) == wanted);
            found.map(|fresh| fresh.table.clone()).ok_or_else(|| Failure::rejected("the rebuild has no such type"))
        };
        self.database.write_derived(RESOURCE, move |transaction| index::index(transaction, &documents, table_of)).await
    }

    async fn get(&self, _: &EntitySchema, _: AggregateId) -> Result<Option<ReadDocument>, PortError> {
        Err(only_written())
    }

    async fn search(&self, _: &EntityQuery) -> Result<Vec<ReadDocument>, PortError> {
        Err(only_written())
    }

    async fn count(&self, _: &EntityQuery) -> Result<u64, PortError> {
        Err(only_written())
    }
}
