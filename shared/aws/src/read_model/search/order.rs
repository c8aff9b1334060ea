//! The order of hits, and a place in it as OpenSearch states it.
//!
//! A missing value has a number of its own at the end of its type's order. A place is a list of values, one for each
//! key: OpenSearch continues after it. The last keys are the aggregate id.

use annals_application::ports::{
    EntityQuery, QueryField, QueryValue, Sort, SortOrder, SortPosition, compared_number, compared_text, folded_text,
};
use annals_domain::definition::{FieldType, SystemField};
use annals_domain::identity::AggregateId;
use annals_domain::timestamp::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::read_model::index::{IdHalves, IndexedField, ServingIndex};
use crate::read_model::search::query::{exact_field, folded_field, integer};

/// The order of a query's hits.
#[derive(Debug)]
pub(super) struct HitOrder<'q> {
    keys: &'q [Sort],
    id: IdKeys,
}

/// The fields of the aggregate id in an index.
#[derive(Debug, Clone, Copy)]
enum IdKeys {
    Halves,
    /// Its text, which every document has.
    Text,
}

impl<'q> HitOrder<'q> {
    pub(super) fn of(query: &'q EntityQuery, index: &ServingIndex) -> Self {
        Self { keys: &query.sort, id: if index.has_halves() { IdKeys::Halves } else { IdKeys::Text } }
    }

    /// The order of the aggregate ids alone.
    pub(super) fn by_id() -> Self {
        Self { keys: &[], id: IdKeys::Text }
    }

    /// Whether it needs the halves of each document's id.
    pub(super) fn has_halves(&self) -> bool {
        matches!(self.id, IdKeys::Halves)
    }

    /// The fields that the order of a query must have in the index.
    pub(super) fn fields(query: &EntityQuery) -> Vec<IndexedField> {
        let folded = query.sort.iter().filter(|key| is_folded(&key.field)).map(|key| folded_field(&key.field));
        query.sort.iter().map(|key| exact_field(&key.field)).chain(folded).collect()
    }

    /// The `sort` of a request.
    pub(super) fn to_json(&self) -> Value {
        let mut sort = Vec::new();
        for Sort { field, order } in self.keys {
            let order = if *order == SortOrder::Ascending { "asc" } else { "desc" };
            let by = |field: IndexedField| json!({ field.path: { "order": order, "missing": "_last" } });
            if is_folded(field) {
                sort.push(by(folded_field(field)));
            }
            sort.push(by(exact_field(field)));
        }
        match self.id {
            IdKeys::Halves => sort.extend(IdHalves::PATHS.map(|path| json!({ path: "asc" }))),
            IdKeys::Text => sort.push(json!({ SystemField::AggregateId.name(): "asc" })),
        }
        json!(sort)
    }

    /// A place as the `search_after` of a request.
    pub(super) fn after(&self, position: &SortPosition) -> Value {
        let mut values = Vec::new();
        for (Sort { field, order }, value) in self.keys.iter().zip(&position.values) {
            if is_folded(field) {
                values.push(match value {
                    Some(QueryValue::Text(text)) => json!(folded_text(compared_text(text))),
                    _ => Value::Null,
                });
            }
            values
                .push(value.as_ref().map_or_else(|| missing(field, *order), |value| sort_value(field, *order, value)));
        }
        match self.id {
            IdKeys::Halves => {
                let IdHalves { high, low } = IdHalves::of(position.aggregate_id);
                values.extend([json!(high), json!(low)]);
            }
            IdKeys::Text => values.push(json!(position.aggregate_id)),
        }
        json!(values)
    }

    /// The place of a hit, from its `sort`; `None` where that is not of this order, as for a document without the halves
    /// of its id.
    pub(super) fn position(&self, sort: &str, id: AggregateId) -> Option<SortPosition> {
        let position = self.read_position(sort)?;
        (position.aggregate_id == id).then_some(position)
    }

    fn read_position(&self, sort: &str) -> Option<SortPosition> {
        let all: Vec<Value> = serde_json::from_str(sort).ok()?;
        let mut all = all.iter();
        let mut values = Vec::with_capacity(self.keys.len());
        for Sort { field, order } in self.keys {
            if is_folded(field) {
                all.next()?;
            }
            let value = all.next()?;
            let is_missing = value.is_null() || *value == missing(field, *order);
            values.push(if is_missing { None } else { Some(query_value(field.field_type(), value)?) });
        }
        let aggregate_id = match self.id {
            IdKeys::Halves => IdHalves { high: all.next()?.as_i64()?, low: all.next()?.as_i64()? }.id(),
            IdKeys::Text => AggregateId::from_uuid(Uuid::parse_str(all.next()?.as_str()?).ok()?),
        };
        Some(SortPosition { values, aggregate_id })
    }
}

/// Whether a folded form is sorted before the exact one.
fn is_folded(field: &QueryField) -> bool {
    matches!(field, QueryField::Mapped(_, field_type) if field_type.is_text())
}

/// How OpenSearch states that a value is missing.
fn missing(field: &QueryField, order: SortOrder) -> Value {
    let is_last = order == SortOrder::Ascending;
    match field.field_type() {
        FieldType::Datetime => json!(if is_last { i64::MAX } else { i64::MIN }),
        FieldType::Bool => json!(if is_last { i32::MAX } else { i32::MIN }),
        FieldType::Number | FieldType::Decimal => json!(if is_last { "Infinity" } else { "-Infinity" }),
        FieldType::Id | FieldType::Reference | FieldType::String | FieldType::List | FieldType::Date => Value::Null,
    }
}

fn sort_value(field: &QueryField, order: SortOrder, value: &QueryValue) -> Value {
    match value {
        QueryValue::Text(text) | QueryValue::Date(text) => json!(compared_text(text)),
        QueryValue::Timestamp(timestamp) => json!(timestamp.millis()),
        QueryValue::Bool(value) => json!(i32::from(*value)),
        QueryValue::Number(number) if matches!(field, QueryField::System(SystemField::Version)) => {
            // No version is between two whole numbers.
            let whole = if order == SortOrder::Ascending { number.floor() } else { number.ceil() };
            json!(integer(whole).unwrap_or(if whole < 0.0 { i64::MIN } else { i64::MAX }))
        }
        QueryValue::Number(number) => json!(compared_number(*number)),
    }
}

fn query_value(field_type: FieldType, value: &Value) -> Option<QueryValue> {
    Some(match field_type {
        FieldType::Id | FieldType::Reference | FieldType::String | FieldType::List => {
            QueryValue::Text(value.as_str()?.to_owned())
        }
        FieldType::Datetime => QueryValue::Timestamp(Timestamp::from_millis(value.as_i64()?).ok()?),
        FieldType::Date => QueryValue::Date(value.as_str()?.to_owned()),
        FieldType::Bool => QueryValue::Bool(value.as_i64()? == 1),
        FieldType::Number | FieldType::Decimal => QueryValue::Number(value.as_f64()?),
    })
}
