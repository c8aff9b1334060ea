//! The tables of one schema: their columns follow from the definition.

use annals_domain::definition::{EntityDefinition, EntitySchema, FieldType};
use rusqlite::{OptionalExtension, Transaction, params};

use crate::database::Failure;

/// The name under which entities without a definition are kept together.
pub(super) const OPEN: &str = "*";
/// The digest of the open tables: they have no definition, only this layout.
pub(super) const OPEN_DIGEST: &str = "open-1";

/// One schema's tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) entities: String,
    pub(super) words: String,
}

/// The name and digest under which a schema's tables are registered.
pub(super) fn registered_as(schema: &EntitySchema) -> (&str, &str) {
    match schema {
        EntitySchema::Defined(definition) => (definition.aggregate_type.as_str(), definition.digest.as_str()),
        EntitySchema::Open(_) => (OPEN, OPEN_DIGEST),
    }
}

impl Table {
    /// The tables of that number. Names are letters, digits and `_`, as the definitions' loader has it.
    pub(super) fn numbered(name: &str, number: i64) -> Self {
        let name = if name == OPEN { "open" } else { name };
        Self { entities: format!("entity_{name}_{number}"), words: format!("words_{name}_{number}") }
    }

    /// Makes the tables.
    pub(super) fn create(
        &self,
        transaction: &Transaction<'_>,
        definition: Option<&EntityDefinition>,
    ) -> rusqlite::Result<()> {
        let Self { entities, words } = self;
        let fields: String = definition.map(columns).unwrap_or_default();
        // A query of an open schema is of one object, one of a definition's is of all its objects.
        let (object, objects) = match definition {
            Some(_) => ("", String::new()),
            None => {
                ("entity_name, ", format!("CREATE INDEX {entities}_objects ON {entities} (entity_name, provider);"))
            }
        };
        transaction.execute_batch(&format!(
            "CREATE TABLE {entities} (
                 row_id INTEGER PRIMARY KEY,
                 aggregate_id BLOB NOT NULL UNIQUE,
                 entity_name TEXT NOT NULL,
                 provider TEXT NOT NULL,
                 external_id TEXT NOT NULL,
                 version INTEGER NOT NULL,
                 created_at INTEGER,
                 updated_at INTEGER,
                 is_deleted INTEGER NOT NULL{fields},
                 search_text TEXT NOT NULL,
                 doc TEXT NOT NULL
             ) STRICT;
             CREATE INDEX {entities}_newest ON {entities} ({object}is_deleted, created_at DESC, aggregate_id);
             {objects}
             CREATE VIRTUAL TABLE {words} USING fts5
                 (search_text, content='', contentless_delete=1, tokenize='trigram case_sensitive 1');"
        ))
    }

    /// Removes the tables.
    pub(super) fn drop(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction
            .execute_batch(&format!("DROP TABLE IF EXISTS {}; DROP TABLE IF EXISTS {};", self.entities, self.words))
    }
}

/// The column of a definition's field. The prefix keeps it apart from SQL's words and our own.
pub(super) fn column(field: &str) -> String {
    format!("f_{field}")
}

fn columns(definition: &EntityDefinition) -> String {
    let column = |field: &annals_domain::definition::Field| {
        let sql_type = match field.field_type {
            FieldType::Id | FieldType::Reference | FieldType::String | FieldType::List | FieldType::Date => "TEXT",
            FieldType::Datetime | FieldType::Bool => "INTEGER",
            FieldType::Number | FieldType::Decimal => "REAL",
        };
        format!(",\n{} {sql_type}", column(&field.name))
    };
    definition.fields.iter().map(column).collect()
}

/// The current tables of a name, with the digest they were made from.
pub(super) fn current(transaction: &Transaction<'_>, name: &str) -> Result<Option<(Table, String)>, Failure> {
    let mut statement =
        transaction.prepare_cached("SELECT number, digest FROM read_model WHERE name = ? AND state = 'current'")?;
    let found = statement.query_row([name], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?))).optional()?;
    Ok(found.map(|(number, digest)| (Table::numbered(name, number), digest)))
}

/// Registers and makes fresh tables of a schema.
pub(super) fn make(
    transaction: &Transaction<'_>,
    name: &str,
    digest: &str,
    definition: Option<&EntityDefinition>,
    state: &str,
) -> Result<(i64, Table), Failure> {
    transaction
        .execute("INSERT INTO read_model (name, digest, state) VALUES (?, ?, ?)", params![name, digest, state])?;
    let number = transaction.last_insert_rowid();
    let table = Table::numbered(name, number);
    table.create(transaction, definition)?;
    Ok((number, table))
}
