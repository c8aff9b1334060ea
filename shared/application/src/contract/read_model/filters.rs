//! The rules for filters.

use std::sync::Arc;

use annals_domain::change::{RefetchReason, Stale};
use annals_domain::entity::FieldValue;
use annals_domain::position::Version;
use annals_domain::search_text::fold;

use super::{all_of, equals, found_sorted, index_all};
use crate::contract::samples::{document, key_of, text, thing, timestamp};
use crate::ports::{Condition, EntityQuery, Filter, QueryValue, ReadModel};

/// A number as the mapping returns it, with its digits.
fn number(digits: &str) -> FieldValue {
    FieldValue::Number(serde_json::from_str(digits).expect("a number"))
}

fn day(text: &str) -> FieldValue {
    FieldValue::Date(text.parse().expect("a day"))
}

fn list(items: &[&str]) -> FieldValue {
    FieldValue::List(items.iter().map(|item| (*item).to_owned()).collect())
}

fn value(text: &str) -> QueryValue {
    QueryValue::Text(text.to_owned())
}

async fn check(model: &impl ReadModel, filters: Vec<Filter>, expected: &[&str]) {
    let query = EntityQuery { filters, include_deleted: true, ..all_of("Thing__c") };
    assert_eq!(found_sorted(model, &query).await, expected, "{:?}", query.filters);
}

/// Id, reference, string, list (any of its elements), datetime, date, bool, number and decimal.
pub async fn a_filter_finds_equal_values_of_every_type(model: &impl ReadModel) {
    let fields = |owner: &str, tags: &[&str], start, date: &str, open, weight: &str, amount: &str| {
        vec![
            ("owner_id", text(owner)),
            ("tags", list(tags)),
            ("starts", FieldValue::Timestamp(timestamp(start))),
            ("day", day(date)),
            ("open", FieldValue::Bool(open)),
            ("weight", number(weight)),
            ("amount", FieldValue::Decimal(amount.to_owned())),
            ("order", text(owner)),
        ]
    };
    let a = thing("a", fields("u1", &["x", "y\"z", "p,q"], 1, "2024-02-29", true, "1.5", "100000000000.01"));
    let b = thing("b", fields("u2", &["x"], 2, "2024-03-01", false, "-2", "0.10"));
    let c = thing("c", fields("u1", &[], 1, "2024-02-29", true, "1.50", "0.1"));
    index_all(model, vec![a, b, c]).await;
    let table: [(&str, QueryValue, &[&str]); 21] = [
        ("id", value("b"), &["b"]),
        ("owner_id", value("u1"), &["a", "c"]),
        ("order", value("u2"), &["b"]),
        ("tags", value("x"), &["a", "b"]),
        ("tags", value("y\"z"), &["a"]),
        ("tags", value("p,q"), &["a"]),
        ("tags", value("p"), &[]),
        ("tags", value(""), &[]),
        ("tags", value("\",\""), &[]),
        ("starts", QueryValue::Timestamp(timestamp(1)), &["a", "c"]),
        ("starts", QueryValue::Timestamp(timestamp(3)), &[]),
        ("day", QueryValue::Date("2024-02-29".to_owned()), &["a", "c"]),
        ("day", QueryValue::Date("2024-03-01".to_owned()), &["b"]),
        ("open", QueryValue::Bool(true), &["a", "c"]),
        ("open", QueryValue::Bool(false), &["b"]),
        ("weight", QueryValue::Number(1.5), &["a", "c"]),
        ("weight", QueryValue::Number(-2.0), &["b"]),
        ("weight", QueryValue::Number(2.0), &[]),
        ("amount", QueryValue::Number(0.1), &["b", "c"]),
        ("amount", QueryValue::Number(100_000_000_000.01), &["a"]),
        ("amount", QueryValue::Number(100_000_000_000.02), &[]),
    ];
    for (field, value, expected) in table {
        check(model, vec![equals(field, value)], expected).await;
    }
}

/// Aggregate id, provider, version, the two timestamps, `is_deleted` and `stale`.
pub async fn a_filter_finds_values_of_system_fields(model: &impl ReadModel) {
    let mut a = thing("a", Vec::new());
    Arc::make_mut(&mut a.entity).version = Version::new(7);
    Arc::make_mut(&mut a.entity).updated_at = Some(timestamp(9));
    let mut b = thing("b", Vec::new());
    Arc::make_mut(&mut b.entity).created_at = None;
    Arc::make_mut(&mut b.entity).is_deleted = true;
    Arc::make_mut(&mut b.entity).stale = Some(Stale { reason: RefetchReason::Gap, since: timestamp(1) });
    let id = a.entity.aggregate_id.to_string();
    index_all(model, vec![a, b]).await;
    let unknown = key_of("Thing__c", "unknown").aggregate_id.to_string();
    let table: [(&str, QueryValue, &[&str]); 13] = [
        ("aggregate_id", value(&id), &["a"]),
        ("aggregate_id", value(&unknown), &[]),
        ("aggregate_id", value("no uuid"), &[]),
        ("provider", value("salesforce"), &["a", "b"]),
        ("provider", value("hubspot"), &[]),
        ("version", QueryValue::Number(7.0), &["a"]),
        ("version", QueryValue::Number(7.5), &[]),
        ("created_at", QueryValue::Timestamp(timestamp(0)), &["a"]),
        ("updated_at", QueryValue::Timestamp(timestamp(9)), &["a"]),
        ("is_deleted", QueryValue::Bool(true), &["b"]),
        ("is_deleted", QueryValue::Bool(false), &["a"]),
        ("stale", QueryValue::Bool(true), &["b"]),
        ("stale", QueryValue::Bool(false), &["a"]),
    ];
    for (field, value, expected) in table {
        check(model, vec![equals(field, value)], expected).await;
    }
}

/// Case, accents, blanks at the ends and control characters count, and a value is never a pattern.
pub async fn texts_are_compared_exactly(model: &impl ReadModel) {
    let values =
        ["Acme", "acme", "Acme ", "Acmé", "Acme\u{301}", "%", "_", "*", "'", "\"", "\\", "", "a\u{0}b", "NULL"];
    let documents = values.iter().enumerate().map(|(index, value)| {
        let id = format!("{index:02}");
        // The elements of a list are texts too.
        thing(&id, vec![("order", text(value)), ("tags", list(&["other", value]))])
    });
    index_all(model, documents.collect()).await;
    for (index, each) in values.iter().enumerate() {
        let id = format!("{index:02}");
        check(model, vec![equals("order", value(each))], &[&id]).await;
        check(model, vec![equals("tags", value(each))], &[&id]).await;
    }
    check(model, vec![equals("order", value("A%"))], &[]).await;
    check(model, vec![equals("order", value("a"))], &[]).await;
}

/// A null or absent value is neither false, nor zero, nor an empty text.
pub async fn a_null_or_absent_value_equals_nothing(model: &impl ReadModel) {
    let fields = ["order", "tags", "open", "weight", "amount", "starts", "day", "owner_id"];
    let nulls = fields.map(|field| (field, FieldValue::Null)).to_vec();
    index_all(model, vec![thing("null", nulls), thing("absent", Vec::new())]).await;
    let values = [value(""), value(""), QueryValue::Bool(false), QueryValue::Number(0.0), QueryValue::Number(0.0)];
    for (field, value) in fields.into_iter().zip(values) {
        check(model, vec![equals(field, value)], &[]).await;
    }
}

/// However long it is: no part of it is enough. Only the first 1,000 characters of a text are looked at.
pub async fn a_long_text_is_looked_for_as_a_whole(model: &impl ReadModel) {
    let long = "aB*é".repeat(200);
    let (start, end) = (&long[..250], &long[255..]);
    let texts = [
        ("whole", format!("x{long}y")),
        ("parts", format!("{start}-{end}")),
        ("repeated", "z".repeat(499)),
        ("longest", "w".repeat(1_200)),
    ];
    index_all(model, texts.map(|(id, value)| thing(id, vec![("order", text(&value))])).to_vec()).await;
    let is_in = |needle: &str| {
        let condition = Condition::Contains(fold(needle));
        vec![Filter { condition, ..equals("order", value("")) }]
    };
    let repeated = |text: &str, count: usize| text.repeat(count);
    for (needle, expected) in [
        (long.clone(), &["whole"][..]),
        (start.to_owned(), &["parts", "whole"]),
        (end.to_owned(), &["parts", "whole"]),
        (repeated("z", 101), &["repeated"]),
        (repeated("z", 499), &["repeated"]),
        (repeated("z", 500), &[]),
        (repeated("w", 1_000), &["longest"]),
        (repeated("w", 1_001), &[]),
        (format!("{}q", repeated("z", 200)), &[]),
    ] {
        check(model, is_in(&needle), expected).await;
    }
}

/// Texts of up to 1,000 characters are compared completely, longer ones by their first 1,000.
pub async fn a_long_text_is_compared_by_its_first_thousand_characters(model: &impl ReadModel) {
    let start = "é".repeat(999);
    let [at_limit, longer, other] = ["x", "xyz", "y"].map(|end| format!("{start}{end}"));
    let fields = |text: &String| vec![("order", FieldValue::Text(text.as_str().into()))];
    let documents = [("limit", &at_limit), ("longer", &longer), ("other", &other), ("short", &start)];
    index_all(model, documents.map(|(id, text)| thing(id, fields(text))).to_vec()).await;
    check(model, vec![equals("order", QueryValue::Text(longer))], &["limit", "longer"]).await;
    check(model, vec![equals("order", QueryValue::Text(at_limit))], &["limit", "longer"]).await;
    check(model, vec![equals("order", QueryValue::Text(other))], &["other"]).await;
    check(model, vec![equals("order", QueryValue::Text(start))], &["short"]).await;
}

/// Also several filters on one field, and several hundred filters.
pub async fn all_filters_must_match(model: &impl ReadModel) {
    let fields = |order, tags: &[&str]| vec![("order", text(order)), ("tags", list(tags))];
    let documents = vec![thing("a", fields("1", &["x", "y"])), thing("b", fields("1", &["x"]))];
    index_all(model, documents).await;
    index_all(model, vec![document("Gadget__c", "a", Vec::new())]).await;
    let (x, y) = (equals("tags", value("x")), equals("tags", value("y")));
    check(model, vec![equals("order", value("1")), x.clone()], &["a", "b"]).await;
    check(model, vec![x.clone(), y], &["a"]).await;
    check(model, vec![equals("order", value("1")), equals("order", value("2"))], &[]).await;
    check(model, vec![x; 600], &["a", "b"]).await;
}
