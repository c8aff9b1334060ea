//! Checks a query against an object's fields, and answers it from the records.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use annals_domain::timestamp::Timestamp;
use serde_json::{Map, Value};

use super::{Comparison, Condition, Literal, Operator, Order, Query, QueryError, Selected};
use crate::org::{FieldKind, FieldSchema, ObjectSchema, StoredRecord};

/// A query whose object, fields and literals are valid.
#[derive(Debug)]
pub(crate) struct Checked {
    query: Query,
    /// The fields in the object's own spelling.
    fields: Vec<(String, FieldKind)>,
}

/// Fails as Salesforce does: an unknown or hidden field, a literal of the wrong type, a field that cannot be filtered.
pub(crate) fn check(mut query: Query, object: &ObjectSchema) -> Result<Checked, QueryError> {
    let mut fields = Vec::new();
    if let Selected::Fields(names) = &query.selected {
        for name in names {
            let field = field(object, name)?;
            if fields.iter().any(|(other, _)| *other == field.name) {
                let message = format!("duplicate field selected: {name}");
                return Err(QueryError::new("INVALID_FIELD", message));
            }
            fields.push((field.name.clone(), field.kind));
        }
    }
    for condition in &mut query.conditions {
        condition.field = check_condition(object, condition)?;
    }
    for order in &mut query.order {
        order.field.clone_from(&filterable(object, &order.field)?.name);
    }
    Ok(Checked { query, fields })
}

/// The field in the object's own spelling.
fn check_condition(object: &ObjectSchema, condition: &Condition) -> Result<String, QueryError> {
    let field = filterable(object, &condition.field)?;
    let literals = match &condition.comparison {
        Comparison::Is(_, literal) => std::slice::from_ref(literal),
        Comparison::In(literals) => literals,
    };
    literals.iter().try_for_each(|literal| check_literal(field, literal))?;
    Ok(field.name.clone())
}

fn check_literal(field: &FieldSchema, literal: &Literal) -> Result<(), QueryError> {
    let (is_quoted, text) = match literal {
        Literal::Text(text) => (true, text),
        Literal::Bare(text) => (false, text),
    };
    if !is_quoted && text.eq_ignore_ascii_case("null") {
        return Ok(());
    }
    let fits = match field.kind {
        FieldKind::Boolean => !is_quoted && matches!(text.to_ascii_lowercase().as_str(), "true" | "false"),
        FieldKind::Int | FieldKind::Double | FieldKind::Currency | FieldKind::Percent => {
            !is_quoted && text.parse::<f64>().is_ok()
        }
        FieldKind::Datetime => !is_quoted && text.parse::<Timestamp>().is_ok(),
        FieldKind::Date => !is_quoted && text.len() == 10,
        FieldKind::Id | FieldKind::Reference if is_quoted => {
            let is_id = matches!(text.len(), 15 | 18) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if !is_id {
                return Err(QueryError::new("INVALID_QUERY_FILTER_OPERATOR", format!("invalid ID field: {text}")));
            }
            true
        }
        _ => is_quoted,
    };
    if fits {
        return Ok(());
    }
    let (kind, quotes) = (field.kind.describe_type(), if is_quoted { "should not" } else { "should" });
    let message = format!(
        "value of filter criterion for field '{}' must be of type {kind} and {quotes} be enclosed in quotes",
        field.name
    );
    Err(QueryError::new("INVALID_FIELD", message))
}

fn field<'a>(object: &'a ObjectSchema, name: &str) -> Result<&'a FieldSchema, QueryError> {
    object.readable(name).ok_or_else(|| {
        let message = format!(
            "No such column '{name}' on entity '{}'. If you are attempting to use a custom field, be sure to append the \
             '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.",
            object.name
        );
        QueryError::new("INVALID_FIELD", message)
    })
}

fn filterable<'a>(object: &'a ObjectSchema, name: &str) -> Result<&'a FieldSchema, QueryError> {
    let field = field(object, name)?;
    if matches!(field.kind, FieldKind::LongText | FieldKind::Address) {
        let message = format!("field '{name}' can not be filtered in a query call");
        return Err(QueryError::new("INVALID_FIELD", message));
    }
    Ok(field)
}

impl Checked {
    pub(crate) fn object(&self) -> &str {
        &self.query.object
    }

    pub(crate) fn is_count(&self) -> bool {
        self.query.selected == Selected::Count
    }

    pub(crate) fn is_ordered(&self) -> bool {
        !self.query.order.is_empty() || self.query.limit.is_some()
    }

    pub(crate) fn fields(&self) -> &[(String, FieldKind)] {
        &self.fields
    }

    /// The id after which all matching records are, if the query names one in 18 characters.
    pub(crate) fn after_id(&self) -> Option<&str> {
        self.id_bound(Operator::Greater)
    }

    /// The id up to which they are.
    pub(crate) fn up_to_id(&self) -> Option<&str> {
        self.id_bound(Operator::LessOrEqual)
    }

    fn id_bound(&self, wanted: Operator) -> Option<&str> {
        self.query.conditions.iter().find_map(|condition| match &condition.comparison {
            Comparison::Is(operator, literal) if condition.field == "Id" && *operator == wanted => literal.whole_id(),
            _ => None,
        })
    }

    /// The ids of all matching records, if the query lists them in 18 characters.
    pub(crate) fn listed_ids(&self) -> Option<BTreeSet<&str>> {
        self.query.conditions.iter().find_map(|condition| match &condition.comparison {
            Comparison::In(ids) if condition.field == "Id" => ids.iter().map(Literal::whole_id).collect(),
            _ => None,
        })
    }

    /// The matching records, in the order of the query, or of their ids. `records` are in the order of their ids.
    pub(crate) fn select<'a>(
        &self,
        records: impl Iterator<Item = (&'a str, &'a StoredRecord)>,
    ) -> Vec<Map<String, Value>> {
        let matching = records.filter(|(_, record)| self.query.conditions.iter().all(|it| it.matches(record)));
        if self.query.order.iter().all(|order| order.field == "Id" && !order.descending) {
            let found = matching.take(self.query.limit.unwrap_or(usize::MAX));
            return found.map(|(_, record)| self.row(record)).collect();
        }
        let mut found: Vec<_> = matching.collect();
        found.sort_by(|(id, one), (other_id, other)| {
            let by_order = self.query.order.iter().map(|order| order.compare(one, other));
            by_order.fold(Ordering::Equal, Ordering::then).then_with(|| id.cmp(other_id))
        });
        found.truncate(self.query.limit.unwrap_or(usize::MAX));
        found.into_iter().map(|(_, record)| self.row(record)).collect()
    }

    fn row(&self, record: &StoredRecord) -> Map<String, Value> {
        self.fields.iter().map(|(name, kind)| (name.clone(), record.value(name, *kind))).collect()
    }
}

impl Literal {
    /// An id in 18 characters; of one in 15 the records have another spelling.
    fn whole_id(&self) -> Option<&str> {
        match self {
            Self::Text(id) if id.len() == 18 => Some(id),
            _ => None,
        }
    }
}

impl Condition {
    fn matches(&self, record: &StoredRecord) -> bool {
        let value = record.fields.get(&self.field).unwrap_or(&Value::Null);
        match &self.comparison {
            Comparison::In(literals) => literals.iter().any(|literal| compare(value, literal) == Some(Ordering::Equal)),
            Comparison::Is(operator, literal) => {
                let order = compare(value, literal);
                match operator {
                    Operator::Equal => order == Some(Ordering::Equal),
                    Operator::NotEqual => order != Some(Ordering::Equal),
                    Operator::Less => order == Some(Ordering::Less),
                    Operator::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
                    Operator::Greater => order == Some(Ordering::Greater),
                    Operator::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
                }
            }
        }
    }
}

/// `None` if the two cannot be compared: null is neither less nor greater than anything.
fn compare(value: &Value, literal: &Literal) -> Option<Ordering> {
    match (value, literal) {
        (Value::Null, Literal::Bare(word)) => word.eq_ignore_ascii_case("null").then_some(Ordering::Equal),
        (Value::String(text), Literal::Text(expected)) => {
            Some(same_length(text, expected).cmp(same_length(expected, text)))
        }
        (Value::String(text), Literal::Bare(word)) => match (text.parse::<Timestamp>(), word.parse::<Timestamp>()) {
            (Ok(at), Ok(expected)) => Some(at.cmp(&expected)),
            _ => Some(text.as_str().cmp(word)),
        },
        (Value::Bool(value), Literal::Bare(word)) => Some(value.to_string().cmp(&word.to_ascii_lowercase())),
        (Value::Number(number), Literal::Bare(word)) => number.as_f64()?.partial_cmp(&word.parse().ok()?),
        _ => None,
    }
}

/// Ids compare by their 15 characters if one of the two has only these.
fn same_length<'a>(text: &'a str, other: &str) -> &'a str {
    if text.len() == 18 && other.len() == 15 { &text[..15] } else { text }
}

impl Order {
    fn compare(&self, one: &StoredRecord, other: &StoredRecord) -> Ordering {
        let key = |record: &StoredRecord| match record.fields.get(&self.field) {
            None | Some(Value::Null) => (0, None, String::new()),
            Some(Value::Number(number)) => (1, number.as_f64(), String::new()),
            Some(value) => (2, None, value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
        };
        let order = key(one).partial_cmp(&key(other)).unwrap_or(Ordering::Equal);
        if self.descending { order.reverse() } else { order }
    }
}
