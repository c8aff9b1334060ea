//! Lists are in the same order whatever release created the index and wrote its documents.

use std::cmp::Reverse;
use std::sync::Arc;

use annals_application::contract::samples::{schema, thing};
use annals_application::ports::{
    Comparison, Condition, Document, EntityQuery, Filter, PageStart, QueryField, QueryValue, ReadModel, Sort, SortOrder,
};
use annals_aws::read_model::{IndexProblem, OpenSearchReadModel};
use annals_domain::definition::SystemField;
use annals_domain::identity::AggregateId;
use annals_domain::position::Version;
use annals_domain::timestamp::Timestamp;
use serde_json::json;

use crate::indices::{all, write};
use crate::nodes::Node;
use crate::on_both;

on_both!(
    an_index_of_an_earlier_layout_lists_in_the_same_order_and_its_cursors_stay_valid,
    a_list_finds_the_index_that_has_replaced_the_known_one_whatever_its_layout,
    documents_that_an_earlier_release_wrote_are_listed_in_the_same_order,
    filters_and_walks_by_the_time_of_creation_find_every_document,
);

/// Things by their time of creation in milliseconds, in the order of a list newest first.
fn created_at(times: &[Option<i64>]) -> Vec<Document> {
    let mut things: Vec<Document> = Vec::new();
    for (number, time) in times.iter().enumerate() {
        let mut thing = thing(&number.to_string(), Vec::new());
        let entity = Arc::make_mut(&mut thing.entity);
        entity.created_at = time.map(|time| Timestamp::from_millis(time).expect("a time"));
        things.push(thing);
    }
    things.sort_by_key(|thing| (Reverse(thing.entity.created_at), thing.entity.aggregate_id));
    things
}

fn ids(things: &[Document]) -> Vec<AggregateId> {
    things.iter().map(|thing| thing.entity.aggregate_id).collect()
}

/// The pages of a walk by cursor, newest first. `between` is called after the first.
async fn walk(model: &OpenSearchReadModel, between: impl AsyncFnOnce()) -> Vec<AggregateId> {
    let mut query = EntityQuery { limit: 3, ..all(schema("Thing__c")) };
    let (mut found, mut between) = (Vec::new(), Some(between));
    loop {
        let page = model.search(&query).await.expect("the model reads");
        found.extend(page.documents.iter().map(|document| document.aggregate_id));
        if found.len() as u64 >= page.count || page.documents.is_empty() {
            return found;
        }
        query.start = PageStart::After(page.last.expect("a position"));
        if let Some(between) = between.take() {
            between().await;
        }
    }
}

/// The fields that layout 2 brought.
const HALVES: [&str; 2] = ["aggregate_id_high", "aggregate_id_low"];
const TIMES: [Option<i64>; 11] =
    [Some(5), Some(5), None, Some(-7), Some(5), Some(9_000), Some(9_000), None, Some(5), Some(0), None];

/// An index as an earlier release created it serves until a rebuild puts a new one in its place.
async fn an_index_of_an_earlier_layout_lists_in_the_same_order_and_its_cursors_stay_valid(node: Node) {
    let (search, things, thing_schema) = (node.connect().await, created_at(&TIMES), schema("Thing__c"));
    let [old, new] = fill_both_layouts(&node, &things).await;
    let issues = search.indices().check(std::slice::from_ref(&thing_schema)).await.expect("the check runs");
    assert_eq!(issues[0].problem, IndexProblem::OlderLayout { index: old.clone(), layout: 1 });

    let swap = async || search.indices().swap(&thing_schema, Some(&old), &new).await.expect("it is swapped");
    assert_eq!(walk(&node.model().await, swap).await, ids(&things));
    assert!(search.indices().check(&[thing_schema]).await.expect("the check runs").is_empty());
}

/// An earlier release rebuilds while processes of this one know the index.
async fn a_list_finds_the_index_that_has_replaced_the_known_one_whatever_its_layout(node: Node) {
    let (search, things, thing_schema) = (node.connect().await, created_at(&TIMES), schema("Thing__c"));
    let [old, new] = fill_both_layouts(&node, &things).await;
    search.indices().swap(&thing_schema, Some(&old), &new).await.expect("it is swapped");
    let back = async || search.indices().swap(&thing_schema, Some(&new), &old).await.expect("it is swapped");
    assert_eq!(walk(&node.model().await, back).await, ids(&things));
}

/// They do not have the halves of their ids, which the index has fields for.
async fn documents_that_an_earlier_release_wrote_are_listed_in_the_same_order(node: Node) {
    let things = created_at(&TIMES);
    write(&node.model().await, things.clone()).await;
    let (_, found) = node.raw("GET", "thing_index/_search?size=100", "");
    for hit in found["hits"]["hits"].as_array().expect("hits") {
        let mut document = hit["_source"].clone();
        for path in HALVES {
            document.as_object_mut().expect("an object").remove(path).expect("this release writes it");
        }
        let path = format!(
            "thing_index/_doc/{}?version=1000&version_type=external&refresh=true",
            hit["_id"].as_str().expect("an id")
        );
        assert_eq!(node.raw("PUT", &path, &document.to_string()).0, 200);
    }
    assert_eq!(walk(&node.model().await, async || ()).await, ids(&things));
    let issues = node.connect().await.indices().check(&[schema("Thing__c")]).await.expect("the check runs");
    let (index, documents) = (format!("{}thing_index-000001", node.prefix), things.len() as u64);
    assert_eq!(issues[0].problem, IndexProblem::IncompleteDocuments { index, documents });
}

/// The index may be kept in the order of that time.
async fn filters_and_walks_by_the_time_of_creation_find_every_document(node: Node) {
    let (model, things) = (node.model().await, created_at(&TIMES));
    for part in things.chunks(4) {
        write(&model, part.to_vec()).await;
    }
    let mut newer = things[2..9].to_vec();
    for thing in &mut newer {
        Arc::make_mut(&mut thing.entity).version = Version::new(1_000);
    }
    write(&model, newer).await;
    assert_eq!(walk(&model, async || ()).await, ids(&things));
    let thing_schema = schema("Thing__c");
    let field = QueryField::System(SystemField::CreatedAt);
    let oldest_first = vec![Sort { field: field.clone(), order: SortOrder::Ascending }];
    let query = EntityQuery { sort: oldest_first, ..all(thing_schema.clone()) };
    let mut expected = things.clone();
    expected.sort_by_key(|thing| {
        let time = thing.entity.created_at;
        (time.is_none(), time, thing.entity.aggregate_id)
    });
    let found = model.search(&query).await.expect("the model reads").documents;
    assert_eq!(found.iter().map(|document| document.aggregate_id).collect::<Vec<_>>(), ids(&expected));
    let at = |millis: i64| QueryValue::Timestamp(Timestamp::from_millis(millis).expect("a time"));
    for (comparison, millis, count) in [
        (Comparison::Greater, 5, 2),
        (Comparison::GreaterOrEqual, 5, 6),
        (Comparison::Less, 5, 2),
        (Comparison::LessOrEqual, 5, 6),
        (Comparison::Less, 0, 1),
        (Comparison::GreaterOrEqual, -7, 8),
        (Comparison::Greater, 9_000, 0),
    ] {
        let condition = Condition::Compares(comparison, at(millis));
        let filters = vec![Filter { field: field.clone(), condition }];
        let query = EntityQuery { filters, ..all(thing_schema.clone()) };
        let page = model.search(&query).await.expect("the model reads");
        let found = (page.documents.len() as u64, page.count, model.count(&query).await.expect("the model counts"));
        assert_eq!(found, (count, count, count), "{comparison:?} {millis}");
    }
}

/// An index of layout 1, which serves, and one of today, with the same documents.
async fn fill_both_layouts(node: &Node, things: &[Document]) -> [String; 2] {
    let search = node.connect().await;
    let new = search.indices().create_numbered(&schema("Thing__c")).await.expect("it is created");
    let old = create_with_layout_1(node, &new);
    write(&node.model().await, things.to_vec()).await;
    search.writer().write_into(&new, things).await.expect("it is written");
    search.indices().refresh(&new).await.expect("it is refreshed");
    [old, new]
}

/// An index with the mapping of another one as layout 1 had it, behind the alias of things.
fn create_with_layout_1(node: &Node, other: &str) -> String {
    let (_, mut body) = node.request("GET", &format!("/{other}/_mapping"), "");
    let mut mappings = body[other]["mappings"].take();
    mappings["_meta"]["annals"]["layout"] = json!(1);
    for path in HALVES {
        let properties = mappings["properties"].as_object_mut().expect("properties");
        properties.remove(path).expect("the layout of today has it");
    }
    let index = format!("{}thing_index-000002", node.prefix);
    let alias = format!("{}thing_index", node.prefix);
    let aliases = json!({ format!("{index}-only"): {}, alias: { "is_write_index": true } });
    let body = json!({ "mappings": mappings, "aliases": aliases });
    assert_eq!(node.request("PUT", &format!("/{index}"), &body.to_string()).0, 200);
    index
}
