//! Reading documents: one by its id, or a page of a query and the number of its matches.
//!
//! A page is read row by row, up to its limits: the rows are found in an index of their order, and a document is read
//! only if it may be on the page.

use annals_application::ports::{
    Added, BoundedPage, EntityQuery, FoundPage, PageStart, QueryField, QueryValue, ReadDocument, Sort, SortPosition,
};
use annals_domain::definition::{EntitySchema, FieldType, SystemField};
use annals_domain::identity::AggregateId;
use annals_domain::timestamp::Timestamp;
use rusqlite::types::Value;
use rusqlite::{CachedStatement, Row, Transaction, params_from_iter};
use serde_json::value::RawValue;

use super::conditions::{Conditions, Sql};
use super::current_table;
use super::segments::{RowOrder, Segment};
use super::table::{EntityTable, FieldColumns};
use crate::columns::{number, unsigned, uuid, version};
use crate::database::Failure;

/// The columns of a document, in the order in which they are read.
const DOCUMENT: &str = "aggregate_id, version, doc";

pub(super) fn get(
    transaction: &Transaction<'_>,
    schema: &EntitySchema,
    id: AggregateId,
) -> Result<Option<ReadDocument>, Failure> {
    let table = current_table(transaction, schema)?;
    let mut sql = format!("SELECT {DOCUMENT} FROM {} WHERE aggregate_id = ?", table.entities);
    let mut values = vec![Value::Blob(id.uuid().as_bytes().to_vec())];
    if let EntitySchema::Open(object) = schema {
        sql.push_str(" AND entity_name = ?");
        values.push(Value::Text(object.name.as_str().to_owned()));
    }
    let mut statement = transaction.prepare_cached(&sql)?;
    statement.query_and_then(params_from_iter(values), document)?.next().transpose()
}

pub(super) fn search(transaction: &Transaction<'_>, query: &EntityQuery) -> Result<FoundPage, Failure> {
    let table = current_table(transaction, &query.schema)?;
    let conditions = Conditions::of(&table, query);
    let count = count_rows(transaction, &table, &conditions.all())?;
    let mut reader = PageReader {
        transaction,
        document: transaction.prepare_cached(&format!("SELECT {DOCUMENT} FROM {} WHERE row_id = ?", table.entities))?,
        query,
        table: &table,
        matches: conditions.for_page(transaction, &table)?,
        page: BoundedPage::new(query.limit, query.max_bytes),
        skip: if let PageStart::Offset(offset) = query.start { offset } else { 0 },
        last: None,
        ended_at: None,
    };
    for segment in RowOrder::of(query).segments(query) {
        if reader.read(&segment)? == Added::No {
            break;
        }
    }
    let PageReader { page, last, ended_at, .. } = reader;
    let last = last.map(|row_id| position(transaction, &table, query, row_id)).transpose()?;
    let (documents, end) = page.finish();
    Ok(FoundPage { documents, count, end, last, ended_at })
}

pub(super) fn count(transaction: &Transaction<'_>, query: &EntityQuery) -> Result<u64, Failure> {
    let table = current_table(transaction, &query.schema)?;
    count_rows(transaction, &table, &Conditions::of(&table, query).all())
}

fn count_rows(transaction: &Transaction<'_>, table: &EntityTable, condition: &Sql) -> Result<u64, Failure> {
    let sql = format!("SELECT count(*) FROM {} WHERE {}", table.entities, condition.text);
    let mut statement = transaction.prepare_cached(&sql)?;
    statement.query_row(params_from_iter(&condition.values), |row| Ok(unsigned(row, 0)))?
}

/// Reads the rows of a page.
struct PageReader<'a> {
    transaction: &'a Transaction<'a>,
    /// Reads the document of a row.
    document: CachedStatement<'a>,
    query: &'a EntityQuery,
    table: &'a EntityTable,
    matches: Sql,
    page: BoundedPage<ReadDocument>,
    /// The number of rows before the page.
    skip: u64,
    /// The row of the last document.
    last: Option<i64>,
    ended_at: Option<AggregateId>,
}

impl PageReader<'_> {
    /// Adds the rows of a segment.
    fn read(&mut self, segment: &Segment) -> Result<Added, Failure> {
        let condition = Sql::all_of([self.matches.clone(), segment.condition.clone()]);
        let sql = rows_sql(self.table, &condition, &segment.order);
        let limit = self.page.missing().saturating_add(1);
        let window = [limit, self.skip].map(|n| Value::Integer(number(n)));
        let mut statement = self.transaction.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(condition.values.iter().chain(&window)))?;
        let mut found = false;
        while let Some(row) = rows.next()? {
            found = true;
            if self.add(row.get(0)?)? == Added::No {
                return Ok(Added::No);
            }
        }
        let is_skipped = self.skip > 0 && !found;
        self.skip = if is_skipped {
            self.skip.saturating_sub(count_rows(self.transaction, self.table, &condition)?)
        } else {
            0
        };
        Ok(Added::Yes)
    }

    /// Adds the document of a row, if it fits.
    fn add(&mut self, row_id: i64) -> Result<Added, Failure> {
        let mut read = self.document.query_row([row_id], |row| Ok(document(row)))??;
        if let Some(fields) = &self.query.fields {
            read.json = fields.of(&read.json).map_err(Failure::unreadable)?;
        }
        let (id, bytes) = (read.aggregate_id, read.json.get().len());
        let added = self.page.add(read, bytes);
        match added {
            Added::Yes => self.last = Some(row_id),
            Added::No => self.ended_at = Some(id),
        }
        Ok(added)
    }
}

/// Finds the rows of a page: a limit and an offset follow the values of the condition.
fn rows_sql(table: &EntityTable, condition: &Sql, order: &str) -> String {
    format!("SELECT row_id FROM {} WHERE {} ORDER BY {order} LIMIT ? OFFSET ?", table.entities, condition.text)
}

fn document(row: &Row<'_>) -> Result<ReadDocument, Failure> {
    Ok(ReadDocument {
        aggregate_id: AggregateId::from_uuid(uuid(row, 0)?),
        version: version(row, 1)?,
        json: RawValue::from_string(row.get(2)?).map_err(Failure::unreadable)?,
    })
}

/// The place of a row in the order of a query.
fn position(
    transaction: &Transaction<'_>,
    table: &EntityTable,
    query: &EntityQuery,
    row_id: i64,
) -> Result<SortPosition, Failure> {
    let columns = query.sort.iter().map(|key| FieldColumns::of(&query.schema, &key.field).exact);
    let columns: Vec<String> = ["aggregate_id".to_owned()].into_iter().chain(columns).collect();
    let sql = format!("SELECT {} FROM {} WHERE row_id = ?", columns.join(", "), table.entities);
    let mut statement = transaction.prepare_cached(&sql)?;
    let mut rows = statement.query([row_id])?;
    let row = rows.next()?.ok_or_else(|| Failure::unreadable("the row of a page is gone"))?;
    let mut values = Vec::with_capacity(query.sort.len());
    for (number, Sort { field, .. }) in query.sort.iter().enumerate() {
        values.push(value(row, number + 1, field)?);
    }
    Ok(SortPosition { values, aggregate_id: AggregateId::from_uuid(uuid(row, 0)?) })
}

fn value(row: &Row<'_>, column: usize, field: &QueryField) -> Result<Option<QueryValue>, Failure> {
    if matches!(field, QueryField::System(SystemField::AggregateId)) {
        return Ok(Some(QueryValue::Text(uuid(row, column)?.to_string())));
    }
    Ok(match field.field_type() {
        FieldType::Id | FieldType::Reference | FieldType::String | FieldType::List => {
            row.get::<_, Option<String>>(column)?.map(QueryValue::Text)
        }
        FieldType::Datetime => {
            let millis: Option<i64> = row.get(column)?;
            let timestamp = millis.map(Timestamp::from_millis).transpose().map_err(Failure::unreadable)?;
            timestamp.map(QueryValue::Timestamp)
        }
        FieldType::Date => row.get::<_, Option<String>>(column)?.map(QueryValue::Date),
        FieldType::Bool => row.get::<_, Option<bool>>(column)?.map(QueryValue::Bool),
        FieldType::Number | FieldType::Decimal => row.get::<_, Option<f64>>(column)?.map(QueryValue::Number),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use annals_application::contract::samples::{catalog, schema, text, thing};
    use annals_application::ports::{Condition, Filter, ReadModel, SortOrder};

    use super::*;
    use crate::{Database, SqliteReadModel};

    /// The steps of SQLite's plans for the count and the rows of a query that read a table or sort.
    fn plans(transaction: &Transaction<'_>, query: &EntityQuery) -> Result<Vec<String>, Failure> {
        let table = current_table(transaction, &query.schema)?;
        let conditions = Conditions::of(&table, query);
        let all = conditions.all();
        let count = format!("SELECT count(*) FROM {} WHERE {}", table.entities, all.text);
        let mut statements = vec![(count, all.values)];
        let matches = conditions.for_page(transaction, &table)?;
        for segment in RowOrder::of(query).segments(query) {
            let condition = Sql::all_of([matches.clone(), segment.condition.clone()]);
            let sql = rows_sql(&table, &condition, &segment.order);
            let window = [Value::Integer(20), Value::Integer(0)];
            statements.push((sql, condition.values.into_iter().chain(window).collect()));
        }
        let mut steps = Vec::new();
        for (sql, values) in statements {
            let mut plan = transaction.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let details = plan.query_map(params_from_iter(values), |row| row.get::<_, String>(3))?;
            for detail in details {
                steps.push(format!("{} in {sql}", detail?));
            }
        }
        Ok(steps)
    }

    async fn plans_of(database: &Database, query: EntityQuery) -> Vec<String> {
        database.read("test", move |transaction| plans(transaction, &query)).await.unwrap()
    }

    async fn filled(folder: &Path) -> Database {
        let database = Database::open(&folder.join("annals.db")).unwrap();
        let model = SqliteReadModel::open(database.clone(), &catalog()).await.unwrap();
        model.index((0..50).map(|n| thing(&n.to_string(), vec![("order", text("same"))])).collect()).await.unwrap();
        database
    }

    /// By every field that a list is sorted by, from the first page and from a place, with and without what is deleted.
    fn queries(schema: &EntitySchema) -> Vec<EntityQuery> {
        let mut queries = Vec::new();
        let id = AggregateId::from_uuid(uuid::Uuid::nil());
        let fields = QueryField::all(schema).into_iter().filter(|field| field.field_type() != FieldType::List);
        for field in fields {
            let value = match field.field_type() {
                FieldType::Datetime => QueryValue::Timestamp(Timestamp::from_millis(0).unwrap()),
                FieldType::Date => QueryValue::Date("2024-02-29".to_owned()),
                FieldType::Bool => QueryValue::Bool(true),
                FieldType::Number | FieldType::Decimal => QueryValue::Number(1.0),
                _ => QueryValue::Text("same".to_owned()),
            };
            for order in [SortOrder::Ascending, SortOrder::Descending] {
                for include_deleted in [true, false] {
                    let null = FieldColumns::of(schema, &field).can_be_null.then_some(None);
                    for value in [None, Some(Some(value.clone()))].into_iter().chain(null.map(Some)) {
                        let start = value.map_or(PageStart::Offset(0), |value| {
                            PageStart::After(SortPosition { values: vec![value], aggregate_id: id })
                        });
                        let sort = vec![Sort { field: field.clone(), order }];
                        let first = EntityQuery::first(schema.clone(), 20);
                        queries.push(EntityQuery { sort, include_deleted, start, ..first });
                    }
                }
            }
        }
        queries
    }

    #[tokio::test]
    async fn no_list_scans_the_table() {
        let folder = tempfile::tempdir().unwrap();
        let database = filled(folder.path()).await;
        for schema in [schema("Thing__c"), schema("Zeta__c")] {
            let queries = queries(&schema);
            assert!(queries.len() > 60, "{} queries", queries.len());
            for query in queries {
                let steps = plans_of(&database, query).await;
                let scan = steps.iter().find(|step| step.starts_with("SCAN") && !step.contains(" USING "));
                assert_eq!(scan, None);
                let reads = steps.iter().filter(|step| step.contains("entity_") && step.contains(" USING "));
                let not_covered: Vec<_> = reads.filter(|step| !step.contains("COVERING INDEX")).collect();
                assert!(not_covered.is_empty(), "the rows are found in indices alone: {not_covered:?}");
                let sorts = steps.iter().find(|step| step.starts_with("USE TEMP B-TREE FOR ORDER BY"));
                assert_eq!(sorts, None, "at most the last terms, which are ties, are sorted");
            }
        }
    }

    #[tokio::test]
    async fn a_rare_value_is_found_by_its_index_and_a_frequent_one_in_the_order_of_the_page() {
        let folder = tempfile::tempdir().unwrap();
        let database = filled(folder.path()).await;
        let schema = schema("Thing__c");
        let field = |name: &str| QueryField::of(&schema, name).unwrap();
        let equals = |text: &str| Filter {
            field: field("order"),
            condition: Condition::Equals(QueryValue::Text(text.to_owned())),
        };
        let query = |text: &str| EntityQuery {
            filters: vec![equals(text)],
            sort: vec![Sort { field: field("created_at"), order: SortOrder::Descending }],
            ..EntityQuery::first(schema.clone(), 20)
        };
        let rows = |steps: Vec<String>| steps.into_iter().filter(|step| step.contains("ORDER BY")).collect::<String>();
        assert!(rows(plans_of(&database, query("other")).await).contains("_by_k_order"));
        let model = SqliteReadModel::open(database.clone(), &catalog()).await.unwrap();
        let many = (0..1_001).map(|n| thing(&format!("more {n}"), vec![("order", text("same"))]));
        model.index(many.collect()).await.unwrap();
        let frequent = rows(plans_of(&database, query("same")).await);
        assert!(frequent.contains("_by_created_at") && !frequent.contains("_by_k_order"), "{frequent}");
    }
}
