//! The order of lists, their pages, and walks by cursor.

use std::collections::BTreeSet;
use std::sync::Arc;

use annals_domain::entity::FieldValue;
use annals_domain::position::Version;
use serde_json::Value;

use super::index_all;
use super::lists::{ids, in_id_order, list_of, next, try_list, walk, walk_by_bytes, with_shelf};
use crate::contract::samples::{schema, text, thing};
use crate::ports::{
    Document, FoundPage, IndexOutcome, MAX_PAGE_BYTES, PageEnd, PageStart, QueryValue, ReadModel, SortPosition,
};
use crate::queries::{ListQuery, ListRequest, PageLink, QueryError};

/// A sort and the ids of the shelf in its order. Those in one group are ties: they are in the order of their aggregate
/// ids.
const SORTS: [(&str, &[&str]); 26] = [
    ("order", &["h", "g", "f", "j", "a", "b", "c", "i", "de"]),
    ("-order", &["i", "c", "b", "a", "j", "f", "g", "h", "de"]),
    ("owner_id", &["h", "g", "f", "b", "a", "c", "deij"]),
    ("-owner_id", &["c", "a", "b", "f", "g", "h", "deij"]),
    ("id", &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]),
    ("-id", &["j", "i", "h", "g", "f", "e", "d", "c", "b", "a"]),
    ("starts", &["c", "af", "b", "deghij"]),
    ("-starts", &["b", "af", "c", "deghij"]),
    ("day", &["c", "af", "b", "deghij"]),
    ("-day", &["b", "af", "c", "deghij"]),
    ("open", &["bf", "ac", "deghij"]),
    ("-open", &["ac", "bf", "deghij"]),
    ("weight", &["b", "ch", "a", "g", "f", "deij"]),
    ("-weight", &["f", "g", "a", "ch", "b", "deij"]),
    ("amount", &["c", "a", "f", "g", "b", "dehij"]),
    ("-amount", &["b", "g", "f", "a", "c", "dehij"]),
    ("is_deleted", &["abcdefghj", "i"]),
    ("-is_deleted", &["i", "abcdefghj"]),
    ("-version", &["i", "abcdefghj"]),
    ("created_at", &["abcdefghij"]),
    ("-stale,provider", &["i", "abcdefghj"]),
    ("open,-weight", &["f", "b", "a", "c", "g", "h", "deij"]),
    ("day,order", &["c", "f", "a", "b", "h", "g", "j", "i", "de"]),
    ("-day,-order", &["b", "a", "f", "c", "i", "j", "g", "h", "de"]),
    ("-open,day,amount,-order", &["c", "a", "f", "b", "g", "i", "j", "h", "de"]),
    ("", &["abcdefghij"]),
];

/// Nulls are last, ties are in the order of the aggregate id, whatever the direction; and each list is the same by
/// page number, by cursor, and without what is deleted.
pub async fn a_list_is_in_its_order_however_it_is_walked(model: &impl ReadModel) {
    with_shelf(model).await;
    let mut wrong = Vec::new();
    for (sort, groups) in SORTS {
        let all: Vec<String> = groups.iter().flat_map(|ties| in_id_order(ties)).collect();
        for include_deleted in [true, false] {
            let expected: Vec<String> = all.iter().filter(|id| include_deleted || *id != "i").cloned().collect();
            for (cursor, page_size) in [(None, 200), (None, 3), (Some(String::new()), 1), (Some(String::new()), 4)] {
                let (sort, page_size) = (Some(sort.to_owned()), Some(page_size));
                let request = ListRequest { sort, include_deleted, cursor, page_size, ..ListRequest::default() };
                let found = walk(model, request.clone()).await.concat();
                if found != expected {
                    wrong.push(format!("{request:?}: {found:?}, expected {expected:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The aggregate id in both directions.
    let (up, mut down) = (in_id_order("abcdefghij"), in_id_order("abcdefghij"));
    down.reverse();
    for (sort, expected) in [("aggregate_id", up), ("-aggregate_id", down)] {
        let request = ListRequest { sort: Some(sort.to_owned()), include_deleted: true, ..ListRequest::default() };
        for cursor in [None, Some(String::new())] {
            let request = ListRequest { cursor, page_size: Some(3), ..request.clone() };
            assert_eq!(walk(model, request).await.concat(), expected, "{sort}");
        }
    }
}

fn numbered(range: std::ops::Range<u32>) -> Vec<Document> {
    range.map(|number| thing(&format!("{number:03}"), vec![("order", text(&format!("{:03}", number / 2)))])).collect()
}

/// A page has links to its neighbours, up to the last; a walk by cursor has no way back.
pub async fn a_page_has_links_to_its_neighbours(model: &impl ReadModel) {
    index_all(model, numbered(0..25)).await;
    let number = |number| Some(PageLink::Number(number));
    for (page, size, length, next, previous) in [
        (None, None, 20, number(2), None),
        (Some(1), Some(25), 25, None, None),
        (Some(1), Some(24), 24, number(2), None),
        (Some(2), Some(24), 1, None, number(1)),
        (Some(3), Some(10), 5, None, number(2)),
        (Some(4), Some(10), 0, None, number(3)),
        (Some(50), Some(200), 0, None, number(49)),
        (Some(1), Some(1), 1, number(2), None),
    ] {
        let request = ListRequest { page, page_size: size, ..ListRequest::default() };
        let found = list_of(model, &request).await;
        assert_eq!((found.results.len(), found.count), (length, Some(25)), "{request:?}");
        assert_eq!((found.next, found.previous), (next, previous), "{request:?}");
    }
    let request = ListRequest { cursor: Some(String::new()), page_size: Some(10), ..ListRequest::default() };
    let first = list_of(model, &request).await;
    assert!(matches!(first.next, Some(PageLink::Cursor(_))) && first.previous.is_none(), "{:?}", first.next);
    let second = list_of(model, &next(&request, &first).expect("a next page")).await;
    assert_eq!((second.results.len(), second.count, second.previous.is_none()), (10, Some(25), true));
}

/// Page numbers reach 10,000 results; a cursor leads on.
pub async fn the_page_after_the_last_number_is_by_cursor(_: &impl ReadModel) {
    let position = || SortPosition { values: vec![None], aggregate_id: thing("a", Vec::new()).entity.aggregate_id };
    for (page, page_size, is_by_number) in [(49, 200, true), (50, 200, false), (500, 20, false), (9_999, 1, true)] {
        let request = ListRequest { page: Some(page), page_size: Some(page_size), ..ListRequest::default() };
        let list = ListQuery::of(schema("Thing__c"), &request, MAX_PAGE_BYTES).expect("a valid request");
        let found = FoundPage { count: 20_000, end: PageEnd::Full, last: Some(position()), ..FoundPage::empty() };
        let next = list.page(found).expect("a page").next.expect("a next page");
        assert_eq!(matches!(next, PageLink::Number(_)), is_by_number, "page {page} of {page_size}");
        let PageLink::Cursor(cursor) = next else { continue };
        let request = ListRequest { cursor: Some(cursor), ..ListRequest::default() };
        let list = ListQuery::of(schema("Thing__c"), &request, MAX_PAGE_BYTES).expect("a valid cursor");
        assert_eq!(list.query.start, PageStart::After(position()));
    }
}

/// The beginning of the error of an invalid page.
pub async fn an_invalid_page_names_what_is_expected(model: &impl ReadModel) {
    index_all(model, numbered(0..5)).await;
    let request = ListRequest { cursor: Some(String::new()), page_size: Some(2), ..ListRequest::default() };
    let first = list_of(model, &request).await;
    let Some(PageLink::Cursor(cursor)) = first.next else { panic!("a next page") };
    let by_cursor = |cursor: &str| ListRequest { cursor: Some(cursor.to_owned()), ..ListRequest::default() };
    let with = |change: fn(&mut ListRequest)| {
        let mut request = by_cursor(&cursor);
        change(&mut request);
        request
    };
    let by_number = |page, page_size| ListRequest { page, page_size, ..ListRequest::default() };
    let sorted = |sort: &str| ListRequest { sort: Some(sort.to_owned()), ..ListRequest::default() };
    let selected = |fields: &str| ListRequest { fields: Some(fields.to_owned()), ..ListRequest::default() };
    let another = "cursor: cursor of another list: expected the path, filters and sort";
    let table = [
        (by_number(Some(0), None), "page: invalid value `0`: expected a number from 1"),
        (by_number(None, Some(0)), "page_size: invalid value `0`: expected a number from 1 to 200"),
        (
            by_number(None, Some(1_000_000_000)),
            "page_size: invalid value `1000000000`: expected a number from 1 to 200",
        ),
        (by_number(Some(51), Some(200)), "page: only the first 10000 results have pages: expected `cursor=`"),
        (by_number(Some(u64::MAX), None), "page: only the first 10000 results have pages"),
        (with(|request| request.page = Some(1)), "cursor: expected either `page` or `cursor`"),
        (by_cursor("x"), "cursor: invalid cursor: expected that of the `next` of a page, or nothing"),
        (by_cursor(&cursor[1..]), "cursor: invalid cursor"),
        (with(|request| request.sort = Some("order".to_owned())), another),
        (with(|request| request.sort = Some("created_at".to_owned())), another),
        (with(|request| request.include_deleted = true), another),
        (with(|request| request.search_term = Some("a".to_owned())), another),
        (with(|request| request.filters = vec!["order:ne:a".parse().expect("a filter")]), another),
        (sorted("colour"), "sort: colour: a thing has no such field; expected one of aggregate_id, "),
        (sorted("-tags"), "sort: cannot sort by `tags`: a list has no order"),
        (sorted("order,id,day,open,weight,amount"), "sort: 6 fields: expected at most 5"),
        (selected("id,colour"), "fields: colour: a thing has no such field; expected one of aggregate_id, "),
        (selected(" , "), "fields: invalid value: expected names of fields, separated by commas"),
    ];
    for (request, expected) in table {
        match try_list(model, &request, MAX_PAGE_BYTES).await {
            Err(QueryError::InvalidParameters(invalid)) => {
                assert!(invalid[0].to_string().starts_with(expected), "{request:?}: {}", invalid[0]);
            }
            other => panic!("{request:?}: {other:?}"),
        }
    }
    // The size of the page and its fields may change during a walk.
    let request = ListRequest { page_size: Some(200), fields: Some("id".to_owned()), ..by_cursor(&cursor) };
    assert_eq!(list_of(model, &request).await.results.len(), 3);
}

/// An entity that does not change during a walk is on exactly one page, whatever is written meanwhile.
pub async fn a_walk_by_cursor_has_each_unchanged_entity_once(model: &impl ReadModel) {
    index_all(model, numbered(0..40)).await;
    for (round, sort) in (1_u64..).zip(["order", "-order", "-created_at", "weight,-order"]) {
        let request = ListRequest {
            sort: Some(sort.to_owned()),
            cursor: Some(String::new()),
            page_size: Some(7),
            ..ListRequest::default()
        };
        let (mut seen, mut current, mut page_number) = (Vec::new(), Some(request), 0);
        let changed = |number: u32| number.is_multiple_of(5);
        while let Some(request) = current {
            let page = list_of(model, &request).await;
            seen.extend(ids(&page));
            current = next(&request, &page);
            page_number += 1;
            // Every fifth entity moves to another place or is deleted; others come in between.
            let mut writes = Vec::new();
            for number in (0..40).filter(|number| changed(*number)) {
                let order = format!("{:03}", (number + page_number * 13) % 40);
                let mut document = thing(&format!("{number:03}"), vec![("order", text(&order))]);
                let entity = Arc::make_mut(&mut document.entity);
                entity.version = Version::new(round * 100 + u64::from(page_number));
                entity.is_deleted = number.is_multiple_of(10);
                writes.push(document);
            }
            let new = format!("{:03}", round * 10 + u64::from(page_number));
            writes.push(thing(&format!("new {round} {page_number}"), vec![("order", text(&new))]));
            let outcomes = model.index(writes).await.expect("the model writes");
            assert!(outcomes.iter().all(|outcome| *outcome == IndexOutcome::Indexed), "{outcomes:?}");
        }
        for number in (0..40).filter(|number| !changed(*number)) {
            let id = format!("{number:03}");
            assert_eq!(seen.iter().filter(|other| **other == id).count(), 1, "{id} by {sort}: {seen:?}");
        }
        let distinct: BTreeSet<_> = seen.iter().filter(|id| id.starts_with("new")).collect();
        assert_eq!(distinct.len(), seen.iter().filter(|id| id.starts_with("new")).count(), "by {sort}: {seen:?}");
    }
}

/// A forged place states values of its keys' types, or it is refused; the model answers any that is not.
pub async fn a_place_without_an_entity_continues_after_it(model: &impl ReadModel) {
    index_all(model, numbered(0..10)).await;
    let request = ListRequest { sort: Some("-version,order".to_owned()), ..ListRequest::default() };
    let mut list = ListQuery::of(schema("Thing__c"), &request, MAX_PAGE_BYTES).expect("a valid request");
    let id = thing("none", Vec::new()).entity.aggregate_id;
    let number = |number: f64| Some(QueryValue::Number(number));
    let order = |text: &str| Some(QueryValue::Text(text.to_owned()));
    for (version, order, expected) in [
        (number(1.0), order("0015"), 6),
        (number(1.5), order("0015"), 10),
        (number(0.5), None, 0),
        (number(1e300), order(""), 10),
        (number(-1e300), order(""), 0),
        (number(1.0), order("\u{10ffff}"), 0),
        (number(1.0), None, 0),
    ] {
        let values = vec![version.clone(), order.clone()];
        list.query.start = PageStart::After(SortPosition { values, aggregate_id: id });
        let found = model.search(&list.query).await.expect("the model reads");
        assert_eq!((found.documents.len(), found.count), (expected, 10), "after {version:?}, {order:?}");
    }
}

/// The page is the longest one, in every model; `next` continues it.
pub async fn a_page_ends_before_its_bytes(model: &impl ReadModel) {
    const MAX_BYTES: usize = 80_000;
    let large = |number: u32| {
        let doc = text(&number.to_string().repeat(30_000));
        thing(&number.to_string(), vec![("doc", doc), ("order", text(&number.to_string()))])
    };
    let small = (10..=19).map(|number| thing(&number.to_string(), vec![("order", text(&number.to_string()))]));
    index_all(model, (1..=9).map(large).chain(small).collect()).await;
    let sorted = |order: &str| ListRequest { sort: Some(order.to_owned()), ..ListRequest::default() };
    let lengths = |pages: &[Vec<String>]| pages.iter().map(Vec::len).collect::<Vec<_>>();

    let pages = walk_by_bytes(model, sorted("-order"), MAX_BYTES).await;
    assert_eq!((lengths(&pages), pages.concat().len()), (vec![2, 2, 2, 12, 1], 19), "by page number");
    let by_cursor = ListRequest { cursor: Some(String::new()), ..sorted("order") };
    let pages = walk_by_bytes(model, by_cursor, MAX_BYTES).await;
    assert_eq!((lengths(&pages), pages.concat().len()), (vec![12, 2, 2, 2, 1], 19), "by cursor");
    // What is selected counts, not what is stored.
    let request = ListRequest { fields: Some("order,id".to_owned()), ..sorted("order") };
    let page = try_list(model, &request, MAX_BYTES).await.expect("it fits");
    assert_eq!((page.results.len(), page.next.is_none()), (19, true));
    assert_eq!(page.results[0].json.get(), r#"{"order":"1","id":"1"}"#);

    match try_list(model, &sorted("-order"), 20_000).await {
        Err(QueryError::TooLarge { what, bytes, .. }) => {
            let id = large(9).entity.aggregate_id;
            assert!(what == format!("the thing `{id}`") && bytes > 30_000, "{what} has {bytes}");
        }
        other => panic!("{other:?}"),
    }
}

/// Values keep their bytes; fields without a value are null.
pub async fn selected_fields_are_in_the_order_of_the_request(model: &impl ReadModel) {
    let number = serde_json::from_str("1778192987716501506.10").expect("a number");
    index_all(model, vec![thing("a", vec![("weight", FieldValue::Number(number)), ("order", text("é\u{0}\""))])]).await;
    for (fields, expected) in [
        ("weight,id", r#"{"weight":1778192987716501506.10,"id":"a"}"#),
        ("order, order", r#"{"order":"é\u0000\""}"#),
        ("tags,warnings,version,stale", r#"{"tags":null,"warnings":[],"version":1,"stale":null}"#),
    ] {
        let request = ListRequest { fields: Some(fields.to_owned()), ..ListRequest::default() };
        let page = list_of(model, &request).await;
        assert_eq!(page.results[0].json.get(), expected, "{fields}");
        assert!(serde_json::from_str::<Value>(page.results[0].json.get()).is_ok());
    }
}
