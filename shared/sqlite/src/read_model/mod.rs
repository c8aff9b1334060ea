//! The read model in SQLite: entities in columns that follow from their definitions, search texts in FTS5.
//!
//! The documents of a call are written in one transaction. The tables are numbered: a rebuild fills new ones while the
//! current ones are in use.

mod conditions;
mod index;
mod live;
mod open;
mod query;
mod rebuild;
mod segments;
mod table;
mod words;

use annals_application::ports::{
    Document, EntityQuery, FoundPage, IndexOutcome, PortError, PortErrorKind, ReadDocument, ReadModel,
};
use annals_domain::definition::{Catalog, EntitySchema};
use annals_domain::identity::AggregateId;
use async_trait::async_trait;

pub use self::rebuild::{SqliteRebuild, SwapOutcome};
use self::table::EntityTable;
use crate::Database;
use crate::database::Failure;

/// The name of this store in errors.
const RESOURCE: &str = "read model";

#[derive(Clone)]
pub struct SqliteReadModel {
    /// Its readers find single entities.
    database: Database,
    /// Its readers run lists and counts, which may take long.
    searches: Database,
}

/// The tables were created from other definitions, so a rebuild is needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the read model was created from other definitions of {}: run `annals rebuild`", types.join(", "))]
pub struct OutdatedReadModel {
    pub types: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenReadModelError {
    #[error(transparent)]
    Outdated(#[from] OutdatedReadModel),
    #[error("the read model cannot be opened")]
    Port(#[from] PortError),
}

impl SqliteReadModel {
    /// Creates the tables that are missing. An error if entities are in tables of other definitions.
    pub async fn open(database: Database, catalog: &Catalog) -> Result<Self, OpenReadModelError> {
        let definitions = catalog.definitions().to_vec();
        let types =
            database.write(RESOURCE, move |transaction| open::match_definitions(transaction, &definitions)).await?;
        Self::unless_outdated(database, types)
    }

    /// The same for a file that cannot be written: a missing table is an error too.
    pub async fn open_read_only(database: Database, catalog: &Catalog) -> Result<Self, OpenReadModelError> {
        let definitions = catalog.definitions().to_vec();
        let types =
            database.read(RESOURCE, move |transaction| open::unmatched_types(transaction, &definitions)).await?;
        Self::unless_outdated(database, types)
    }

    fn unless_outdated(database: Database, types: Vec<String>) -> Result<Self, OpenReadModelError> {
        if types.is_empty() {
            Ok(Self { searches: database.clone(), database })
        } else {
            Err(OutdatedReadModel { types }.into())
        }
    }

    /// The same read model, with lists and counts on the readers of `searches`, and all else on those of `database`.
    #[must_use]
    pub fn read_by(&self, database: Database, searches: Database) -> Self {
        Self { database, searches }
    }
}

/// The current tables of a schema; an error if another definition has replaced them.
fn current_table(transaction: &rusqlite::Transaction<'_>, schema: &EntitySchema) -> Result<EntityTable, Failure> {
    let (name, digest) = EntityTable::registration(schema);
    match EntityTable::current(transaction, name)? {
        Some((table, created_from)) if created_from == digest => Ok(table),
        _ => {
            let outdated = OutdatedReadModel { types: vec![name.to_owned()] };
            let message = format!("{outdated}, then restart this process");
            Err(Failure::Stated(PortErrorKind::Misconfigured, message))
        }
    }
}

#[async_trait]
impl ReadModel for SqliteReadModel {
    async fn index(&self, documents: Vec<Document>) -> Result<Vec<IndexOutcome>, PortError> {
        if documents.is_empty() {
            return Ok(Vec::new());
        }
        self.database
            .write_derived(RESOURCE, move |transaction| index::index(transaction, &documents, current_table))
            .await
    }

    async fn get(&self, schema: &EntitySchema, id: AggregateId) -> Result<Option<ReadDocument>, PortError> {
        let schema = schema.clone();
        self.database.read(RESOURCE, move |transaction| query::get(transaction, &schema, id)).await
    }

    async fn search(&self, query: &EntityQuery) -> Result<FoundPage, PortError> {
        let query = query.clone();
        self.searches.read(RESOURCE, move |transaction| query::search(transaction, &query)).await
    }

    async fn count(&self, query: &EntityQuery) -> Result<u64, PortError> {
        let query = query.clone();
        self.searches.read(RESOURCE, move |transaction| query::count(transaction, &query)).await
    }
}
