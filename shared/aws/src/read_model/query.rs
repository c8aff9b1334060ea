//! Reading: one call a query.
//!
//! Promises the answers that the port's other adapters give: exact values, folded words, nulls last,
//! ties by aggregate id. A query whose words no call can carry is read on by `scan`.

use annals_application::ports::{Condition, EntityQuery, Filter, PortError, PortErrorKind, QueryValue, SortKey};
use annals_domain::definition::{EntitySchema, FieldType, SystemField};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::read_model::index::{compared, compared_number};
use crate::read_model::mapping::{Place, SEARCH_TEXT, system_path};
use crate::read_model::words::Search;

/// A query as OpenSearch is asked it.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The paths it names, and what each must be indexed as.
    pub(crate) named: Vec<(String, &'static str)>,
    /// How its words are looked for.
    pub(crate) search: Search,
    /// Whether its conditions can hold at all.
    pub(crate) can_hold: bool,
    conditions: Vec<Value>,
    sort: Vec<Value>,
}

/// Where a field stands in a document.
struct Stands {
    path: String,
    indexed_as: &'static str,
    field_type: Option<FieldType>,
}

impl Plan {
    /// The plan of a query; a field that its schema has not is refused.
    pub(crate) fn of(query: &EntityQuery) -> Result<Self, PortError> {
        let mut plan = Self {
            named: Vec::new(),
            search: Search::of(&query.words),
            can_hold: true,
            conditions: Vec::new(),
            sort: Vec::new(),
        };
        if let EntitySchema::Open(object) = &query.schema {
            plan.conditions.push(json!({ "term": { "entity_name": object } }));
        }
        if !query.include_deleted {
            plan.conditions.push(json!({ "term": { SystemField::IsDeleted.name(): false } }));
        }
        plan.add_filters(query)?;
        if !plan.search.patterns.is_empty() {
            plan.named.push((SEARCH_TEXT.to_owned(), "wildcard"));
            let contains = |part: &String| json!({ "wildcard": { SEARCH_TEXT: { "value": format!("*{part}*") } } });
            plan.conditions.extend(plan.search.patterns.iter().map(contains));
        }
        for key in &query.sort {
            plan.add_sort(&query.schema, key)?;
        }
        plan.sort.push(json!({ SystemField::AggregateId.name(): "asc" }));
        Ok(plan)
    }

    fn add_filters(&mut self, query: &EntityQuery) -> Result<(), PortError> {
        let mut equal: Vec<(String, Value)> = Vec::new();
        for filter in &query.filters {
            let stands = stands(&query.schema, &filter.field)?;
            let is_list = stands.field_type == Some(FieldType::List);
            self.named.push((stands.path.clone(), stands.indexed_as));
            let Some(value) = term(&stands, filter) else {
                self.can_hold = false;
                continue;
            };
            if !is_list && equal.iter().any(|(path, other)| *path == stands.path && *other != value) {
                // One value cannot equal two.
                self.can_hold = false;
            }
            let pair = (stands.path, value);
            if !equal.contains(&pair) {
                equal.push(pair);
            }
        }
        self.conditions.extend(equal.into_iter().map(|(path, value)| json!({ "term": { path: { "value": value } } })));
        Ok(())
    }

    fn add_sort(&mut self, schema: &EntitySchema, key: &SortKey) -> Result<(), PortError> {
        let Stands { path, indexed_as, field_type } = stands(schema, &key.field)?;
        let order = if key.descending { "desc" } else { "asc" };
        let mut by = |path: String, indexed_as| {
            self.sort.push(json!({ &path: { "order": order, "missing": "_last" } }));
            self.named.push((path, indexed_as));
        };
        if field_type.is_some_and(FieldType::is_text) {
            by(Place::Folded.path(&key.field), Place::Folded.indexed_as());
        }
        by(path, indexed_as);
        Ok(())
    }

    /// The body of a count.
    pub(crate) fn to_count(&self) -> Value {
        json!({ "query": { "bool": { "filter": self.conditions } } })
    }

    /// The body of a page.
    pub(crate) fn to_page(&self, offset: u64, limit: u64) -> Value {
        let mut body = self.to_count();
        body["sort"] = json!(self.sort);
        body["from"] = json!(offset);
        body["size"] = json!(limit);
        body["track_total_hits"] = json!(false);
        body
    }
}

/// A field's place, by its name in a query.
fn stands(schema: &EntitySchema, field: &str) -> Result<Stands, PortError> {
    let system = |indexed_as| Ok(Stands { path: field.to_owned(), indexed_as, field_type: None });
    let placed = |field_type: FieldType| {
        let place = Place::of(field_type);
        Ok(Stands { path: place.path(field), indexed_as: place.indexed_as(), field_type: Some(field_type) })
    };
    let system_field = SystemField::named(field);
    let defined = schema.definition().and_then(|definition| definition.field(field));
    match (system_field.and_then(system_path), defined) {
        (Some((_, indexed_as)), _) => system(indexed_as),
        (None, Some(defined)) => placed(defined.field_type),
        (None, None) if system_field == Some(SystemField::Id) => placed(FieldType::Id),
        _ => {
            let message = format!("there is no field `{field}`");
            Err(PortError::new(PortErrorKind::Rejected, schema.aggregate_type().to_string(), message))
        }
    }
}

/// The value that a field must have, as it is indexed; `None` where no document has it.
fn term(stands: &Stands, filter: &Filter) -> Option<Value> {
    let Condition::Equals(value) = &filter.condition;
    Some(match (value, stands.indexed_as) {
        // A text that is no UUID is no record's.
        (QueryValue::Text(text), "keyword") if stands.path == SystemField::AggregateId.name() => {
            json!(Uuid::parse_str(text).ok()?)
        }
        (QueryValue::Text(text) | QueryValue::Date(text), "keyword") => json!(compared(text)),
        (QueryValue::Timestamp(timestamp), "long") => json!(timestamp.millis()),
        (QueryValue::Number(number), "long") => json!(whole(*number)?),
        (QueryValue::Number(number), "double") => json!(compared_number(*number)),
        (QueryValue::Bool(value), "boolean") => json!(value),
        _ => return None,
    })
}

/// The whole number that a float is.
fn whole(number: f64) -> Option<i64> {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    let is_whole = number.fract() == 0.0 && (-BOUND..BOUND).contains(&number);
    // Within the bound no digit is lost.
    #[expect(clippy::cast_possible_truncation, reason = "its range is checked")]
    is_whole.then_some(number as i64)
}
