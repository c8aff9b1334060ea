//! An entity query translated to OpenSearch's query language.
//!
//! The results are those of the port's other adapters: exact values, folded words, nulls last, ties in the order
//! of the aggregate id.

use annals_application::ports::{Condition, EntityQuery, Filter, PortError, PortErrorKind, QueryValue, SortKey};
use annals_domain::definition::{EntitySchema, FieldType, SystemField};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::read_model::index::{FieldGroup, IndexedField, SEARCH_TEXT, compared_number, compared_text};
use crate::read_model::search::word_search::WordSearch;

#[derive(Debug)]
pub(super) struct TranslatedQuery {
    pub(super) fields: Vec<IndexedField>,
    pub(super) words: WordSearch,
    /// Whether the conditions exclude every document.
    pub(super) is_impossible: bool,
    conditions: Vec<Value>,
    sort: Vec<Value>,
}

struct QueryField {
    indexed: IndexedField,
    /// `None` for a system field.
    field_type: Option<FieldType>,
}

impl TranslatedQuery {
    /// Translates a query. A field that the schema does not have is rejected.
    pub(super) fn of(query: &EntityQuery) -> Result<Self, PortError> {
        let mut translated = Self {
            fields: Vec::new(),
            words: WordSearch::of(&query.words),
            is_impossible: false,
            conditions: Vec::new(),
            sort: Vec::new(),
        };
        if let EntitySchema::Open(object) = &query.schema {
            translated.conditions.push(json!({ "term": { "entity_name": object.name } }));
        }
        if !query.include_deleted {
            translated.conditions.push(json!({ "term": { SystemField::IsDeleted.name(): false } }));
        }
        translated.add_filters(query)?;
        translated.add_words();
        for key in &query.sort {
            translated.add_sort(&query.schema, key)?;
        }
        translated.sort.push(json!({ SystemField::AggregateId.name(): "asc" }));
        Ok(translated)
    }

    fn add_filters(&mut self, query: &EntityQuery) -> Result<(), PortError> {
        let mut equal: Vec<(String, Value)> = Vec::new();
        for filter in &query.filters {
            let field = QueryField::of(&query.schema, &filter.field)?;
            let is_list = field.field_type == Some(FieldType::List);
            let value = field.indexed_value(filter);
            let path = field.indexed.path.clone();
            self.fields.push(field.indexed);
            let Some(value) = value else {
                self.is_impossible = true;
                continue;
            };
            if !is_list && equal.iter().any(|(other, other_value)| *other == path && *other_value != value) {
                // A field with one value cannot equal two.
                self.is_impossible = true;
            }
            let pair = (path, value);
            if !equal.contains(&pair) {
                equal.push(pair);
            }
        }
        self.conditions.extend(equal.into_iter().map(|(path, value)| json!({ "term": { path: { "value": value } } })));
        Ok(())
    }

    fn add_words(&mut self) {
        if self.words.patterns().is_empty() {
            return;
        }
        self.fields.push(IndexedField::new(SEARCH_TEXT, "wildcard"));
        let contains = |part: &String| json!({ "wildcard": { SEARCH_TEXT: { "value": format!("*{part}*") } } });
        self.conditions.extend(self.words.patterns().iter().map(contains));
    }

    fn add_sort(&mut self, schema: &EntitySchema, key: &SortKey) -> Result<(), PortError> {
        let QueryField { indexed, field_type } = QueryField::of(schema, &key.field)?;
        let order = if key.descending { "desc" } else { "asc" };
        let mut by = |field: IndexedField| {
            self.sort.push(json!({ &field.path: { "order": order, "missing": "_last" } }));
            self.fields.push(field);
        };
        if field_type.is_some_and(FieldType::is_text) {
            by(IndexedField::in_group(FieldGroup::Folded, &key.field));
        }
        by(indexed);
        Ok(())
    }

    pub(super) fn count_body(&self) -> Value {
        json!({ "query": { "bool": { "filter": self.conditions } } })
    }

    pub(super) fn page_body(&self, offset: u64, limit: u64) -> Value {
        let mut body = self.count_body();
        body["sort"] = json!(self.sort);
        body["from"] = json!(offset);
        body["size"] = json!(limit);
        body["track_total_hits"] = json!(false);
        body
    }
}

impl QueryField {
    fn of(schema: &EntitySchema, name: &str) -> Result<Self, PortError> {
        let mapped = |field_type: FieldType| {
            let indexed = IndexedField::in_group(FieldGroup::of(field_type), name);
            Ok(Self { indexed, field_type: Some(field_type) })
        };
        let system_field = SystemField::named(name);
        let defined = schema.definition().and_then(|definition| definition.field(name));
        match (system_field.and_then(IndexedField::system), defined) {
            (Some(indexed), _) => Ok(Self { indexed, field_type: None }),
            (None, Some(defined)) => mapped(defined.field_type),
            (None, None) if system_field == Some(SystemField::Id) => mapped(FieldType::Id),
            _ => {
                let message = format!("no field `{name}`");
                Err(PortError::new(PortErrorKind::Rejected, schema.aggregate_type().to_string(), message))
            }
        }
    }

    /// The value of a filter as it is indexed; `None` where no document can have it.
    fn indexed_value(&self, filter: &Filter) -> Option<Value> {
        let Condition::Equals(value) = &filter.condition;
        let IndexedField { path, index_type } = &self.indexed;
        Some(match (value, *index_type) {
            // An id is always a UUID.
            (QueryValue::Text(text), "keyword") if path == SystemField::AggregateId.name() => {
                json!(Uuid::parse_str(text).ok()?)
            }
            (QueryValue::Text(text) | QueryValue::Date(text), "keyword") => json!(compared_text(text)),
            (QueryValue::Timestamp(timestamp), "long") => json!(timestamp.millis()),
            (QueryValue::Number(number), "long") => json!(integer(*number)?),
            (QueryValue::Number(number), "double") => json!(compared_number(*number)),
            (QueryValue::Bool(value), "boolean") => json!(value),
            _ => return None,
        })
    }
}

fn integer(number: f64) -> Option<i64> {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    let is_integer = number.fract() == 0.0 && (-BOUND..BOUND).contains(&number);
    // Within the bound no digit is lost.
    #[expect(clippy::cast_possible_truncation, reason = "its range is checked")]
    is_integer.then_some(number as i64)
}
