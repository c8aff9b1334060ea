//! Indices: created when missing, kept while they serve, and not touched where Annals did not create them.

use std::sync::Arc;

use annals_application::contract::samples::{catalog_of, changed_catalog, document, schema, text, thing};
use annals_application::ports::{
    Condition, Document, EntityQuery, Filter, IndexOutcome, PageStart, PortErrorKind, QueryField, QueryValue,
    ReadModel, Sort, SortOrder,
};
use annals_aws::read_model::{IndexProblem, OpenSearchReadModel};
use annals_domain::definition::{Catalog, EntitySchema, SystemField};
use annals_domain::entity::FieldValue;
use annals_domain::identity::{EntityName, Provider};
use serde_json::{Value, json};

use crate::nodes::Node;
use crate::on_both;

on_both!(
    the_first_document_creates_its_index_and_alias,
    a_missing_index_has_no_documents_and_reading_does_not_create_it,
    concurrent_writers_create_one_index,
    an_index_deleted_under_a_running_process_is_created_again,
    an_index_gets_the_number_after_that_of_a_rebuild,
    an_index_of_an_older_definition_serves_all_queries_on_its_fields,
    a_field_whose_type_changed_is_written_but_cannot_be_queried,
    an_index_that_annals_did_not_create_is_not_touched,
    an_unusable_index_does_not_affect_other_types,
    words_are_found_exactly_whatever_their_length_and_number,
    an_integer_filter_accepts_numbers_of_any_size,
    a_page_too_large_for_one_response_is_read_in_portions,
);

pub(crate) fn all(schema: EntitySchema) -> EntityQuery {
    let field = QueryField::System(SystemField::CreatedAt);
    EntityQuery { sort: vec![Sort { field, order: SortOrder::Descending }], ..EntityQuery::first(schema, 100) }
}

fn equals(schema: &EntitySchema, field: &str, value: QueryValue) -> Filter {
    let field = QueryField::of(schema, field).expect("a field");
    Filter { field, condition: Condition::Equals(value) }
}

fn ascending(schema: &EntitySchema, field: &str) -> Sort {
    Sort { field: QueryField::of(schema, field).expect("a field"), order: SortOrder::Ascending }
}

fn of(catalog: &Catalog, object: &str) -> EntitySchema {
    catalog.schema(Provider::Salesforce, &EntityName::new(object))
}

/// The same document with another definition.
fn with(schema: &EntitySchema, field: (&str, FieldValue), document: Document) -> Document {
    let mut document = Document { schema: schema.clone(), ..document };
    Arc::make_mut(&mut document.entity).fields.push((field.0.into(), field.1));
    document
}

pub(crate) async fn write(model: &OpenSearchReadModel, documents: Vec<Document>) {
    let expected = vec![IndexOutcome::Indexed; documents.len()];
    assert_eq!(model.index(documents).await.expect("the model writes"), expected);
}

async fn the_first_document_creates_its_index_and_alias(node: Node) {
    let model = node.model().await;
    write(&model, vec![thing("a", Vec::new())]).await;
    assert_eq!(node.indices_of("thing_index"), [format!("{}thing_index-000001", node.prefix)]);
    let (_, body) = node.raw("GET", "thing_index-000001", "");
    let index = &body[format!("{}thing_index-000001", node.prefix)];
    assert_eq!(index["settings"]["index"]["number_of_shards"], "1");
    assert_eq!(index["settings"]["index"]["number_of_replicas"], "0");
    let (_, about) = node.request("GET", "/", "");
    let is_2_19 = about["version"]["number"].as_str().is_some_and(|version| version.starts_with("2.19"));
    let order = if is_2_19 { json!(["created_at"]) } else { Value::Null };
    assert_eq!(index["settings"]["index"]["sort"]["field"], order, "3.3 cannot restore a sorted index");
    let mappings = &index["mappings"];
    assert_eq!(mappings["dynamic"], "false");
    assert_eq!(mappings["_meta"]["annals"]["type"], "thing");
    let properties = &mappings["properties"];
    assert_eq!(properties["entity"]["enabled"], json!(false));
    for (pointer, index_type) in [
        ("/search_text", "wildcard"),
        ("/version", "long"),
        ("/aggregate_id_high", "long"),
        ("/aggregate_id_low", "long"),
        ("/text/properties/name", "keyword"),
        ("/folded/properties/owner_id", "keyword"),
        ("/list/properties/tags", "keyword"),
        ("/instant/properties/starts", "long"),
        ("/date/properties/day", "keyword"),
        ("/bool/properties/open", "boolean"),
        ("/number/properties/amount", "double"),
    ] {
        assert_eq!(properties.pointer(pointer).expect(pointer)["type"], index_type, "{pointer}");
    }
    assert!(node.connect().await.indices().check(&[schema("Thing__c")]).await.expect("the check runs").is_empty());
}

async fn a_missing_index_has_no_documents_and_reading_does_not_create_it(node: Node) {
    let model = node.model().await;
    let (schema, id) = (schema("Thing__c"), thing("a", Vec::new()).entity.aggregate_id);
    assert!(model.get(&schema, id).await.expect("the model reads").is_none());
    assert!(model.search(&all(schema.clone())).await.expect("the model reads").documents.is_empty());
    assert_eq!(model.count(&all(schema.clone())).await.expect("the model reads"), 0);
    assert_eq!(node.raw("GET", "thing_index", "").0, 404);
    let issues = node.connect().await.indices().check(&[schema]).await.expect("the check runs");
    assert_eq!(issues[0].problem, IndexProblem::Missing);
}

async fn concurrent_writers_create_one_index(node: Node) {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let model = node.model().await;
        tasks.spawn(async move { model.index(vec![thing(&number.to_string(), Vec::new())]).await });
    }
    for outcomes in tasks.join_all().await {
        assert_eq!(outcomes.expect("each writes"), [IndexOutcome::Indexed]);
    }
    assert_eq!(node.indices_of("thing_index"), [format!("{}thing_index-000001", node.prefix)]);
    assert_eq!(node.model().await.count(&all(schema("Thing__c"))).await.expect("the model reads"), 8);
}

async fn an_index_deleted_under_a_running_process_is_created_again(node: Node) {
    let model = node.model().await;
    write(&model, vec![thing("a", Vec::new()), document("Gadget__c", "g", Vec::new())]).await;
    assert_eq!(node.raw("DELETE", "thing_index-000001", "").0, 200);
    let late = [document("Gadget__c", "h", Vec::new()), thing("b", Vec::new()), thing("c", Vec::new())];
    write(&model, late.to_vec()).await;
    assert_eq!(model.count(&all(schema("Thing__c"))).await.expect("the model reads"), 2);
    assert_eq!(model.count(&all(schema("Gadget__c"))).await.expect("the model reads"), 2);
    let (_, body) = node.raw("GET", "thing_index/_mapping", "");
    let mapping = body.as_object().and_then(|all| all.values().next()).expect("an index");
    assert_eq!(mapping["mappings"]["dynamic"], "false", "it was created from the definition, not guessed");
}

async fn an_index_gets_the_number_after_that_of_a_rebuild(node: Node) {
    let search = node.connect().await;
    let first = search.indices().create_numbered(&schema("Thing__c")).await.expect("it is created");
    assert_eq!(first, format!("{}thing_index-000001", node.prefix));
    write(&node.model().await, vec![thing("a", Vec::new())]).await;
    assert_eq!(node.indices_of("thing_index"), [format!("{}thing_index-000002", node.prefix)]);
}

async fn an_index_of_an_older_definition_serves_all_queries_on_its_fields(node: Node) {
    let gadget = |id: &str| document("Gadget__c", id, vec![("name", text("Acme"))]);
    write(&node.model().await, vec![gadget("a")]).await;

    let newer = of(&changed_catalog(), "Gadget__c");
    let (old, new) = (node.model().await, node.model().await);
    let red = with(&newer, ("colour", text("red")), gadget("b"));
    write(&new, vec![red.clone()]).await;
    let read = new.get(&newer, red.entity.aggregate_id).await.expect("the model reads").expect("it is there");
    let json: Value = serde_json::from_str(read.json.get()).expect("a document is JSON");
    assert_eq!(json["colour"], "red", "readers get every field");
    let by_name =
        EntityQuery { filters: vec![equals(&newer, "name", QueryValue::Text("Acme".into()))], ..all(newer.clone()) };
    assert_eq!(new.count(&by_name).await.expect("the model reads"), 2);
    assert_eq!(old.count(&all(schema("Gadget__c"))).await.expect("the model reads"), 2);

    let by_colour =
        EntityQuery { filters: vec![equals(&newer, "colour", QueryValue::Text("red".into()))], ..all(newer.clone()) };
    let sorted = EntityQuery { sort: vec![ascending(&newer, "colour")], ..all(newer.clone()) };
    for query in [&by_colour, &sorted] {
        let error = new.search(query).await.expect_err("the index has no such field");
        assert_eq!(error.kind, PortErrorKind::Misconfigured);
        let message = error.to_string();
        let index = format!("{}gadget_index-000001: the index has no field `", node.prefix);
        assert!(message.starts_with(&index) && message.ends_with("run `annals rebuild gadget`"), "{message}");
    }
    let issues = node.connect().await.indices().check(std::slice::from_ref(&newer)).await.expect("the check runs");
    let index = format!("{}gadget_index-000001", node.prefix);
    let missing = vec!["text.colour".to_owned(), "folded.colour".to_owned()];
    assert_eq!(issues[0].problem, IndexProblem::OtherDefinition { index, missing });

    let search = node.connect().await;
    let from = search.indices().current(&newer).await.expect("OpenSearch responds");
    let fresh = search.indices().create_numbered(&newer).await.expect("it is created");
    search
        .writer()
        .write_into(&fresh, &[with(&newer, ("colour", FieldValue::Null), gadget("a")), red.clone()])
        .await
        .expect("ok");
    search.indices().refresh(&fresh).await.expect("it is refreshed");
    search.indices().swap(&newer, from.as_deref(), &fresh).await.expect("it is swapped");
    // The response to a read shows that another index serves now.
    new.get(&newer, red.entity.aggregate_id).await.expect("the model reads");
    assert_eq!(new.count(&by_colour).await.expect("the index has the field"), 1);
    assert!(node.connect().await.indices().check(&[newer]).await.expect("the check runs").is_empty());
}

async fn a_field_whose_type_changed_is_written_but_cannot_be_queried(node: Node) {
    let definition = |kind: &str| {
        let source = if kind == "string" { "copy" } else { kind };
        let text = format!(
            "type = \"box\"\nplural = \"boxes\"\nobjects = {{ salesforce = \"Box__c\" }}\nfields = [\n  \
             {{ name = \"id\", type = \"id\", salesforce = {{ copy = \"Id\" }} }},\n  \
             {{ name = \"size\", type = \"{kind}\", salesforce = {{ {source} = \"Size__c\" }} }},\n]\n"
        );
        of(&catalog_of(&[("box.toml", &text)]), "Box__c")
    };
    let (old, new) = (definition("number"), definition("string"));
    let number = FieldValue::Number(serde_json::from_str("5").expect("a number"));
    write(&node.model().await, vec![with(&old, ("size", number), document("Box__c", "a", Vec::new()))]).await;

    let model = node.model().await;
    let large = with(&new, ("size", text("large")), document("Box__c", "b", Vec::new()));
    write(&model, vec![large]).await;
    assert_eq!(model.count(&all(new.clone())).await.expect("the model reads"), 2);
    let by_size =
        EntityQuery { filters: vec![equals(&new, "size", QueryValue::Text("large".into()))], ..all(new.clone()) };
    let error = model.count(&by_size).await.expect_err("the index has it as a number");
    assert_eq!(error.kind, PortErrorKind::Misconfigured);
}

async fn an_index_that_annals_did_not_create_is_not_touched(node: Node) {
    let prefix = &node.prefix;
    let aliased = |alias: &str| json!({ "aliases": { format!("{prefix}{alias}"): {} } }).to_string();
    for (name, body) in [
        ("thing_index", "{}".to_owned()),
        ("someone", aliased("gadget_index")),
        ("one", aliased("open-two__c_index")),
        ("two", aliased("open-two__c_index")),
    ] {
        assert_eq!(node.raw("PUT", name, &body).0, 200, "{name}");
    }
    let model = node.model().await;
    for (object, reason) in [
        ("Thing__c", "an alias is expected"),
        ("Gadget__c", "does not name its definition"),
        ("Two__c", "several indices"),
    ] {
        let outcomes = model.index(vec![document(object, "a", Vec::new())]).await.expect("there is a response");
        let [IndexOutcome::Refused(refused)] = &outcomes[..] else { panic!("{outcomes:?}") };
        assert!(refused.contains("was not created by Annals") && refused.contains(reason), "{refused}");
        let errors = [
            model.search(&all(schema(object))).await.expect_err("it is not read"),
            model.count(&all(schema(object))).await.expect_err("it is not read"),
        ];
        for error in errors {
            assert_eq!(error.kind, PortErrorKind::Misconfigured);
            let message = error.to_string();
            assert!(message.contains("was not created by Annals") && message.contains(reason), "{message}");
        }
        let issues = node.connect().await.indices().check(&[schema(object)]).await.expect("the check runs");
        assert!(matches!(&issues[0].problem, IndexProblem::Foreign(_)), "{issues:?}");
    }
    for name in ["thing_index", "someone", "one", "two"] {
        assert_eq!(node.raw("POST", &format!("{name}/_count"), "").1["count"], 0, "{name}");
    }
}

/// One with an invalid name, one that Annals did not create, and one that is closed.
async fn an_unusable_index_does_not_affect_other_types(node: Node) {
    let invalid = format!("{}__c", "n".repeat(250));
    write(&node.model().await, vec![document("Closed__c", "a", Vec::new())]).await;
    assert_eq!(node.raw("POST", "open-closed__c_index/_close", "").0, 200);
    assert_eq!(node.raw("PUT", "gadget_index", "{}").0, 200);

    let mut documents: Vec<Document> = (0..10).map(|n| thing(&n.to_string(), Vec::new())).collect();
    for (number, object) in [(0, invalid.as_str()), (5, "Gadget__c"), (12, "Closed__c")] {
        documents.insert(number, document(object, "b", Vec::new()));
    }
    let model = node.model().await;
    let outcomes = model.index(documents).await.expect("there is a response");
    for (number, reason) in
        [(0, "the index cannot be created"), (5, "not created by Annals"), (12, "index_closed_exception")]
    {
        let IndexOutcome::Refused(refused) = &outcomes[number] else { panic!("{number}: {outcomes:?}") };
        assert!(refused.contains(reason), "{refused}");
    }
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == IndexOutcome::Indexed).count(), 10);
    assert_eq!(model.count(&all(schema("Thing__c"))).await.expect("the model reads"), 10);
}

/// More than one pattern, one query and one page of hits can hold.
async fn words_are_found_exactly_whatever_their_length_and_number(node: Node) {
    let model = node.model().await;
    let long = "z".repeat(900);
    let mut documents: Vec<Document> = (0..450)
        .map(|n| thing(&format!("{n:03}"), vec![("name", text(&format!("{}y{long}", "z".repeat(n))))]))
        .collect();
    documents.push(thing("sign", vec![("name", text("a\\b*c?d A B C"))]));
    write(&model, documents).await;
    let found = async |words: &[&str], offset, limit| {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let (sort, start) = (vec![ascending(&schema("Thing__c"), "id")], PageStart::Offset(offset));
        let query = EntityQuery { words, sort, start, limit, ..all(schema("Thing__c")) };
        let page = model.search(&query).await.expect("the model reads").documents;
        let id = |json: &str| serde_json::from_str::<Value>(json).expect("JSON")["id"].as_str().map(str::to_owned);
        let ids: Vec<String> = page.iter().filter_map(|found| id(found.json.get())).collect();
        (ids, model.count(&query).await.expect("the model reads"))
    };
    let z = |count: usize| "z".repeat(count);
    assert_eq!(found(&[&z(900)], 0, 0).await.1, 450);
    assert_eq!(found(&[&z(901)], 0, 10).await.1, 0);
    assert_eq!(found(&[&format!("{}y{}", z(300), z(900))], 148, 10).await, (vec!["448".into(), "449".into()], 150));
    assert_eq!(found(&[&format!("{}y{}", z(300), z(900))], 0, 2).await, (vec!["300".into(), "301".into()], 150));
    for word in ["\\", "a\\b", "*", "b*c", "?", "c?d", "a\\b*c?d"] {
        assert_eq!(found(&[word], 0, 10).await, (vec!["sign".to_owned()], 1), "{word}");
    }
    assert_eq!(found(&["a*d"], 0, 10).await.1, 0);
}

async fn an_integer_filter_accepts_numbers_of_any_size(node: Node) {
    let model = node.model().await;
    write(&model, vec![thing("a", Vec::new())]).await;
    for (field, value, count) in [
        ("version", 1.0, 1),
        ("version", 1e300, 0),
        ("version", -1e300, 0),
        ("version", 9_223_372_036_854_775_808.0, 0),
        ("weight", 1e308, 0),
    ] {
        let query = EntityQuery {
            filters: vec![equals(&schema("Thing__c"), field, QueryValue::Number(value))],
            ..all(schema("Thing__c"))
        };
        assert_eq!(model.count(&query).await.expect("the model reads"), count, "{field} = {value}");
    }
}

/// A response of more than 8 MiB is not read.
async fn a_page_too_large_for_one_response_is_read_in_portions(node: Node) {
    let model = node.model().await;
    for id in ["a", "b", "c", "d", "e", "f"] {
        write(&model, vec![thing(id, vec![("doc", text(&id.repeat(1_500_000)))])]).await;
    }
    let sort = vec![ascending(&schema("Thing__c"), "id")];
    let query = EntityQuery { sort, max_bytes: usize::MAX, ..all(schema("Thing__c")) };
    let found = model.search(&query).await.expect("the model reads");
    let versions: Vec<usize> = found.documents.iter().map(|document| document.json.get().len() / 1_500_000).collect();
    assert_eq!((versions, found.count), (vec![1; 6], 6));
    let ids: Vec<_> = found.documents.iter().map(|document| document.aggregate_id).collect();
    let expected = ["a", "b", "c", "d", "e", "f"].map(|id| thing(id, Vec::new()).entity.aggregate_id);
    assert_eq!(ids, expected);
}
