//! The tables of an entity type: their columns follow from its definition, and their SQL is written here.

use annals_application::ports::QueryField;
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

/// The folded ids of objects without a definition.
const FOLDED_ID: &str = "k_external_id";
/// The columns whose index begins with the greatest value.
const TIMES: [&str; 2] = [SystemField::CreatedAt.name(), SystemField::UpdatedAt.name()];

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

    /// Whether these are the tables of [`OPEN`].
    pub(super) fn is_open(&self) -> bool {
        self.entities.starts_with("entity_open_")
    }

    fn create_sql(&self, definition: Option<&EntityDefinition>) -> String {
        let Self { entities, words, .. } = self;
        let fields: String =
            definition.map(|definition| definition.fields.iter().map(column_sql).collect()).unwrap_or_default();
        let folded: String = folded_columns(definition).iter().map(|(folded, _)| format!(",\n{folded} TEXT")).collect();
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
                 {STALE_COLUMN}{fields}{folded},
                 search_text TEXT NOT NULL,
                 doc TEXT NOT NULL
             ) STRICT;
             {}
             CREATE VIRTUAL TABLE {words} USING fts5
                 (search_text, content='', contentless_delete=1, tokenize='trigram case_sensitive 1');",
            self.indices_sql(definition)
        )
    }

    /// An index for each field that lists are sorted by. It has every column that decides which rows are on a page, so
    /// that the table is read only for these.
    fn indices_sql(&self, definition: Option<&EntityDefinition>) -> String {
        let Self { entities, .. } = self;
        let mut sql = String::new();
        // A query of an open schema reads one object of the table; a query of a definition reads all its objects.
        let object = if definition.is_none() { "entity_name, " } else { "" };
        if definition.is_none() {
            sql.push_str(&format!(
                "CREATE INDEX IF NOT EXISTS {entities}_objects ON {entities} (entity_name, provider);"
            ));
        }
        for keys in index_keys(definition) {
            let (name, columns) = (&keys[0], keys.join(", "));
            // Times are mostly sorted newest first, and an index has ties in one order only.
            let order = if TIMES.contains(&&**name) { " DESC" } else { "" };
            sql.push_str(&format!(
                "CREATE INDEX IF NOT EXISTS {entities}_by_{name} ON {entities} ({object}{columns}{order}, aggregate_id, is_deleted);"
            ));
        }
        sql.push_str(&format!(
            "CREATE INDEX IF NOT EXISTS {entities}_ids ON {entities} ({object}aggregate_id, is_deleted);"
        ));
        sql
    }

    /// Adds the columns and indices that the tables of earlier releases lack.
    pub(super) fn complete(
        &self,
        transaction: &Transaction<'_>,
        definition: Option<&EntityDefinition>,
    ) -> rusqlite::Result<()> {
        let entities = &self.entities;
        let mut statement = transaction.prepare("SELECT name FROM pragma_table_info(?)")?;
        let columns: Vec<String> =
            statement.query_map([entities], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let is_missing = |name: &str| !columns.iter().any(|column| column == name);
        let mut sql = format!("DROP INDEX IF EXISTS {entities}_newest;");
        if is_missing(SystemField::Stale.name()) {
            sql.push_str(&format!("ALTER TABLE {entities} ADD COLUMN {STALE_COLUMN};"));
        }
        let missing: Vec<(String, String)> =
            folded_columns(definition).into_iter().filter(|(folded, _)| is_missing(folded)).collect();
        for (folded, _) in &missing {
            sql.push_str(&format!("ALTER TABLE {entities} ADD COLUMN {folded} TEXT;"));
        }
        if !missing.is_empty() {
            let set: Vec<String> =
                missing.iter().map(|(folded, exact)| format!("{folded} = folded({exact})")).collect();
            sql.push_str(&format!("UPDATE {entities} SET {};", set.join(", ")));
        }
        sql.push_str(&self.indices_sql(definition));
        transaction.execute_batch(&sql)
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

    /// Inserts a row: its values are in the order of the columns.
    pub(super) fn insert_sql(&self, columns: &[String]) -> String {
        let values = vec!["?"; columns.len()].join(",");
        format!("INSERT INTO {} ({}) VALUES ({values})", self.entities, columns.join(","))
    }

    /// Replaces some columns of a row, which is found by its row id after their values.
    pub(super) fn update_sql(&self, columns: &[&str]) -> String {
        let set: Vec<String> = columns.iter().map(|name| format!("{name} = ?")).collect();
        format!("UPDATE {} SET {} WHERE row_id = ?", self.entities, set.join(", "))
    }
}

/// The columns of a schema's table that a document fills: the system columns, the fields of the definition, and their
/// folded texts.
pub(super) fn column_names(schema: &EntitySchema) -> Vec<String> {
    let definition = schema.definition().map(|definition| &**definition);
    let fields = definition.into_iter().flat_map(|definition| definition.fields.iter());
    let folded = folded_columns(definition).into_iter().map(|(folded, _)| folded);
    let system = SYSTEM_COLUMNS.iter().map(|name| (*name).to_owned());
    system.chain(fields.map(|field| column(&field.name))).chain(folded).collect()
}

/// The columns with folded texts, in the order of the fields, each with the column of its text.
fn folded_columns(definition: Option<&EntityDefinition>) -> Vec<(String, String)> {
    let Some(definition) = definition else { return vec![(FOLDED_ID.to_owned(), "external_id".to_owned())] };
    let texts = definition.fields.iter().filter(|field| field.field_type.is_text());
    texts.map(|field| (folded_column(&field.name), column(&field.name))).collect()
}

/// The columns of each index, but for those that all have.
fn index_keys(definition: Option<&EntityDefinition>) -> Vec<Vec<String>> {
    let system = [
        SystemField::Provider,
        SystemField::Version,
        SystemField::CreatedAt,
        SystemField::UpdatedAt,
        SystemField::IsDeleted,
        SystemField::Stale,
    ];
    let mut keys: Vec<Vec<String>> = system.iter().map(|field| vec![field.name().to_owned()]).collect();
    match definition {
        None => keys.push(vec![FOLDED_ID.to_owned(), "external_id".to_owned()]),
        Some(definition) => {
            let sortable = definition.fields.iter().filter(|field| field.field_type != FieldType::List);
            // The system's column of that name is sorted by.
            let sortable = sortable.filter(|field| &*field.name != SystemField::IsDeleted.name());
            keys.extend(sortable.map(|field| match field.field_type.is_text() {
                true => vec![folded_column(&field.name), column(&field.name)],
                false => vec![column(&field.name)],
            }));
        }
    }
    keys
}

/// The columns that hold the values of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FieldColumns {
    /// The values as they are compared.
    pub(super) exact: String,
    /// The folded texts, which are sorted before the exact ones. Texts of system fields are folded as they are.
    pub(super) folded: Option<String>,
    pub(super) can_be_null: bool,
}

impl FieldColumns {
    pub(super) fn of(schema: &EntitySchema, field: &QueryField) -> Self {
        match field {
            QueryField::System(system) => {
                let can_be_null = matches!(system, SystemField::CreatedAt | SystemField::UpdatedAt);
                Self { exact: system.name().to_owned(), folded: None, can_be_null }
            }
            // The id of an object without a definition.
            QueryField::Mapped(..) if schema.definition().is_none() => {
                Self { exact: "external_id".to_owned(), folded: Some(FOLDED_ID.to_owned()), can_be_null: false }
            }
            QueryField::Mapped(name, field_type) => {
                let folded = field_type.is_text().then(|| folded_column(name));
                Self { exact: column(name), folded, can_be_null: true }
            }
        }
    }
}

/// The column of a definition's field. The prefix prevents a clash with SQL keywords and the system columns.
pub(super) fn column(field: &str) -> String {
    format!("f_{field}")
}

/// The column of a text field's folded values.
fn folded_column(field: &str) -> String {
    format!("k_{field}")
}

fn column_sql(field: &Field) -> String {
    let sql_type = match field.field_type {
        FieldType::Id | FieldType::Reference | FieldType::String | FieldType::List | FieldType::Date => "TEXT",
        FieldType::Datetime | FieldType::Bool => "INTEGER",
        FieldType::Number | FieldType::Decimal => "REAL",
    };
    format!(",\n{} {sql_type}", column(&field.name))
}
