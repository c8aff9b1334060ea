//! The objects of which records are known.

use annals_application::ports::{ObjectRegistry, PortError};
use annals_domain::identity::{EntityName, Provider};
use async_trait::async_trait;
use rusqlite::Row;

use super::SqliteStateStore;
use crate::columns::{provider, text};
use crate::database::Failure;

#[async_trait]
impl ObjectRegistry for SqliteStateStore {
    async fn register(&self, objects: &[(Provider, EntityName)]) -> Result<(), PortError> {
        let objects = objects.to_vec();
        let register = move |transaction: &rusqlite::Transaction<'_>| {
            let mut statement =
                transaction.prepare_cached("INSERT OR IGNORE INTO object (provider, entity_name) VALUES (?, ?)")?;
            for (provider, name) in &objects {
                statement.execute([provider.as_str(), name.as_str()])?;
            }
            Ok(())
        };
        self.database.write_derived("object", register).await
    }

    async fn registered(&self) -> Result<Vec<(Provider, EntityName)>, PortError> {
        let read = |transaction: &rusqlite::Transaction<'_>| {
            let sql = "SELECT provider, entity_name FROM object ORDER BY provider, entity_name";
            let object =
                |row: &Row<'_>| -> Result<_, Failure> { Ok((provider(row, 0)?, EntityName::new(text(row, 1)?))) };
            transaction.prepare_cached(sql)?.query_and_then([], object)?.collect()
        };
        self.database.read("object", read).await
    }
}
