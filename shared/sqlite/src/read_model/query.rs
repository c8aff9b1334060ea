//! Reading documents: one statement for each query.

use annals_application::ports::{Condition, EntityQuery, Filter, QueryValue, ReadDocument};
use annals_domain::definition::{EntitySchema, FieldType, SystemField};
use annals_domain::identity::AggregateId;
use rusqlite::types::Value;
use rusqlite::{Row, Transaction, params_from_iter};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::current_table;
use super::index::compared;
use super::table::{EntityTable, column};
use crate::columns::{number, unsigned, uuid, version};
use crate::database::Failure;

/// The shortest word that an index of trigrams can find.
const TRIGRAM_LENGTH: usize = 3;

/// The condition of a statement, and the values of its parameters.
struct SqlCondition {
    sql: String,
    values: Vec<Value>,
}

pub(super) fn get(
    transaction: &Transaction<'_>,
    schema: &EntitySchema,
    id: AggregateId,
) -> Result<Option<ReadDocument>, Failure> {
    let table = current_table(transaction, schema)?;
    let mut sql = format!("SELECT aggregate_id, version, doc FROM {} WHERE aggregate_id = ?", table.entities);
    let mut values = vec![Value::Blob(id.uuid().as_bytes().to_vec())];
    if let EntitySchema::Open(object) = schema {
        sql.push_str(" AND entity_name = ?");
        values.push(Value::Text(object.name.as_str().to_owned()));
    }
    let mut statement = transaction.prepare_cached(&sql)?;
    statement.query_and_then(params_from_iter(values), document)?.next().transpose()
}

pub(super) fn search(transaction: &Transaction<'_>, query: &EntityQuery) -> Result<Vec<ReadDocument>, Failure> {
    let table = current_table(transaction, &query.schema)?;
    let SqlCondition { sql, mut values } = condition(&table, query)?;
    let order = order(query)?;
    let sql = format!(
        "SELECT aggregate_id, version, doc FROM {} WHERE {sql} ORDER BY {order} LIMIT ? OFFSET ?",
        table.entities
    );
    values.extend([query.limit, query.offset].map(|n| Value::Integer(number(n))));
    let mut statement = transaction.prepare_cached(&sql)?;
    statement.query_and_then(params_from_iter(values), document)?.collect()
}

pub(super) fn count(transaction: &Transaction<'_>, query: &EntityQuery) -> Result<u64, Failure> {
    let table = current_table(transaction, &query.schema)?;
    let SqlCondition { sql, values } = condition(&table, query)?;
    let mut statement = transaction.prepare_cached(&format!("SELECT count(*) FROM {} WHERE {sql}", table.entities))?;
    statement.query_row(params_from_iter(values), |row| Ok(unsigned(row, 0)))?
}

fn document(row: &Row<'_>) -> Result<ReadDocument, Failure> {
    Ok(ReadDocument {
        aggregate_id: AggregateId::from_uuid(uuid(row, 0)?),
        version: version(row, 1)?,
        json: RawValue::from_string(row.get(2)?).map_err(Failure::unreadable)?,
    })
}

fn condition(table: &EntityTable, query: &EntityQuery) -> Result<SqlCondition, Failure> {
    let object = match &query.schema {
        EntitySchema::Defined(_) => None,
        EntitySchema::Open(object) => Some(object.name.as_str().to_owned()),
    };
    let mut parts = Vec::new();
    let mut values = Vec::new();
    if let Some(object) = object {
        parts.push("entity_name = ?".to_owned());
        values.push(Value::Text(object));
    }
    if !query.include_deleted {
        parts.push("is_deleted = 0".to_owned());
    }
    for filter in &query.filters {
        let (sql, value) = equals(&query.schema, filter)?;
        parts.push(sql);
        values.push(value);
    }
    for word in &query.words {
        // FTS5 reads its query as a C string, which ends at the first NUL.
        if word.chars().count() >= TRIGRAM_LENGTH && !word.contains('\0') {
            parts.push(format!("row_id IN (SELECT rowid FROM {} WHERE search_text MATCH ?)", table.words));
            // In a quoted phrase only the quote itself is syntax.
            values.push(Value::Text(format!("\"{}\"", word.replace('"', "\"\""))));
        }
        // Trigrams also match texts in which the word does not occur; the text itself decides.
        parts.push("instr(search_text, ?) > 0".to_owned());
        values.push(Value::Text(word.clone()));
    }
    Ok(SqlCondition { sql: all_of(&parts), values })
}

/// The conjunction of all parts, in groups: SQLite limits the depth of an expression, and every part of a plain chain
/// adds one level.
fn all_of(parts: &[String]) -> String {
    const GROUP: usize = 100;
    let groups: Vec<String> = parts.chunks(GROUP).map(|group| format!("({})", group.join(" AND "))).collect();
    if groups.is_empty() { "1".to_owned() } else { groups.join(" AND ") }
}

fn equals(schema: &EntitySchema, filter: &Filter) -> Result<(String, Value), Failure> {
    let Condition::Equals(value) = &filter.condition;
    let (column, field_type) = column_of(schema, &filter.field)?;
    let bound = match value {
        QueryValue::Text(text) if &*filter.field == SystemField::AggregateId.name() => {
            // A text that is not a UUID matches no record.
            Value::Blob(Uuid::parse_str(text).map(|uuid| uuid.as_bytes().to_vec()).unwrap_or_default())
        }
        QueryValue::Text(text) => Value::Text(compared(text).to_owned()),
        QueryValue::Timestamp(timestamp) => Value::Integer(timestamp.millis()),
        QueryValue::Date(date) => Value::Text(date.clone()),
        QueryValue::Bool(value) => Value::Integer(i64::from(*value)),
        QueryValue::Number(number) => Value::Real(*number),
    };
    let sql = match field_type {
        Some(FieldType::List) => format!("EXISTS (SELECT 1 FROM json_each({column}) WHERE value = ?)"),
        _ => format!("{column} = ?"),
    };
    Ok((sql, bound))
}

fn column_of(schema: &EntitySchema, field: &str) -> Result<(String, Option<FieldType>), Failure> {
    let defined = schema.definition().and_then(|definition| definition.field(field));
    match (SystemField::named(field), defined) {
        (Some(SystemField::Id), None) => Ok(("external_id".to_owned(), Some(FieldType::Id))),
        (Some(system), _) if system != SystemField::Id && system.query_type().is_some() => Ok((field.to_owned(), None)),
        (_, Some(defined)) => Ok((column(field), Some(defined.field_type))),
        _ => Err(Failure::rejected(format!("unknown field `{field}`"))),
    }
}

fn order(query: &EntityQuery) -> Result<String, Failure> {
    let mut keys = Vec::new();
    for key in &query.sort {
        let (column, field_type) = column_of(&query.schema, &key.field)?;
        let direction = if key.descending { "DESC" } else { "ASC" };
        if field_type.is_some_and(FieldType::is_text) {
            keys.push(format!("fold({column}) {direction} NULLS LAST"));
        }
        keys.push(format!("{column} {direction} NULLS LAST"));
    }
    keys.push("aggregate_id ASC".to_owned());
    Ok(keys.join(", "))
}
