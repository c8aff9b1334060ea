//! An entity query translated to OpenSearch's query language.
//!
//! The results are those of the port's other adapters: exact values, folded words, nulls last, ties in the order
//! of the aggregate id.

use annals_application::ports::{
    Comparison, Condition, EntityQuery, Filter, QueryField, QueryValue, compared_number, compared_text, prefix_end,
};
use annals_domain::definition::{EntitySchema, SystemField};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::read_model::index::{FieldGroup, IndexedField, SEARCH_TEXT};
use crate::read_model::search::long_text::LongText;
use crate::read_model::search::word_search::{PATTERN_LENGTH, WordSearch};

/// The conditions of a query.
#[derive(Debug)]
pub(super) struct TranslatedQuery {
    /// All fields that the conditions name.
    pub(super) fields: Vec<IndexedField>,
    words: WordSearch,
    /// OpenSearch checks only their beginnings.
    long_texts: Vec<LongText>,
    must: Vec<Value>,
    must_not: Vec<Value>,
}

/// A condition in OpenSearch's query language.
enum Clause {
    Must(Value),
    /// It finds all matches and more.
    Checked(Value, LongText),
    MustNot(Value),
    /// Every document matches.
    Always,
    /// No document matches.
    Never,
}

impl TranslatedQuery {
    /// Translates the conditions of a query; `None` where they exclude every document.
    pub(super) fn of(query: &EntityQuery) -> Option<Self> {
        let words = WordSearch::of(&query.words);
        let (fields, long_texts, must, must_not) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut translated = Self { fields, words, long_texts, must, must_not };
        if let EntitySchema::Open(object) = &query.schema {
            translated.must.push(json!({ "term": { "entity_name": object.name } }));
        }
        if !query.include_deleted {
            translated.must.push(json!({ "term": { SystemField::IsDeleted.name(): false } }));
        }
        for filter in &query.filters {
            match clause(filter, &mut translated.fields) {
                // OpenSearch limits the clauses of a query, so that equal ones are stated once.
                Clause::Must(clause) if translated.must.contains(&clause) => {}
                Clause::Must(clause) => translated.must.push(clause),
                Clause::Checked(clause, text) => {
                    translated.must.push(clause);
                    translated.long_texts.push(text);
                }
                Clause::MustNot(clause) if translated.must_not.contains(&clause) => {}
                Clause::MustNot(clause) => translated.must_not.push(clause),
                Clause::Always => {}
                Clause::Never => return None,
            }
        }
        translated.add_words();
        Some(translated)
    }

    fn add_words(&mut self) {
        if self.words.patterns().is_empty() {
            return;
        }
        self.fields.push(IndexedField::new(SEARCH_TEXT, "wildcard"));
        let contains = |part: &String| json!({ "wildcard": { SEARCH_TEXT: { "value": format!("*{part}*") } } });
        self.must.extend(self.words.patterns().iter().map(contains));
    }

    /// Whether the hits must be filtered by [`Self::matches`].
    pub(super) fn has_unchecked(&self) -> bool {
        self.words.has_unchecked_words() || !self.long_texts.is_empty()
    }

    /// Whether a document matches what OpenSearch does not check.
    pub(super) fn matches(&self, search_text: &str, entity: &RawValue) -> serde_json::Result<bool> {
        let has_words = self.words.matches(search_text);
        self.long_texts.iter().try_fold(has_words, |matches, text| Ok(matches && text.is_in(entity)?))
    }

    /// The request body that counts or finds the matches.
    pub(super) fn body(&self) -> Value {
        json!({ "query": { "bool": { "filter": self.must, "must_not": self.must_not } } })
    }
}

/// The path that holds a field's values as they are.
pub(super) fn exact_field(field: &QueryField) -> IndexedField {
    match field {
        QueryField::System(system) => {
            IndexedField::system(*system).unwrap_or_else(|| IndexedField::in_group(FieldGroup::Text, system.name()))
        }
        QueryField::Mapped(name, field_type) => IndexedField::in_group(FieldGroup::of(*field_type), name),
    }
}

/// The path that holds a text field's folded values. Those of system fields are folded as they are.
pub(super) fn folded_field(field: &QueryField) -> IndexedField {
    match field {
        QueryField::System(_) => exact_field(field),
        QueryField::Mapped(name, _) => IndexedField::in_group(FieldGroup::Folded, name),
    }
}

fn clause(filter: &Filter, fields: &mut Vec<IndexedField>) -> Clause {
    let Filter { field, condition } = filter;
    let exact = exact_field(field);
    let path = exact.path.clone();
    fields.push(exact);
    match condition {
        Condition::Equals(value) => match indexed_value(field, value) {
            Some(value) => Clause::Must(json!({ "term": { path: { "value": value } } })),
            None => Clause::Never,
        },
        Condition::Differs(value) => match indexed_value(field, value) {
            Some(value) => Clause::MustNot(json!({ "term": { path: { "value": value } } })),
            None => Clause::Always,
        },
        Condition::OneOf(values) => {
            let values: Vec<Value> = values.iter().filter_map(|value| indexed_value(field, value)).collect();
            if values.is_empty() { Clause::Never } else { Clause::Must(json!({ "terms": { path: values } })) }
        }
        Condition::Compares(comparison, value) => compares(field, path, *comparison, value),
        Condition::Exists(true) => Clause::Must(json!({ "exists": { "field": path } })),
        Condition::Exists(false) => Clause::MustNot(json!({ "exists": { "field": path } })),
        Condition::Contains(folded) => contains(field, &folded_path(field, fields), folded),
        Condition::StartsWith(folded) => {
            let folded_path = folded_path(field, fields);
            let mut range = json!({ "gte": folded });
            if let Some(end) = prefix_end(folded) {
                range["lt"] = json!(end);
            }
            Clause::Must(json!({ "range": { folded_path: range } }))
        }
    }
}

fn folded_path(field: &QueryField, fields: &mut Vec<IndexedField>) -> String {
    let folded = folded_field(field);
    let path = folded.path.clone();
    fields.push(folded);
    path
}

/// The pattern of a text, or of its beginning if it is longer than a pattern may be.
fn contains(field: &QueryField, path: &str, text: &str) -> Clause {
    let start: String = text.chars().take(PATTERN_LENGTH).collect();
    let pattern = json!({ "wildcard": { path: { "value": format!("*{}*", literal(&start)) } } });
    match start.len() == text.len() {
        true => Clause::Must(pattern),
        false => Clause::Checked(pattern, LongText::new(field.name(), text)),
    }
}

/// A text in a wildcard pattern of a keyword field.
fn literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '*' | '?' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

fn compares(field: &QueryField, path: String, comparison: Comparison, value: &QueryValue) -> Clause {
    let operator = match comparison {
        Comparison::Greater => "gt",
        Comparison::GreaterOrEqual => "gte",
        Comparison::Less => "lt",
        Comparison::LessOrEqual => "lte",
    };
    let bound = match value {
        QueryValue::Number(number) if is_integer(field) => return compares_integer(path, comparison, *number),
        QueryValue::Number(number) => json!(compared_number(*number)),
        QueryValue::Timestamp(timestamp) => json!(timestamp.millis()),
        QueryValue::Date(date) => json!(date),
        QueryValue::Text(_) | QueryValue::Bool(_) => return Clause::Never,
    };
    Clause::Must(json!({ "range": { path: { operator: bound } } }))
}

/// A whole number compared with any number.
fn compares_integer(path: String, comparison: Comparison, number: f64) -> Clause {
    let (operator, bound) = match comparison {
        Comparison::Greater => ("gte", number.floor() + 1.0),
        Comparison::GreaterOrEqual => ("gte", number.ceil()),
        Comparison::Less => ("lte", number.ceil() - 1.0),
        Comparison::LessOrEqual => ("lte", number.floor()),
    };
    match integer(bound) {
        Some(bound) => Clause::Must(json!({ "range": { path: { operator: bound } } })),
        None if (operator == "gte") == (bound < 0.0) => Clause::Must(json!({ "exists": { "field": path } })),
        None => Clause::Never,
    }
}

fn is_integer(field: &QueryField) -> bool {
    matches!(field, QueryField::System(SystemField::Version))
}

/// A value as it is indexed; `None` where no document can have it.
fn indexed_value(field: &QueryField, value: &QueryValue) -> Option<Value> {
    Some(match value {
        // An id is always a UUID.
        QueryValue::Text(text) if matches!(field, QueryField::System(SystemField::AggregateId)) => {
            json!(Uuid::parse_str(text).ok()?)
        }
        QueryValue::Text(text) | QueryValue::Date(text) => json!(compared_text(text)),
        QueryValue::Timestamp(timestamp) => json!(timestamp.millis()),
        QueryValue::Number(number) if is_integer(field) => json!(integer(*number)?),
        QueryValue::Number(number) => json!(compared_number(*number)),
        QueryValue::Bool(value) => json!(value),
    })
}

/// A whole number that OpenSearch's `long` can be.
pub(super) fn integer(number: f64) -> Option<i64> {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    let is_integer = number.fract() == 0.0 && (-BOUND..BOUND).contains(&number);
    // Within the bound no digit is lost.
    #[expect(clippy::cast_possible_truncation, reason = "its range is checked")]
    is_integer.then_some(number as i64)
}
