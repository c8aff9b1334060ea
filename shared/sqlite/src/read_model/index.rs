//! Writing documents: a row for each, and its entry in the full-text index only if the search text changed.

use annals_application::ports::{Document, IndexOutcome, compared_number, compared_text, folded_text};
use annals_domain::definition::{EntitySchema, FieldType, SystemField};
use annals_domain::entity::FieldValue;
use annals_domain::timestamp::Timestamp;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{CachedStatement, Transaction, params, params_from_iter};

use super::table::{EntityTable, SYSTEM_COLUMNS, column_names};
use crate::columns::number;
use crate::database::Failure;

/// Writes each document into the tables that `tables` finds for its schema.
pub(super) fn index(
    transaction: &Transaction<'_>,
    documents: &[Document],
    tables: impl Fn(&Transaction<'_>, &EntitySchema) -> Result<EntityTable, Failure>,
) -> Result<Vec<IndexOutcome>, Failure> {
    let mut writers: Vec<(&EntitySchema, DocumentWriter<'_>)> = Vec::new();
    let mut outcomes = Vec::with_capacity(documents.len());
    for document in documents {
        let schema = &document.schema;
        let at = match writers.iter().position(|(other, _)| *other == schema) {
            Some(at) => at,
            None => {
                writers.push((schema, DocumentWriter::new(transaction, tables(transaction, schema)?, schema)?));
                writers.len() - 1
            }
        };
        outcomes.push(writers[at].1.write(document)?);
    }
    Ok(outcomes)
}

/// Writes the documents of one schema.
struct DocumentWriter<'t> {
    transaction: &'t Transaction<'t>,
    table: EntityTable,
    columns: Vec<String>,
    find: CachedStatement<'t>,
    insert: CachedStatement<'t>,
    insert_words: CachedStatement<'t>,
    delete_words: CachedStatement<'t>,
}

/// What is stored of an entity.
struct StoredRow {
    row_id: i64,
    has_words: bool,
    has_same_words: bool,
    /// The numbers of the columns that a document changes.
    changed: Vec<usize>,
}

impl<'t> DocumentWriter<'t> {
    fn new(transaction: &'t Transaction<'t>, table: EntityTable, schema: &EntitySchema) -> Result<Self, Failure> {
        let columns = column_names(schema);
        let EntityTable { entities, words, .. } = &table;
        let find = format!("SELECT row_id, {} FROM {entities} WHERE aggregate_id = ?", columns.join(", "));
        let insert_words = format!("INSERT INTO {words} (rowid, search_text) VALUES (?, ?)");
        let delete_words = format!("DELETE FROM {words} WHERE rowid = ?");
        Ok(Self {
            find: transaction.prepare_cached(&find)?,
            insert: transaction.prepare_cached(&table.insert_sql(&columns))?,
            insert_words: transaction.prepare_cached(&insert_words)?,
            delete_words: transaction.prepare_cached(&delete_words)?,
            transaction,
            table,
            columns,
        })
    }

    fn write(&mut self, document: &Document) -> Result<IndexOutcome, Failure> {
        let values = match row(document) {
            Ok(values) => values,
            Err(reason) => return self.refuse(document, reason),
        };
        let Some(stored) = self.stored(document, &values)? else { return Ok(IndexOutcome::AlreadyNewer) };
        let (row_id, has_words, has_same_words) = match stored {
            Some(stored) => {
                self.update(&stored, &values)?;
                (stored.row_id, stored.has_words, stored.has_same_words)
            }
            None => (self.insert.insert(params_from_iter(values))?, false, false),
        };
        if has_words && !has_same_words {
            self.delete_words.execute([row_id])?;
        }
        if !document.search_text.is_empty() && !has_same_words {
            self.insert_words.execute(params![row_id, document.search_text])?;
        }
        Ok(IndexOutcome::Indexed)
    }

    /// The stored row that a document replaces, if there is one; `None` if it is not older.
    fn stored(
        &mut self,
        document: &Document,
        values: &[ToSqlOutput<'_>],
    ) -> Result<Option<Option<StoredRow>>, Failure> {
        let mut rows = self.find.query([document.entity.aggregate_id.uuid().as_bytes()])?;
        let Some(row) = rows.next()? else { return Ok(Some(None)) };
        let stored_version: i64 = row.get(SystemField::Version.name())?;
        if stored_version >= number(document.entity.version.get()) {
            return Ok(None);
        }
        let words = row.get_ref("search_text")?.as_str().map_err(Failure::unreadable)?;
        let mut changed = Vec::new();
        for (number, value) in values.iter().enumerate() {
            if !is_same(value, row.get_ref(number + 1)?) {
                changed.push(number);
            }
        }
        Ok(Some(Some(StoredRow {
            row_id: row.get(0)?,
            has_words: !words.is_empty(),
            has_same_words: words == document.search_text,
            changed,
        })))
    }

    /// Writes only what differs: each column costs the update of its indices.
    fn update(&self, stored: &StoredRow, values: &[ToSqlOutput<'_>]) -> Result<(), Failure> {
        let columns: Vec<&str> = stored.changed.iter().map(|number| self.columns[*number].as_str()).collect();
        let mut statement = self.transaction.prepare_cached(&self.table.update_sql(&columns))?;
        let row_id = ToSqlOutput::from(stored.row_id);
        let values = stored.changed.iter().map(|number| &values[*number]).chain([&row_id]);
        statement.execute(params_from_iter(values))?;
        Ok(())
    }

    /// Refuses a document, unless a newer one is stored.
    fn refuse(&mut self, document: &Document, reason: String) -> Result<IndexOutcome, Failure> {
        let is_newer = self.stored(document, &[])?.is_some();
        Ok(if is_newer { IndexOutcome::Refused(reason) } else { IndexOutcome::AlreadyNewer })
    }
}

fn is_same(value: &ToSqlOutput<'_>, stored: ValueRef<'_>) -> bool {
    match value {
        ToSqlOutput::Borrowed(value) => *value == stored,
        ToSqlOutput::Owned(value) => ValueRef::from(value) == stored,
        _ => false,
    }
}

/// The values in the order of the columns, or a message about one that is not of its column's type.
fn row(document: &Document) -> Result<Vec<ToSqlOutput<'_>>, String> {
    let (entity, definition) = (&document.entity, document.schema.definition());
    let doc = serde_json::to_string(&entity.as_json(&document.schema)).map_err(|error| error.to_string())?;
    let fields = definition.map(|definition| definition.fields.as_slice()).unwrap_or_default();
    let mut values = Vec::with_capacity(SYSTEM_COLUMNS.len() + 2 * fields.len() + 1);
    values.extend([
        ToSqlOutput::Owned(Value::Blob(entity.aggregate_id.uuid().as_bytes().to_vec())),
        text(entity.entity_name.as_str()),
        text(entity.provider.as_str()),
        text(entity.external_id.as_str()),
        number(entity.version.get()).into(),
        entity.created_at.map(Timestamp::millis).map_or(NULL, Into::into),
        entity.updated_at.map(Timestamp::millis).map_or(NULL, Into::into),
        entity.is_deleted.into(),
        entity.stale.is_some().into(),
        text(&document.search_text),
        doc.into(),
    ]);
    for field in fields {
        let value = entity.field(&field.name).map_or(Some(NULL), |value| column_value(value, field.field_type));
        values.push(value.ok_or_else(|| format!("{}: the value is not a {}", field.name, field.field_type.as_str()))?);
    }
    if definition.is_none() {
        values.push(folded_text(entity.external_id.as_str()).into());
    }
    let texts = fields.iter().filter(|field| field.field_type.is_text());
    values.extend(texts.map(|field| match entity.field(&field.name) {
        Some(FieldValue::Text(value)) => folded_text(value).into(),
        _ => NULL,
    }));
    Ok(values)
}

const NULL: ToSqlOutput<'static> = ToSqlOutput::Owned(Value::Null);

fn text(text: &str) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))
}

/// A field's value as its column stores it; `None` if it is not of the field's type.
fn column_value(value: &FieldValue, field_type: FieldType) -> Option<ToSqlOutput<'_>> {
    Some(match (value, field_type) {
        (FieldValue::Null, _) => NULL,
        (FieldValue::Text(value), FieldType::Id | FieldType::Reference | FieldType::String) => {
            text(compared_text(value))
        }
        (FieldValue::List(items), FieldType::List) => {
            let items: Vec<&str> = items.iter().map(|item| compared_text(item)).collect();
            serde_json::to_string(&items).ok()?.into()
        }
        (FieldValue::Timestamp(timestamp), FieldType::Datetime) => timestamp.millis().into(),
        (FieldValue::Date(date), FieldType::Date) => date.to_string().into(),
        (FieldValue::Bool(value), FieldType::Bool) => (*value).into(),
        // The document has their digits.
        (FieldValue::Number(number), FieldType::Number) => compared_number(number.as_str().parse().ok()?).into(),
        (FieldValue::Decimal(digits), FieldType::Decimal) => compared_number(digits.parse().ok()?).into(),
        _ => return None,
    })
}
