//! Lists as requests state them: the entities that the tables of filters, sorts and pages are about.

use std::collections::BTreeSet;
use std::sync::Arc;

use annals_domain::change::{RefetchReason, Stale};
use annals_domain::entity::FieldValue;
use annals_domain::position::Version;
use serde_json::Value;

use super::index_all;
use crate::contract::samples::{schema, text, thing, timestamp};
use crate::ports::{Document, MAX_PAGE_BYTES, ReadDocument, ReadModel};
use crate::queries::{FilterRequest, ListQuery, ListRequest, Page, PageLink, QueryError};

/// Values of every type: equal ones, nulls, absent ones, empty ones, other cases, scripts and characters with a meaning
/// in some query language. `i` is deleted.
pub(super) fn shelf() -> Vec<Document> {
    let nulls = ["owner_id", "tags", "starts", "day", "open", "weight", "amount", "order", "rowid", "doc", "name"];
    let d = nulls.map(|field| (field, FieldValue::Null)).to_vec();
    let mut i = thing("i", vec![("order", text("🦀 crab"))]);
    let entity = Arc::make_mut(&mut i.entity);
    (entity.is_deleted, entity.version) = (true, Version::new(7));
    entity.stale = Some(Stale { reason: RefetchReason::Gap, since: timestamp(1) });
    let reserved = ["rowid", "doc", "search_text", "external_id"].map(|field| (field, text(&format!("{field} 1"))));
    let full = |order, owner, tags, starts, date, open, weight, amount| {
        vec![
            ("order", text(order)),
            ("owner_id", text(owner)),
            ("tags", list(tags)),
            ("starts", FieldValue::Timestamp(timestamp(starts))),
            ("day", day(date)),
            ("open", FieldValue::Bool(open)),
            ("weight", number(weight)),
            ("amount", decimal(amount)),
        ]
    };
    let a = full("Acme", "u1", &["x", "y"][..], 1, "2024-02-29", true, "1.5", "0.1");
    vec![
        thing("a", [a, reserved.to_vec()].concat()),
        thing("b", full("acme", "U1", &["x"], 2, "2024-03-01", false, "-2", "100000000000.01")),
        thing("c", full("Crème Brûlée", "u2", &[], -5, "1999-12-31", true, "0", "-0.5")),
        thing("d", d),
        thing("e", Vec::new()),
        thing("f", full("a,b", "u,1", &["a,b", "é"], 1, "2024-02-29", false, "1e300", "1.5")),
        thing(
            "g",
            vec![
                ("order", text("50%_*?\\\"'")),
                ("owner_id", text("%")),
                ("tags", list(&["*"])),
                ("weight", number("2.5")),
                ("amount", decimal("2")),
            ],
        ),
        thing(
            "h",
            vec![("order", text("")), ("owner_id", text("")), ("tags", list(&[""])), ("weight", number("-0.0"))],
        ),
        i,
        thing("j", vec![("order", text("ACMÉ")), ("tags", list(&["X"]))]),
    ]
}

pub(super) async fn with_shelf(model: &impl ReadModel) {
    index_all(model, shelf()).await;
}

/// A number as the mapping returns it, with its digits.
fn number(digits: &str) -> FieldValue {
    FieldValue::Number(serde_json::from_str(digits).expect("a number"))
}

fn decimal(digits: &str) -> FieldValue {
    FieldValue::Decimal(digits.to_owned())
}

fn day(text: &str) -> FieldValue {
    FieldValue::Date(text.parse().expect("a day"))
}

fn list(items: &[&str]) -> FieldValue {
    FieldValue::List(items.iter().map(|item| (*item).to_owned()).collect())
}

/// A request with these filters.
pub(super) fn filtered(filters: &[&str]) -> ListRequest {
    let filters = filters.iter().map(|filter| filter.parse::<FilterRequest>().expect("a filter")).collect();
    ListRequest { filters, ..ListRequest::default() }
}

/// A page of things, as [`crate::queries::EntityQueries`] makes it.
pub(super) async fn try_list(
    model: &impl ReadModel,
    request: &ListRequest,
    max_bytes: usize,
) -> Result<Page<ReadDocument>, QueryError> {
    let list = ListQuery::of(schema("Thing__c"), request, max_bytes)?;
    let found = model.search(&list.query).await.expect("the model reads");
    let count = model.count(&list.query).await.expect("the model reads");
    assert_eq!(found.count, count, "the count of {request:?}");
    list.page(found)
}

pub(super) async fn list_of(model: &impl ReadModel, request: &ListRequest) -> Page<ReadDocument> {
    try_list(model, request, MAX_PAGE_BYTES).await.unwrap_or_else(|error| panic!("{request:?}: {error}"))
}

/// The ids of a page, in its order.
pub(super) fn ids(page: &Page<ReadDocument>) -> Vec<String> {
    let id = |document: &ReadDocument| match serde_json::from_str::<Value>(document.json.get()) {
        Ok(json) => json["id"].as_str().expect("an id").to_owned(),
        Err(error) => panic!("a document is JSON: {error}"),
    };
    page.results.iter().map(id).collect()
}

/// The request of the page that a page's `next` leads to.
pub(super) fn next(request: &ListRequest, page: &Page<ReadDocument>) -> Option<ListRequest> {
    let (number, cursor) = match page.next.clone()? {
        PageLink::Number(number) => (Some(number), None),
        PageLink::Cursor(cursor) => (None, Some(cursor)),
    };
    Some(ListRequest { page: number, cursor, ..request.clone() })
}

/// The ids on all pages, page by page.
pub(super) async fn walk(model: &impl ReadModel, request: ListRequest) -> Vec<Vec<String>> {
    walk_by_bytes(model, request, MAX_PAGE_BYTES).await
}

/// The same with pages of at most so many bytes.
pub(super) async fn walk_by_bytes(
    model: &impl ReadModel,
    mut request: ListRequest,
    max_bytes: usize,
) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        let page = try_list(model, &request, max_bytes).await.unwrap_or_else(|error| panic!("{request:?}: {error}"));
        pages.push(ids(&page));
        match next(&request, &page) {
            Some(following) => request = following,
            None => return pages,
        }
    }
}

/// Ids in the order of their aggregate ids.
pub(super) fn in_id_order(ids: &str) -> Vec<String> {
    let ids: BTreeSet<_> = ids.chars().map(|id| id.to_string()).collect();
    let mut ids: Vec<String> = ids.into_iter().collect();
    ids.sort_by_key(|id| thing(id, Vec::new()).entity.aggregate_id.uuid());
    ids
}
