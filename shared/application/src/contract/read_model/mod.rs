//! The rules for read models. The adapter is made with `samples::catalog()`.

mod filter_table;
mod filters;
mod lists;
mod order;
mod walks;
mod words;

use std::sync::Arc;

use annals_domain::entity::FieldValue;
use annals_domain::position::Version;
use serde_json::Value;

pub use self::filter_table::{
    all_filters_of_a_request_must_match, an_aggregate_id_is_filtered_as_a_text,
    an_invalid_filter_names_what_is_expected, filters_on_lists_find_what_they_state,
    filters_on_numbers_find_what_they_state, filters_on_other_fields_find_what_they_state,
    filters_on_texts_find_what_they_state, filters_on_times_find_what_they_state,
};
pub use self::filters::{
    a_filter_finds_equal_values_of_every_type, a_filter_finds_values_of_system_fields,
    a_long_text_is_compared_by_its_first_thousand_characters, a_long_text_is_looked_for_as_a_whole,
    a_null_or_absent_value_equals_nothing, all_filters_must_match, texts_are_compared_exactly,
};
pub use self::order::{
    a_page_is_selected_by_offset_and_limit, a_text_sort_ignores_case_and_accents,
    nulls_come_last_in_both_sort_directions, the_default_sort_is_newest_first_with_nulls_last,
    ties_are_sorted_by_aggregate_id_in_both_directions,
};
pub use self::walks::{
    a_list_is_in_its_order_however_it_is_walked, a_page_ends_before_its_bytes, a_page_has_links_to_its_neighbours,
    a_place_without_an_entity_continues_after_it, a_walk_by_cursor_has_each_unchanged_entity_once,
    an_invalid_page_names_what_is_expected, selected_fields_are_in_the_order_of_the_request,
    the_page_after_the_last_number_is_by_cursor,
};
pub use self::words::{
    a_word_is_found_anywhere_in_the_search_text, all_words_must_be_found, many_and_long_words_are_searched_completely,
    special_characters_in_words_are_literal,
};
use super::samples::{document, key_of, schema, text, thing, timestamp};
use crate::ports::{
    Condition, Document, EntityQuery, Filter, IndexOutcome, PageEnd, PageStart, QueryField, QueryValue, ReadModel,
    Sort, SortOrder,
};

/// Defines a test for each rule.
#[macro_export]
macro_rules! read_model_contract {
    ($make:path) => {
        $crate::contract_tests!(
            $make,
            $crate::contract::read_model,
            [
                an_entity_is_read_as_it_was_indexed,
                a_document_never_goes_back_to_an_older_version,
                versions_of_one_call_are_indexed_in_its_order,
                a_newer_version_replaces_fields_and_search_text,
                an_invalid_value_refuses_only_its_own_document,
                deleted_entities_are_excluded_unless_requested,
                a_query_finds_only_entities_of_its_schema,
                objects_without_a_definition_are_indexed,
                records_with_equal_fields_are_all_found,
                a_filter_finds_equal_values_of_every_type,
                a_filter_finds_values_of_system_fields,
                texts_are_compared_exactly,
                a_null_or_absent_value_equals_nothing,
                a_long_text_is_compared_by_its_first_thousand_characters,
                a_long_text_is_looked_for_as_a_whole,
                all_filters_must_match,
                a_word_is_found_anywhere_in_the_search_text,
                all_words_must_be_found,
                special_characters_in_words_are_literal,
                many_and_long_words_are_searched_completely,
                the_default_sort_is_newest_first_with_nulls_last,
                nulls_come_last_in_both_sort_directions,
                a_text_sort_ignores_case_and_accents,
                ties_are_sorted_by_aggregate_id_in_both_directions,
                a_page_is_selected_by_offset_and_limit,
                filters_on_texts_find_what_they_state,
                filters_on_lists_find_what_they_state,
                filters_on_times_find_what_they_state,
                filters_on_numbers_find_what_they_state,
                filters_on_other_fields_find_what_they_state,
                an_aggregate_id_is_filtered_as_a_text,
                all_filters_of_a_request_must_match,
                an_invalid_filter_names_what_is_expected,
                a_list_is_in_its_order_however_it_is_walked,
                a_page_has_links_to_its_neighbours,
                an_invalid_page_names_what_is_expected,
                the_page_after_the_last_number_is_by_cursor,
                a_walk_by_cursor_has_each_unchanged_entity_once,
                a_place_without_an_entity_continues_after_it,
                a_page_ends_before_its_bytes,
                selected_fields_are_in_the_order_of_the_request,
            ]
        );
    };
}

/// Indexes documents that must all be accepted.
async fn index_all(model: &impl ReadModel, documents: Vec<Document>) {
    let expected = vec![IndexOutcome::Indexed; documents.len()];
    assert_eq!(model.index(documents).await.expect("the model writes"), expected);
}

/// The default list of an object's records.
fn all_of(object: &str) -> EntityQuery {
    EntityQuery { sort: sort_by(&[("created_at", true)]), ..EntityQuery::first(schema(object), 100) }
}

/// A field of a `Thing__c`, and of any other object that has one of that name.
fn field(name: &str) -> QueryField {
    QueryField::of(&schema("Thing__c"), name).expect("a field")
}

fn equals(name: &str, value: QueryValue) -> Filter {
    Filter { field: field(name), condition: Condition::Equals(value) }
}

/// Fields, each with whether its order is descending.
fn sort_by(keys: &[(&str, bool)]) -> Vec<Sort> {
    let order = |is_descending| if is_descending { SortOrder::Descending } else { SortOrder::Ascending };
    keys.iter().map(|(name, is_descending)| Sort { field: field(name), order: order(*is_descending) }).collect()
}

/// The ids that a query finds, in its order. Where all of them fit on the page, the count must be equal.
async fn found(model: &impl ReadModel, query: &EntityQuery) -> Vec<String> {
    let page = model.search(query).await.expect("the model reads");
    let count = model.count(query).await.expect("the model reads");
    assert_eq!(count, page.count, "the count of {query:?}");
    let is_whole = query.start == PageStart::Offset(0) && page.end == PageEnd::Last;
    let page = page.documents;
    assert!(!is_whole || count == page.len() as u64, "the count of {query:?}");
    let id = |json: &str| match serde_json::from_str::<Value>(json).expect("a document is JSON").get("id") {
        Some(Value::String(id)) => id.clone(),
        other => panic!("expected an id: {other:?}"),
    };
    page.iter().map(|document| id(document.json.get())).collect()
}

/// The ids that a query finds, sorted.
async fn found_sorted(model: &impl ReadModel, query: &EntityQuery) -> Vec<String> {
    let mut ids = found(model, query).await;
    ids.sort();
    ids
}

/// The entity's JSON has every value, all digits of its numbers, and null for unknown values.
pub async fn an_entity_is_read_as_it_was_indexed(model: &impl ReadModel) {
    let number = serde_json::from_str("1778192987716501506").expect("a number");
    let fields = vec![
        ("name", text("Crème\r\n\u{0}\"🦀\"")),
        ("tags", FieldValue::List(vec!["a;b".to_owned(), "é\"".to_owned(), String::new()])),
        ("starts", FieldValue::Timestamp(timestamp(3))),
        ("day", FieldValue::Date("2024-02-29".parse().expect("a day"))),
        ("open", FieldValue::Bool(true)),
        ("weight", FieldValue::Number(number)),
        ("amount", FieldValue::Decimal("12345678901234567890.10".to_owned())),
        ("owner_id", FieldValue::Null),
    ];
    let document = thing("a", fields);
    index_all(model, vec![document.clone()]).await;
    let id = document.entity.aggregate_id;
    let read = model.get(&document.schema, id).await.expect("the model reads").expect("it was indexed");
    assert_eq!((read.aggregate_id, read.version), (id, Version::FIRST));
    let json: Value = serde_json::from_str(read.json.get()).expect("a document is JSON");
    assert_eq!(json, Value::Object(document.entity.to_json(&document.schema)));
    let listed = model.search(&all_of("Thing__c")).await.expect("the model reads").documents;
    assert_eq!(listed[0].json.get(), read.json.get());
    let unknown = key_of("Thing__c", "unknown").aggregate_id;
    assert!(model.get(&document.schema, unknown).await.expect("the model reads").is_none());
}

fn version_of(number: u64, name: &str) -> Document {
    let mut document = thing("a", vec![("name", text(name))]);
    Arc::make_mut(&mut document.entity).version = Version::new(number);
    document
}

async fn name_of(model: &impl ReadModel, document: &Document) -> String {
    let id = document.entity.aggregate_id;
    let read = model.get(&document.schema, id).await.expect("the model reads").expect("it was indexed");
    let json: Value = serde_json::from_str(read.json.get()).expect("a document is JSON");
    json["name"].as_str().expect("a name").to_owned()
}

/// An older or repeated version changes neither the document nor its search text.
pub async fn a_document_never_goes_back_to_an_older_version(model: &impl ReadModel) {
    for (version, name, outcome, expected) in [
        (5, "five", IndexOutcome::Indexed, "five"),
        (4, "four", IndexOutcome::AlreadyNewer, "five"),
        (5, "other five", IndexOutcome::AlreadyNewer, "five"),
        (9, "nine", IndexOutcome::Indexed, "nine"),
        (1, "one", IndexOutcome::AlreadyNewer, "nine"),
    ] {
        let document = version_of(version, name);
        let outcomes = model.index(vec![document.clone()]).await.expect("the model writes");
        assert_eq!(outcomes, [outcome], "version {version}");
        assert_eq!(name_of(model, &document).await, expected);
        let by_word = |word: &str| EntityQuery { words: vec![word.to_owned()], ..all_of("Thing__c") };
        assert_eq!(found(model, &by_word(expected)).await, ["a"]);
        assert_eq!(found(model, &by_word("four")).await.len(), 0);
    }
}

/// One call may have several versions of a record, in any order.
pub async fn versions_of_one_call_are_indexed_in_its_order(model: &impl ReadModel) {
    let documents = [(2, "two"), (1, "one"), (3, "three"), (3, "three again")];
    let documents: Vec<_> = documents.into_iter().map(|(version, name)| version_of(version, name)).collect();
    let outcomes = model.index(documents.clone()).await.expect("the model writes");
    use IndexOutcome::{AlreadyNewer, Indexed};
    assert_eq!(outcomes, [Indexed, AlreadyNewer, Indexed, AlreadyNewer]);
    assert_eq!(name_of(model, &documents[0]).await, "three");
    assert!(model.index(Vec::new()).await.expect("the model writes").is_empty());
}

/// No search or filter finds a value of the older version, also if the newer one has no value there.
pub async fn a_newer_version_replaces_fields_and_search_text(model: &impl ReadModel) {
    let mut old = thing("a", vec![("name", text("Older")), ("order", text("x"))]);
    let mut new = thing("a", vec![("name", text("Newer")), ("order", text("y"))]);
    let mut bare = thing("a", Vec::new());
    let mut back = thing("a", vec![("name", text("Older"))]);
    let versions = [(&mut old, "older", "x"), (&mut new, "newer", "y"), (&mut bare, "", ""), (&mut back, "older", "")];
    for (number, (document, word, order)) in (1..).zip(versions) {
        Arc::make_mut(&mut document.entity).version = Version::new(number);
        index_all(model, vec![document.clone()]).await;
        for each in ["older", "newer"] {
            let query = EntityQuery { words: vec![each.to_owned()], ..all_of("Thing__c") };
            assert_eq!(found(model, &query).await.len(), usize::from(each == word), "`{each}` at version {number}");
        }
        for each in ["x", "y"] {
            let filters = vec![equals("order", QueryValue::Text(each.to_owned()))];
            let query = EntityQuery { filters, ..all_of("Thing__c") };
            assert_eq!(found(model, &query).await.len(), usize::from(each == order), "`{each}` at version {number}");
        }
    }
}

/// A value that is not of its field's type.
pub async fn an_invalid_value_refuses_only_its_own_document(model: &impl ReadModel) {
    let wrong = thing("wrong", vec![("starts", text("no timestamp"))]);
    let documents = vec![thing("a", Vec::new()), wrong, thing("b", Vec::new())];
    let outcomes = model.index(documents).await.expect("the model writes");
    assert!(matches!(&outcomes[..], [IndexOutcome::Indexed, IndexOutcome::Refused(_), IndexOutcome::Indexed]));
    assert_eq!(found_sorted(model, &all_of("Thing__c")).await, ["a", "b"]);
}

/// A deleted entity can be read by its id, and a list can include it.
pub async fn deleted_entities_are_excluded_unless_requested(model: &impl ReadModel) {
    let mut deleted = thing("deleted", vec![("name", text("Acme"))]);
    Arc::make_mut(&mut deleted.entity).is_deleted = true;
    index_all(model, vec![deleted.clone(), thing("there", vec![("name", text("Acme"))])]).await;
    let query = EntityQuery { words: vec!["acme".to_owned()], ..all_of("Thing__c") };
    assert_eq!(found(model, &query).await, ["there"]);
    let with_deleted = EntityQuery { include_deleted: true, ..query };
    assert_eq!(found_sorted(model, &with_deleted).await, ["deleted", "there"]);
    let only = EntityQuery { filters: vec![equals("is_deleted", QueryValue::Bool(true))], ..with_deleted };
    assert_eq!(found(model, &only).await, ["deleted"]);
    let id = deleted.entity.aggregate_id;
    assert!(model.get(&deleted.schema, id).await.expect("the model reads").is_some());
}

/// Equal values in several objects: each query finds the records of its own object.
pub async fn a_query_finds_only_entities_of_its_schema(model: &impl ReadModel) {
    let objects = ["Thing__c", "Gadget__c", "Open_One__c", "Open_Two__c"];
    let documents = objects.map(|object| {
        let mut document = document(object, "same", vec![("name", text("Same name"))]);
        document.search_text = "same name".to_owned();
        document
    });
    index_all(model, documents.to_vec()).await;
    for (object, document) in objects.iter().zip(&documents) {
        for words in [vec![], vec!["name".to_owned()], vec!["sa".to_owned()]] {
            assert_eq!(found(model, &EntityQuery { words, ..all_of(object) }).await, ["same"], "{object}");
        }
        let listed = model.search(&all_of(object)).await.expect("the model reads").documents;
        assert_eq!(listed[0].aggregate_id, document.entity.aggregate_id);
        for other in objects.iter().filter(|other| *other != object) {
            let id = document.entity.aggregate_id;
            assert!(model.get(&schema(other), id).await.expect("the model reads").is_none(), "{object} as {other}");
        }
    }
}

/// Their raw fields are returned; they can be filtered by system fields and id.
pub async fn objects_without_a_definition_are_indexed(model: &impl ReadModel) {
    let raw: Value = serde_json::from_str(r#"{"n":1778192987716501506,"x":[1.10,null]}"#).expect("plain JSON");
    let mut deleted = document("Zeta__c", "z", Vec::new());
    Arc::make_mut(&mut deleted.entity).is_deleted = true;
    let a = document("Alpha__c", "a", vec![("Anything__c", FieldValue::Raw(raw.clone()))]);
    index_all(model, vec![deleted, a.clone(), document("Alpha__c", "b", Vec::new()), thing("t", Vec::new())]).await;

    let read = model.get(&a.schema, a.entity.aggregate_id).await.expect("the model reads").expect("it was indexed");
    let json: Value = serde_json::from_str(read.json.get()).expect("a document is JSON");
    assert_eq!(json["Anything__c"], raw);
    for (field, value) in [("id", "a".to_owned()), ("aggregate_id", a.entity.aggregate_id.to_string())] {
        let query = EntityQuery { filters: vec![equals(field, QueryValue::Text(value))], ..all_of("Alpha__c") };
        assert_eq!(found(model, &query).await, ["a"], "by {field}");
    }
}

/// Records that differ only in their ids.
pub async fn records_with_equal_fields_are_all_found(model: &impl ReadModel) {
    let fields = || vec![("name", text("Twin")), ("order", text("1"))];
    index_all(model, vec![thing("a", fields()), thing("b", fields()), thing("c", fields())]).await;
    let filters = vec![equals("name", QueryValue::Text("Twin".to_owned()))];
    let query = EntityQuery { filters, words: vec!["twin".to_owned()], ..all_of("Thing__c") };
    assert_eq!(found_sorted(model, &query).await, ["a", "b", "c"]);
}
