//! The read model in SQLite: entities in columns that follow from their definitions, words in FTS5.
//!
//! Promises what the port promises, and that one call's documents are one transaction. The tables
//! are numbered: a rebuild fills fresh ones while these serve.

mod fit;
mod index;
mod query;
mod rebuild;
mod table;

use annals_application::ports::{
    Document, EntityQuery, IndexOutcome, PortError, PortErrorKind, ReadDocument, ReadModel,
};
use annals_domain::definition::{Catalog, EntitySchema};
use annals_domain::identity::AggregateId;
use async_trait::async_trait;

pub use self::rebuild::{Finish, Rebuild};
use self::table::{Table, current, registered_as};
use crate::Database;
use crate::database::Failure;

/// What errors name.
const RESOURCE: &str = "read model";

/// The entities' tables.
#[derive(Clone)]
pub struct SqliteReadModel {
    database: Database,
}

/// Tables that were made from other definitions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the read model was made from other definitions of {}: run `annals rebuild`", types.join(", "))]
pub struct OutdatedReadModel {
    /// The entity types.
    pub types: Vec<String>,
}

/// Why the read model does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenReadModelError {
    /// It was made from other definitions.
    #[error(transparent)]
    Outdated(#[from] OutdatedReadModel),
    /// The database failed.
    #[error("the read model cannot be opened")]
    Port(#[from] PortError),
}

impl SqliteReadModel {
    /// Makes the tables that are missing; refuses where entities are in tables of other definitions.
    pub async fn open(database: Database, catalog: &Catalog) -> Result<Self, OpenReadModelError> {
        let definitions = catalog.definitions().to_vec();
        let types = database.write(RESOURCE, move |transaction| fit::fit(transaction, &definitions)).await?;
        if types.is_empty() { Ok(Self { database }) } else { Err(OutdatedReadModel { types }.into()) }
    }
}

/// The tables that serve a schema; an error where they are of another definition by now.
fn serving(transaction: &rusqlite::Transaction<'_>, schema: &EntitySchema) -> Result<Table, Failure> {
    let (name, digest) = registered_as(schema);
    match current(transaction, name)? {
        Some((table, made_from)) if made_from == digest => Ok(table),
        _ => {
            let outdated = OutdatedReadModel { types: vec![name.to_owned()] };
            let message = format!("{outdated}, then start this process again");
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
        self.database.write_derived(RESOURCE, move |transaction| index::index(transaction, &documents, serving)).await
    }

    async fn get(&self, schema: &EntitySchema, id: AggregateId) -> Result<Option<ReadDocument>, PortError> {
        let schema = schema.clone();
        self.database.read(RESOURCE, move |transaction| query::get(transaction, &schema, id)).await
    }

    async fn search(&self, query: &EntityQuery) -> Result<Vec<ReadDocument>, PortError> {
        let query = query.clone();
        self.database.read(RESOURCE, move |transaction| query::search(transaction, &query)).await
    }

    async fn count(&self, query: &EntityQuery) -> Result<u64, PortError> {
        let query = query.clone();
        self.database.read(RESOURCE, move |transaction| query::count(transaction, &query)).await
    }
}
