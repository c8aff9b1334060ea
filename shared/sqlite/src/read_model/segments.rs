//! The order of a page, in segments: each is a range of one index, and its rows come before those of the next.
//!
//! A place in the order is no range of an index as soon as the order has several keys or nulls: what comes after it is
//! what has equal keys and a greater last one, then what has equal keys but for the last, and so on, then the nulls.

use annals_application::ports::{
    EntityQuery, PageStart, QueryField, QueryValue, Sort, SortOrder, SortPosition, folded_text,
};
use annals_domain::definition::SystemField;
use rusqlite::types::Value;

use super::conditions::{Sql, sql_value};
use super::table::FieldColumns;

/// A key of the order: a column and its direction.
struct OrderTerm {
    column: String,
    is_descending: bool,
    can_be_null: bool,
}

/// The order of a query: the keys of its sort, texts folded first, then the aggregate id.
pub(super) struct RowOrder {
    terms: Vec<OrderTerm>,
    /// The terms of the first key of the sort.
    first_key: usize,
}

/// A part of the rows, in the order of the whole.
pub(super) struct Segment {
    pub(super) condition: Sql,
    pub(super) order: String,
}

impl RowOrder {
    pub(super) fn of(query: &EntityQuery) -> Self {
        let mut terms = Vec::new();
        for key in keys(query) {
            let columns = FieldColumns::of(&query.schema, &key.field);
            let is_descending = key.order == SortOrder::Descending;
            let mut can_be_null = columns.can_be_null;
            if let Some(column) = columns.folded {
                terms.push(OrderTerm { column, is_descending, can_be_null });
                // It is null where the folded one is, which comes first.
                can_be_null = false;
            }
            terms.push(OrderTerm { column: columns.exact, is_descending, can_be_null });
        }
        if !keys(query).any(is_unique) {
            let id = SystemField::AggregateId.name().to_owned();
            terms.push(OrderTerm { column: id, is_descending: false, can_be_null: false });
        }
        let first = query.sort.first().map(|key| FieldColumns::of(&query.schema, &key.field));
        let first_key = if first.is_some_and(|columns| columns.folded.is_some()) { 2 } else { 1 };
        Self { terms, first_key }
    }

    /// The segments of a page's rows.
    pub(super) fn segments(&self, query: &EntityQuery) -> Vec<Segment> {
        match &query.start {
            PageStart::Offset(_) => self.all(),
            PageStart::After(position) => self.after(&self.values(query, position)),
        }
    }

    fn all(&self) -> Vec<Segment> {
        let first = &self.terms[0];
        if !first.can_be_null {
            return vec![self.segment(Sql::new("1", []), 0)];
        }
        let known = Sql::new(format!("{} IS NOT NULL", first.column), []);
        vec![self.segment(known, 0), self.nulls()]
    }

    fn after(&self, place: &[Value]) -> Vec<Segment> {
        let mut segments = Vec::new();
        for (number, term) in self.terms.iter().enumerate().rev() {
            let Some(place_of_term) = place.get(number).filter(|value| **value != Value::Null) else { continue };
            let column = &term.column;
            let operator = if term.is_descending { "<" } else { ">" };
            // Nulls follow the values; those of the first key are a segment of their own, so that an index is used.
            let or_null = if term.can_be_null && number > 0 { format!(" OR {column} IS NULL") } else { String::new() };
            let greater = Sql::new(format!("({column} {operator} ?{or_null})"), [place_of_term.clone()]);
            let equal = self.terms[..number].iter().zip(place).map(|(term, value)| equal(&term.column, value));
            segments.push(self.segment(Sql::all_of(equal.chain([greater])), number));
            if number == 0 && term.can_be_null {
                segments.push(self.nulls());
            }
        }
        segments
    }

    /// The rows without a value of the first key.
    fn nulls(&self) -> Segment {
        let nulls = self.terms[..self.first_key].iter().map(|term| Sql::new(format!("{} IS NULL", term.column), []));
        self.segment(Sql::all_of(nulls), self.first_key)
    }

    /// Rows with equal keys before the one of that number.
    fn segment(&self, condition: Sql, first: usize) -> Segment {
        let order: Vec<String> =
            self.terms[first..].iter().enumerate().map(|(n, term)| term.sql(first + n > 0)).collect();
        Segment { condition, order: order.join(", ") }
    }

    /// A place as the values of the columns.
    fn values(&self, query: &EntityQuery, position: &SortPosition) -> Vec<Value> {
        let mut values = Vec::with_capacity(self.terms.len());
        for (key, value) in keys(query).zip(&position.values) {
            if FieldColumns::of(&query.schema, &key.field).folded.is_some() {
                values.push(folded_value(value.as_ref()));
            }
            values.push(value.as_ref().map_or(Value::Null, |value| sql_value(&key.field, value)));
        }
        if !keys(query).any(is_unique) {
            values.push(Value::Blob(position.aggregate_id.uuid().as_bytes().to_vec()));
        }
        values
    }
}

/// The keys that decide the order: none after the aggregate id does.
fn keys(query: &EntityQuery) -> impl Iterator<Item = &Sort> {
    let unique = query.sort.iter().position(is_unique);
    query.sort.iter().take(unique.map_or(usize::MAX, |number| number + 1))
}

fn is_unique(key: &Sort) -> bool {
    key.field == QueryField::System(SystemField::AggregateId)
}

impl OrderTerm {
    fn sql(&self, with_nulls: bool) -> String {
        let direction = if self.is_descending { "DESC" } else { "ASC" };
        let nulls = if with_nulls && self.can_be_null && !self.is_descending { " NULLS LAST" } else { "" };
        format!("{} {direction}{nulls}", self.column)
    }
}

fn folded_value(value: Option<&QueryValue>) -> Value {
    match value {
        Some(QueryValue::Text(text)) => Value::Text(folded_text(text)),
        _ => Value::Null,
    }
}

fn equal(column: &str, value: &Value) -> Sql {
    match value {
        Value::Null => Sql::new(format!("{column} IS NULL"), []),
        value => Sql::new(format!("{column} = ?"), [value.clone()]),
    }
}
