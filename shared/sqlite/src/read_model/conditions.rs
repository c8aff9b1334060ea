//! The conditions of a query as SQL, and the one whose index finds its rows.
//!
//! Without statistics SQLite takes every equality for a rare one. So the rows of each condition that has an index are
//! counted up to a limit: the rarest condition finds the rows if it has few, otherwise the index of the order does.

use annals_application::ports::{
    Comparison, Condition, EntityQuery, Filter, QueryField, QueryValue, compared_number, compared_text, folded_text,
    prefix_end,
};
use annals_domain::definition::{EntitySchema, FieldType, SystemField};
use rusqlite::types::Value;
use rusqlite::{Transaction, params_from_iter};
use uuid::Uuid;

use super::table::{EntityTable, FieldColumns};
use super::words::trigram_query;
use crate::columns::unsigned;
use crate::database::Failure;

const NOT_DELETED: &str = "is_deleted = 0";
/// A condition with more rows than this is not rare.
const RARE: u64 = 1_000;

/// A part of a condition, with the values of its parameters.
#[derive(Debug, Clone, Default)]
pub(super) struct Sql {
    pub(super) text: String,
    pub(super) values: Vec<Value>,
}

impl Sql {
    pub(super) fn new(text: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Self {
        Self { text: text.into(), values: values.into_iter().collect() }
    }

    /// The conjunction of all parts, in groups: SQLite limits the depth of an expression, and every part of a plain
    /// chain adds one level.
    pub(super) fn all_of(parts: impl IntoIterator<Item = Self>) -> Self {
        const GROUP: usize = 100;
        let (texts, values): (Vec<String>, Vec<Vec<Value>>) =
            parts.into_iter().map(|part| (part.text, part.values)).unzip();
        let groups: Vec<String> = texts.chunks(GROUP).map(|group| format!("({})", group.join(" AND "))).collect();
        let text = if groups.is_empty() { "1".to_owned() } else { groups.join(" AND ") };
        Self { text, values: values.concat() }
    }
}

/// The conditions of a query.
pub(super) struct Conditions {
    /// Which entities the query is about.
    scope: Vec<Sql>,
    filters: Vec<FilterSql>,
    words: Vec<Sql>,
}

struct FilterSql {
    /// As an index can find it.
    indexed: Sql,
    /// As no index can.
    checked: Sql,
    /// Whether an index begins with its column.
    has_index: bool,
    /// Whether the index of the page's order begins with its column.
    is_first_in_order: bool,
}

impl Conditions {
    pub(super) fn of(table: &EntityTable, query: &EntityQuery) -> Self {
        let mut scope = Vec::new();
        if let EntitySchema::Open(object) = &query.schema {
            scope.push(Sql::new("entity_name = ?", [Value::Text(object.name.as_str().to_owned())]));
        }
        if !query.include_deleted {
            scope.push(Sql::new(NOT_DELETED, []));
        }
        let mut distinct: Vec<&Filter> = Vec::new();
        for filter in &query.filters {
            if !distinct.contains(&filter) {
                distinct.push(filter);
            }
        }
        let filters = distinct.into_iter().map(|filter| FilterSql::of(query, filter)).collect();
        let words = words_sql(table, &query.words);
        Self { scope, filters, words }
    }

    /// All conditions, as the planner likes to find them.
    pub(super) fn all(&self) -> Sql {
        let filters = self.filters.iter().map(|filter| filter.indexed.clone());
        Sql::all_of(self.scope.iter().cloned().chain(filters).chain(self.words.iter().cloned()))
    }

    /// All conditions, so that the rows of a page are found by the rarest one, or in the order of the page.
    pub(super) fn for_page(&self, transaction: &Transaction<'_>, table: &EntityTable) -> Result<Sql, Failure> {
        let rarest = self.rarest(transaction, table)?;
        let filters = self.filters.iter().enumerate().map(|(number, filter)| {
            let is_indexed = rarest == Some(number) || (rarest.is_none() && filter.is_first_in_order);
            if is_indexed { filter.indexed.clone() } else { filter.checked.clone() }
        });
        let scope = self.scope.iter().map(|part| match part.text.as_str() {
            // Almost every row: its index would find them in another order.
            NOT_DELETED => Sql::new(format!("+{NOT_DELETED}"), []),
            _ => part.clone(),
        });
        Ok(Sql::all_of(scope.chain(filters).chain(self.words.iter().cloned())))
    }

    fn rarest(&self, transaction: &Transaction<'_>, table: &EntityTable) -> Result<Option<usize>, Failure> {
        // A word finds its rows itself.
        let mut rarest = (RARE + 1, None);
        for (number, filter) in self.filters.iter().enumerate().filter(|(_, filter)| filter.has_index) {
            let object = self.scope.iter().take(usize::from(table.is_open()));
            let sql = Sql::all_of(object.cloned().chain([filter.indexed.clone()]));
            let limit = rarest.0;
            let text =
                format!("SELECT count(*) FROM (SELECT 1 FROM {} WHERE {} LIMIT {limit})", table.entities, sql.text);
            let mut statement = transaction.prepare_cached(&text)?;
            let rows: u64 = statement.query_row(params_from_iter(sql.values), |row| Ok(unsigned(row, 0)))??;
            if rows < rarest.0 {
                rarest = (rows, Some(number));
            }
        }
        Ok(rarest.1)
    }
}

impl FilterSql {
    fn of(query: &EntityQuery, filter: &Filter) -> Self {
        let columns = FieldColumns::of(&query.schema, &filter.field);
        let sql = |is_checked: bool| {
            let plain = if is_checked { format!("+{}", columns.exact) } else { columns.exact.clone() };
            let folded =
                columns.folded.as_ref().map(|folded| if is_checked { format!("+{folded}") } else { folded.clone() });
            filter_sql(filter, &plain, folded.as_deref().unwrap_or(&plain))
        };
        let is_list = filter.field.field_type() == FieldType::List;
        let is_sought = matches!(
            filter.condition,
            Condition::Equals(_) | Condition::OneOf(_) | Condition::Compares(..) | Condition::StartsWith(_)
        );
        let is_first_in_order = query.sort.first().is_some_and(|key| key.field == filter.field);
        Self { indexed: sql(false), checked: sql(true), has_index: is_sought && !is_list, is_first_in_order }
    }
}

/// A condition on a column with the values as they are, and on one with folded texts.
fn filter_sql(filter: &Filter, column: &str, folded: &str) -> Sql {
    let Filter { field, condition } = filter;
    let is_list = field.field_type() == FieldType::List;
    match condition {
        Condition::Equals(value) if is_list => element(column, "EXISTS", std::slice::from_ref(value), field),
        Condition::OneOf(values) if is_list => element(column, "EXISTS", values, field),
        Condition::Differs(value) if is_list => element(column, "NOT EXISTS", std::slice::from_ref(value), field),
        Condition::Equals(value) => one_of(column, folded, std::slice::from_ref(value), field),
        Condition::OneOf(values) => one_of(column, folded, values, field),
        Condition::Differs(value) => Sql::new(format!("{column} IS NOT ?"), [sql_value(field, value)]),
        Condition::Compares(comparison, value) => {
            let operator = match comparison {
                Comparison::Greater => ">",
                Comparison::GreaterOrEqual => ">=",
                Comparison::Less => "<",
                Comparison::LessOrEqual => "<=",
            };
            Sql::new(format!("{column} {operator} ?"), [sql_value(field, value)])
        }
        Condition::Exists(true) if is_list => Sql::new(format!("({column} IS NOT NULL AND {column} <> '[]')"), []),
        Condition::Exists(false) if is_list => Sql::new(format!("({column} IS NULL OR {column} = '[]')"), []),
        Condition::Exists(true) => Sql::new(format!("{column} IS NOT NULL"), []),
        Condition::Exists(false) => Sql::new(format!("{column} IS NULL"), []),
        Condition::Contains(text) => {
            let text = Value::Text(text.clone());
            Sql::new(format!("instr({}, ?) > 0", as_text(field, folded)), [text])
        }
        Condition::StartsWith(prefix) => {
            let folded = as_text(field, folded);
            let end = prefix_end(prefix).map(Value::Text);
            let below = if end.is_some() { format!(" AND {folded} < ?") } else { String::new() };
            Sql::new(format!("({folded} >= ?{below})"), [Value::Text(prefix.clone())].into_iter().chain(end))
        }
    }
}

/// The index of a text begins with its folded form.
fn one_of(column: &str, folded: &str, values: &[QueryValue], field: &QueryField) -> Sql {
    let marks = vec!["?"; values.len()].join(",");
    let exact = Sql::new(format!("{column} IN ({marks})"), values.iter().map(|value| sql_value(field, value)));
    if folded == column {
        return exact;
    }
    let texts = values.iter().filter_map(|value| match value {
        QueryValue::Text(text) => Some(Value::Text(folded_text(text))),
        _ => None,
    });
    Sql::all_of([Sql::new(format!("{folded} IN ({marks})"), texts), exact])
}

/// The column of an aggregate id holds bytes.
fn as_text(field: &QueryField, column: &str) -> String {
    match field {
        QueryField::System(SystemField::AggregateId) => format!("uuid_text({column})"),
        _ => column.to_owned(),
    }
}

fn element(column: &str, exists: &str, values: &[QueryValue], field: &QueryField) -> Sql {
    let marks = vec!["?"; values.len()].join(",");
    let text = format!("{exists} (SELECT 1 FROM json_each({column}) WHERE value IN ({marks}))");
    Sql::new(text, values.iter().map(|value| sql_value(field, value)))
}

/// A value as its column stores it.
pub(super) fn sql_value(field: &QueryField, value: &QueryValue) -> Value {
    match value {
        QueryValue::Text(text) if matches!(field, QueryField::System(SystemField::AggregateId)) => {
            // A text that is not a UUID matches no record.
            Value::Blob(Uuid::parse_str(text).map(|uuid| uuid.as_bytes().to_vec()).unwrap_or_default())
        }
        QueryValue::Text(text) => Value::Text(compared_text(text).to_owned()),
        QueryValue::Timestamp(timestamp) => Value::Integer(timestamp.millis()),
        QueryValue::Date(date) => Value::Text(date.clone()),
        QueryValue::Bool(value) => Value::Integer(i64::from(*value)),
        QueryValue::Number(number) => Value::Real(compared_number(*number)),
    }
}

/// The texts that may have all words, by the index of trigrams, and then those that have them.
fn words_sql(table: &EntityTable, words: &[String]) -> Vec<Sql> {
    let indexed = trigram_query(words).map(|phrases| {
        let text = format!("row_id IN (SELECT rowid FROM {} WHERE search_text MATCH ?)", table.words);
        Sql::new(text, [Value::Text(phrases)])
    });
    // Trigrams also match texts in which a word does not occur; the text itself decides.
    let checked = words.iter().map(|word| Sql::new("instr(search_text, ?) > 0", [Value::Text(word.clone())]));
    indexed.into_iter().chain(checked).collect()
}
