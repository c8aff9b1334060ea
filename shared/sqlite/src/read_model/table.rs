//! The tables of an entity type: their columns follow from its definition, and their SQL is written here.

use annals_domain::definition::{EntityDefinition, EntitySchema, Field, FieldType, SystemField};
use rusqlite::{OptionalExtension, Transaction, params};

use crate::database::Failure;

/// The type name for all entities without a definition.
pub(super) const OPEN: &str = "*";
/// The digest of the tables of [`OPEN`]: they have no definition, only this layout.
pub(super) const OPEN_DIGEST: &str = "open-1";

/// The columns that every table of entities has and that a document fills.
pub(super) const SYSTEM_COLUMNS: [&str; 11] = [
    SystemField::AggregateId.name(),
    "entity_name",
    SystemField::Provider.name(),
    "external_id",
    SystemField::Version.name(),
    SystemField::CreatedAt.name(),
    SystemField::UpdatedAt.name(),
    SystemField::IsDeleted.name(),
    SystemField::Stale.name(),
    "search_text",
    "doc",
];

/// Tables of earlier releases get this column when they are opened.
const STALE_COLUMN: &str = "stale INTEGER NOT NULL DEFAULT 0";

/// The tables of an entity type: the entities, and the full-text index over their search texts. A rebuild fills tables
/// with a new number while the current ones are in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EntityTable {
    pub(super) number: i64,
    pub(super) entities: String,
    pub(super) words: String,
}

impl EntityTable {
    /// The name and digest under which the tables of a schema are registered.
    pub(super) fn registration(schema: &EntitySchema) -> (&str, &str) {
        Self::registration_of(schema.definition().map(|definition| &**definition))
    }

    /// The same for a definition, or with `None` for all entities without one.
    pub(super) fn registration_of(definition: Option<&EntityDefinition>) -> (&str, &str) {
        definition.map_or((OPEN, OPEN_DIGEST), |definition| (definition.aggregate_type.as_str(), &*definition.digest))
    }

    /// The tables with a number. Type names are letters, digits and `_`: the loader of definitions checks it.
    pub(super) fn numbered(name: &str, number: i64) -> Self {
        let name = if name == OPEN { "open" } else { name };
        Self { number, entities: format!("entity_{name}_{number}"), words: format!("words_{name}_{number}") }
    }

    /// The current tables of a type, and the digest of the definition they were created from.
    pub(super) fn current(transaction: &Transaction<'_>, name: &str) -> Result<Option<(Self, String)>, Failure> {
        let mut statement =
            transaction.prepare_cached("SELECT number, digest FROM read_model WHERE name = ? AND state = 'current'")?;
        let found = statement.query_row([name], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?))).optional()?;
        Ok(found.map(|(number, digest)| (Self::numbered(name, number), digest)))
    }

    /// Creates the tables of a definition, or with `None` those of [`OPEN`], and registers them in a state.
    pub(super) fn create(
        transaction: &Transaction<'_>,
        definition: Option<&EntityDefinition>,
        state: &str,
    ) -> Result<Self, Failure> {
        let (name, digest) = Self::registration_of(definition);
        let mut register =
            transaction.prepare_cached("INSERT INTO read_model (name, digest, state) VALUES (?, ?, ?)")?;
        let table = Self::numbered(name, register.insert(params![name, digest, state])?);
        transaction.execute_batch(&table.create_sql(definition))?;
        Ok(table)
    }

    fn create_sql(&self, definition: Option<&EntityDefinition>) -> String {
        let Self { entities, words, .. } = self;
        let fields: String =
            definition.map(|definition| definition.fields.iter().map(column_sql).collect()).unwrap_or_default();
        // A query of an open schema reads one object of the table; a query of a definition reads all its objects.
        let (object, objects) = match definition {
            Some(_) => ("", String::new()),
            None => {
                ("entity_name, ", format!("CREATE INDEX {entities}_objects ON {entities} (entity_name, provider);"))
            }
        };
        format!(
            "CREATE TABLE {entities} (
                 row_id INTEGER PRIMARY KEY,
                 aggregate_id BLOB NOT NULL UNIQUE,
                 entity_name TEXT NOT NULL,
                 provider TEXT NOT NULL,
                 external_id TEXT NOT NULL,
                 version INTEGER NOT NULL,
                 created_at INTEGER,
                 updated_at INTEGER,
                 is_deleted INTEGER NOT NULL,
                 {STALE_COLUMN}{fields},
                 search_text TEXT NOT NULL,
                 doc TEXT NOT NULL
             ) STRICT;
             CREATE INDEX {entities}_newest ON {entities} ({object}is_deleted, created_at DESC, aggregate_id);
             {objects}
             CREATE VIRTUAL TABLE {words} USING fts5
                 (search_text, content='', contentless_delete=1, tokenize='trigram case_sensitive 1');"
        )
    }

    /// Adds the columns that the tables of earlier releases lack.
    pub(super) fn add_missing_columns(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let entities = &self.entities;
        let has_stale = "SELECT EXISTS (SELECT 1 FROM pragma_table_info(?) WHERE name = 'stale')";
        if transaction.query_row(has_stale, [entities], |row| row.get(0))? {
            return Ok(());
        }
        transaction.execute_batch(&format!("ALTER TABLE {entities} ADD COLUMN {STALE_COLUMN}"))
    }

    pub(super) fn drop(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let Self { number, entities, words } = self;
        transaction.execute_batch(&format!("DROP TABLE IF EXISTS {entities}; DROP TABLE IF EXISTS {words};"))?;
        transaction.execute("DELETE FROM read_model WHERE number = ?", [number]).map(drop)
    }

    pub(super) fn is_empty(&self, transaction: &Transaction<'_>) -> rusqlite::Result<bool> {
        let sql = format!("SELECT NOT EXISTS (SELECT 1 FROM {})", self.entities);
        transaction.query_row(&sql, [], |row| row.get(0))
    }

    pub(super) fn has_object_of(
        &self,
        transaction: &Transaction<'_>,
        definition: &EntityDefinition,
    ) -> rusqlite::Result<bool> {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {} WHERE entity_name = ? AND provider = ?)", self.entities);
        for (provider, object) in &definition.objects {
            if transaction.query_row(&sql, params![object.as_str(), provider.as_str()], |row| row.get(0))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Inserts a row: its values are in the order of [`column_names`].
    pub(super) fn insert_sql(&self, schema: &EntitySchema) -> String {
        let names = column_names(schema);
        let values = vec!["?"; names.len()].join(",");
        format!("INSERT INTO {} ({}) VALUES ({values})", self.entities, names.join(","))
    }

    /// Replaces a row: its values are in the order of [`column_names`], followed by the row id.
    pub(super) fn update_sql(&self, schema: &EntitySchema) -> String {
        let set: Vec<String> = column_names(schema).iter().map(|name| format!("{name} = ?")).collect();
        format!("UPDATE {} SET {} WHERE row_id = ?", self.entities, set.join(", "))
    }
}

/// The system columns, then the fields of the definition.
fn column_names(schema: &EntitySchema) -> Vec<String> {
    let fields = schema.definition().into_iter().flat_map(|definition| definition.fields.iter());
    SYSTEM_COLUMNS.iter().map(|name| (*name).to_owned()).chain(fields.map(|field| column(&field.name))).collect()
}

/// The column of a definition's field. The prefix prevents a clash with SQL keywords and the system columns.
pub(super) fn column(field: &str) -> String {
    format!("f_{field}")
}

fn column_sql(field: &Field) -> String {
    let sql_type = match field.field_type {
        FieldType::Id | FieldType::Reference | FieldType::String | FieldType::List | FieldType::Date => "TEXT",
        FieldType::Datetime | FieldType::Bool => "INTEGER",
        FieldType::Number | FieldType::Decimal => "REAL",
    };
    format!(",\n{} {sql_type}", column(&field.name))
}
