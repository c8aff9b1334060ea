//! What is remembered of each object of a CRM: one row an object.

use annals_application::ports::{ObjectNote, ObjectNotes, ObjectOfProvider, PortError};
use annals_domain::identity::EntityName;
use async_trait::async_trait;
use rusqlite::{Row, Transaction, params};

use super::SqliteStateStore;
use crate::columns::{json, provider, text, to_json};
use crate::database::Failure;

const TABLE: &str = "object_note";

#[async_trait]
impl ObjectNotes for SqliteStateStore {
    async fn notes(&self) -> Result<Vec<(ObjectOfProvider, ObjectNote)>, PortError> {
        let read = |transaction: &Transaction<'_>| {
            let note = |row: &Row<'_>| -> Result<_, Failure> {
                Ok(((provider(row, 0)?, EntityName::new(text(row, 1)?)), json(row, 2)?))
            };
            let sql = "SELECT provider, entity_name, note FROM object_note";
            transaction.prepare_cached(sql)?.query_and_then([], note)?.collect()
        };
        self.database.read(TABLE, read).await
    }

    async fn note(&self, object: &ObjectOfProvider) -> Result<ObjectNote, PortError> {
        let object = object.clone();
        self.database.read(TABLE, move |transaction| find(transaction, &object)).await
    }

    async fn replace_note(
        &self,
        object: &ObjectOfProvider,
        note: &ObjectNote,
        expected: &ObjectNote,
    ) -> Result<bool, PortError> {
        let (object, note, expected) = (object.clone(), note.clone(), expected.clone());
        let replace = move |transaction: &Transaction<'_>| {
            let stored = find(transaction, &object)?;
            if stored == note || stored != expected {
                return Ok(stored == note);
            }
            let sql = "INSERT OR REPLACE INTO object_note (provider, entity_name, note) VALUES (?, ?, ?)";
            let values = params![object.0.as_str(), object.1.as_str(), to_json(&note)?];
            transaction.prepare_cached(sql)?.execute(values)?;
            Ok(true)
        };
        self.database.write(TABLE, replace).await
    }
}

fn find(transaction: &Transaction<'_>, (of, name): &ObjectOfProvider) -> Result<ObjectNote, Failure> {
    let mut find = transaction.prepare_cached("SELECT note FROM object_note WHERE provider = ? AND entity_name = ?")?;
    let found = find.query_and_then(params![of.as_str(), name.as_str()], |row| json(row, 0))?.next();
    Ok(found.transpose()?.unwrap_or_default())
}
