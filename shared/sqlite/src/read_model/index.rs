//! Writing documents: a row for each, and its entry in the full-text index only if the search text changed.

use annals_application::ports::{Document, IndexOutcome};
use annals_domain::definition::{EntitySchema, FieldType};
use annals_domain::entity::FieldValue;
use annals_domain::timestamp::Timestamp;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{CachedStatement, OptionalExtension, Transaction, params, params_from_iter};

use super::table::{EntityTable, SYSTEM_COLUMNS};
use crate::columns::number;
use crate::database::Failure;

/// Texts are filtered and sorted by this many characters.
const COMPARED: usize = 1_000;

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
                writers.push((schema, DocumentWriter::new(transaction, &tables(transaction, schema)?, schema)?));
                writers.len() - 1
            }
        };
        outcomes.push(writers[at].1.write(document)?);
    }
    Ok(outcomes)
}

/// The statements for one schema, prepared once a call.
struct DocumentWriter<'t> {
    find: CachedStatement<'t>,
    insert: CachedStatement<'t>,
    update: CachedStatement<'t>,
    insert_words: CachedStatement<'t>,
    delete_words: CachedStatement<'t>,
}

impl<'t> DocumentWriter<'t> {
    fn new(transaction: &'t Transaction<'_>, table: &EntityTable, schema: &EntitySchema) -> Result<Self, Failure> {
        let EntityTable { entities, words, .. } = table;
        let find = format!("SELECT row_id, version, search_text FROM {entities} WHERE aggregate_id = ?");
        let insert_words = format!("INSERT INTO {words} (rowid, search_text) VALUES (?, ?)");
        let delete_words = format!("DELETE FROM {words} WHERE rowid = ?");
        Ok(Self {
            find: transaction.prepare_cached(&find)?,
            insert: transaction.prepare_cached(&table.insert_sql(schema))?,
            update: transaction.prepare_cached(&table.update_sql(schema))?,
            insert_words: transaction.prepare_cached(&insert_words)?,
            delete_words: transaction.prepare_cached(&delete_words)?,
        })
    }

    fn write(&mut self, document: &Document) -> Result<IndexOutcome, Failure> {
        let entity = &document.entity;
        let version = number(entity.version.get());
        let stored = self.find.query_row([entity.aggregate_id.uuid().as_bytes()], |row| {
            let words = row.get_ref(2)?.as_str()?;
            Ok((row.get(0)?, row.get(1)?, !words.is_empty(), words == document.search_text))
        });
        let stored: Option<(i64, i64, bool, bool)> = stored.optional()?;
        if stored.is_some_and(|(_, stored_version, ..)| stored_version >= version) {
            return Ok(IndexOutcome::AlreadyNewer);
        }
        let mut values = match row(document) {
            Ok(values) => values,
            Err(reason) => return Ok(IndexOutcome::Refused(reason)),
        };
        let (row_id, had_words, same_words) = match stored {
            Some((row_id, _, had_words, same_words)) => {
                values.push(row_id.into());
                self.update.execute(params_from_iter(values))?;
                (row_id, had_words, same_words)
            }
            None => (self.insert.insert(params_from_iter(values))?, false, false),
        };
        if had_words && !same_words {
            self.delete_words.execute([row_id])?;
        }
        if !document.search_text.is_empty() && !same_words {
            self.insert_words.execute(params![row_id, document.search_text])?;
        }
        Ok(IndexOutcome::Indexed)
    }
}

/// The values in the order of the columns, or a message about one that is not of its column's type.
fn row(document: &Document) -> Result<Vec<ToSqlOutput<'_>>, String> {
    let (entity, definition) = (&document.entity, document.schema.definition());
    let doc = serde_json::to_string(&entity.as_json(&document.schema)).map_err(|error| error.to_string())?;
    let fields = definition.map(|definition| definition.fields.as_slice()).unwrap_or_default();
    let mut values = Vec::with_capacity(SYSTEM_COLUMNS.len() + fields.len() + 1);
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
        (FieldValue::Text(value), FieldType::Id | FieldType::Reference | FieldType::String) => text(compared(value)),
        (FieldValue::List(items), FieldType::List) => {
            let items: Vec<&str> = items.iter().map(|item| compared(item)).collect();
            serde_json::to_string(&items).ok()?.into()
        }
        (FieldValue::Timestamp(timestamp), FieldType::Datetime) => timestamp.millis().into(),
        (FieldValue::Date(date), FieldType::Date) => date.to_string().into(),
        (FieldValue::Bool(value), FieldType::Bool) => (*value).into(),
        // Numbers beyond the range of f64 compare as infinite; the document has their digits.
        (FieldValue::Number(number), FieldType::Number) => number.as_str().parse::<f64>().ok()?.into(),
        (FieldValue::Decimal(digits), FieldType::Decimal) => digits.parse::<f64>().ok()?.into(),
        _ => return None,
    })
}

/// The part of a text that is compared: its first characters.
pub(super) fn compared(text: &str) -> &str {
    text.char_indices().nth(COMPARED).map_or(text, |(end, _)| &text[..end])
}
