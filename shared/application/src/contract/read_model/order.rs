//! The rules for sorting and paging.

use std::sync::Arc;

use annals_domain::entity::FieldValue;

use super::{all_of, found, index_all, sort_by};
use crate::contract::samples::{text, thing, timestamp};
use crate::ports::{Document, EntityQuery, PageStart, ReadModel};

async fn check(model: &impl ReadModel, sort: &[(&str, bool)], expected: &[&str]) {
    let query = EntityQuery { sort: sort_by(sort), ..all_of("Thing__c") };
    assert_eq!(found(model, &query).await, expected, "{sort:?}");
}

/// Ids in the order of their aggregate ids.
fn in_id_order(ids: &[&'static str]) -> Vec<&'static str> {
    let mut ids = ids.to_vec();
    ids.sort_by_key(|id| thing(id, Vec::new()).entity.aggregate_id.uuid());
    ids
}

fn created(id: &str, at: Option<i64>) -> Document {
    let mut document = thing(id, Vec::new());
    Arc::make_mut(&mut document.entity).created_at = at.map(timestamp);
    document
}

/// By creation time; an unknown time comes last, equal times are sorted by aggregate id, ascending.
pub async fn the_default_sort_is_newest_first_with_nulls_last(model: &impl ReadModel) {
    let (nulls, ties) = (in_id_order(&["n1", "n2", "n3"]), in_id_order(&["t1", "t2", "t3", "t4"]));
    let mut documents = vec![created("old", Some(-999_999_999)), created("new", Some(30))];
    documents.extend(nulls.iter().map(|id| created(id, None)));
    documents.extend(ties.iter().rev().map(|id| created(id, Some(20))));
    index_all(model, documents).await;
    let expected = [vec!["new"], ties, vec!["old"], nulls].concat();
    let query = all_of("Thing__c");
    assert_eq!(found(model, &query).await, expected);
    // A store may find the entities in another way then; the order is the same.
    assert_eq!(found(model, &EntityQuery { include_deleted: true, ..query }).await, expected);
}

/// For every type that has an order.
pub async fn nulls_come_last_in_both_sort_directions(model: &impl ReadModel) {
    let number = |digits: &str| FieldValue::Number(serde_json::from_str(digits).expect("a number"));
    let fields = |order: &str, start, day: &str, open, weight: &str, amount: &str| {
        vec![
            ("order", text(order)),
            ("starts", FieldValue::Timestamp(timestamp(start))),
            ("day", FieldValue::Date(day.parse().expect("a day"))),
            ("open", FieldValue::Bool(open)),
            ("weight", number(weight)),
            ("amount", FieldValue::Decimal(amount.to_owned())),
        ]
    };
    let low = thing("low", fields("a", -5, "1999-12-31", false, "-1e3", "-0.5"));
    let high = thing("high", fields("b", 5, "2024-01-01", true, "9", "10.25"));
    let null = thing("null", ["order", "starts", "day"].map(|field| (field, FieldValue::Null)).to_vec());
    index_all(model, vec![high, null, low]).await;
    for field in ["order", "starts", "day", "open", "weight", "amount"] {
        check(model, &[(field, false)], &["low", "high", "null"]).await;
        check(model, &[(field, true)], &["high", "low", "null"]).await;
    }
}

/// Texts are compared folded first, and by code points if they are equal then; later keys break ties.
pub async fn a_text_sort_ignores_case_and_accents(model: &impl ReadModel) {
    let names = [("1", "Zebra"), ("2", "apple"), ("3", "Äpfel"), ("4", "Apple"), ("5", "zebra"), ("6", "")];
    let documents = names.map(|(id, name)| thing(id, vec![("order", text(name)), ("rowid", text(&id.repeat(2)))]));
    index_all(model, documents.to_vec()).await;
    check(model, &[("order", false)], &["6", "3", "4", "2", "1", "5"]).await;
    check(model, &[("order", true)], &["5", "1", "2", "4", "3", "6"]).await;
    check(model, &[("open", false), ("rowid", true)], &["6", "5", "4", "3", "2", "1"]).await;
}

/// Also if there is no sort at all.
pub async fn ties_are_sorted_by_aggregate_id_in_both_directions(model: &impl ReadModel) {
    let ids = in_id_order(&["a", "b", "c", "d", "e", "f"]);
    let documents = ids.iter().rev().map(|id| thing(id, vec![("order", text("same"))]));
    index_all(model, documents.collect()).await;
    check(model, &[("order", true)], &ids).await;
    check(model, &[("order", false)], &ids).await;
    check(model, &[], &ids).await;
    let down: Vec<_> = ids.iter().rev().copied().collect();
    check(model, &[("aggregate_id", true)], &down).await;
}

/// Pages have no gaps and do not overlap; the count is that of all pages.
pub async fn a_page_is_selected_by_offset_and_limit(model: &impl ReadModel) {
    let ids: Vec<String> = (0..25).map(|number| format!("{number:02}")).collect();
    let documents = ids.iter().zip(0..).map(|(id, at)| created(id, Some(-at)));
    index_all(model, documents.collect()).await;
    for (offset, limit) in [(0, 10), (10, 10), (20, 10), (25, 10), (1000, 10), (3, 0), (24, 1)] {
        let query = EntityQuery { start: PageStart::Offset(offset), limit, ..all_of("Thing__c") };
        let expected: Vec<_> = ids.iter().skip(offset as usize).take(limit as usize).cloned().collect();
        assert_eq!(found(model, &query).await, expected, "{limit} from {offset}");
        assert_eq!(model.count(&query).await.expect("the model reads"), 25);
    }
}
