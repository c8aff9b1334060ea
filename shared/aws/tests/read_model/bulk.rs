//! Writing: the size of calls, documents that a real mapping refuses, several schemas in one call.

use annals_application::contract::samples::{document, schema, text, thing};
use annals_application::ports::{Document, IndexOutcome, ReadModel};
use annals_domain::entity::FieldValue;
use serde_json::{Value, json};

use crate::nodes::Node;
use crate::on_both;
use crate::stub::{Reply, Stub};

const CALL: usize = 5 * 1024 * 1024;

/// Documents of a little more than half a megabyte.
fn large(count: usize) -> Vec<Document> {
    (0..count).map(|n| thing(&n.to_string(), vec![("doc", text(&"x".repeat(600 * 1024)))])).collect()
}

#[tokio::test]
async fn a_call_has_at_most_5_mb() {
    let stub = Stub::replying([Reply::Accepted]).await;
    let model = stub.model().await;
    let outcomes = model.index(large(20)).await.expect("the model writes");
    assert_eq!(outcomes, vec![IndexOutcome::Indexed; 20]);
    let sizes = stub.request_sizes("/_bulk");
    assert_eq!(sizes.len(), 3, "{sizes:?}");
    assert!(sizes.iter().all(|size| *size <= CALL), "{sizes:?}");

    let huge = thing("huge", vec![("doc", text(&"x".repeat(CALL + 1)))]);
    let outcomes = model.index(vec![thing("a", Vec::new()), huge, thing("b", Vec::new())]).await;
    assert_eq!(outcomes.expect("the model writes"), vec![IndexOutcome::Indexed; 3]);
    assert_eq!(stub.request_sizes("/_bulk").len(), 6, "the large one is sent alone");
}

#[tokio::test]
async fn without_documents_there_is_no_call() {
    let stub = Stub::replying([Reply::Accepted]).await;
    assert!(stub.model().await.index(Vec::new()).await.expect("nothing to do").is_empty());
    let invalid = thing("a", vec![("starts", text("no timestamp"))]);
    let outcomes = stub.model().await.index(vec![invalid]).await.expect("nothing to do");
    assert_eq!(outcomes, [IndexOutcome::Refused("starts: the value is not a datetime".to_owned())]);
    assert!(stub.request_sizes("/_bulk").is_empty());
}

on_both!(
    documents_in_several_calls_are_all_written,
    documents_of_several_schemas_are_written_in_one_call,
    a_document_that_the_mapping_refuses_is_the_only_one_refused,
    values_beyond_the_limits_of_opensearch_are_kept_exactly_in_the_entity,
);

async fn documents_in_several_calls_are_all_written(node: Node) {
    let model = node.model().await;
    let documents = large(20);
    let outcomes = model.index(documents.clone()).await.expect("the model writes");
    assert_eq!(outcomes, vec![IndexOutcome::Indexed; 20]);
    for Document { entity, schema, .. } in &documents {
        let read = model.get(schema, entity.aggregate_id).await.expect("the model reads").expect("it exists");
        assert!(read.json.get().len() > 600 * 1024);
    }
    let again = model.index(documents).await.expect("the model writes");
    assert_eq!(again, vec![IndexOutcome::AlreadyNewer; 20]);
}

async fn documents_of_several_schemas_are_written_in_one_call(node: Node) {
    let model = node.model().await;
    let objects = ["Thing__c", "Gadget__c", "Other Object", "Thing__c"];
    let documents: Vec<_> =
        (0..).zip(objects).map(|(n, object)| document(object, &format!("{n}"), Vec::new())).collect();
    let outcomes = model.index(documents.clone()).await.expect("the model writes");
    assert_eq!(outcomes, vec![IndexOutcome::Indexed; 4]);
    for Document { entity, schema, .. } in &documents {
        assert!(model.get(schema, entity.aggregate_id).await.expect("the model reads").is_some());
    }
    assert_eq!(node.indices_of("open-other.20.object_index").len(), 1);
}

/// An index in which a number field has another type. Annals creates no such index.
async fn a_document_that_the_mapping_refuses_is_the_only_one_refused(node: Node) {
    let body = json!({
        "mappings": { "_meta": { "annals": { "layout": 1, "digest": "other" } }, "dynamic": "false",
                      "properties": { "number": { "properties": { "weight": { "type": "boolean" } } } } },
        "aliases": { format!("{}thing_index", node.prefix): { "is_write_index": true } },
    });
    assert_eq!(node.raw("PUT", "thing_index-000001", &body.to_string()).0, 200);
    let weight = |digits: &str| FieldValue::Number(serde_json::from_str(digits).expect("a number"));
    let model = node.model().await;
    let heavy = thing("b", vec![("weight", weight("31337.25"))]);
    let documents = vec![thing("a", Vec::new()), heavy, thing("c", Vec::new())];
    let outcomes = model.index(documents.clone()).await.expect("the model writes");
    let [IndexOutcome::Indexed, IndexOutcome::Refused(reason), IndexOutcome::Indexed] = &outcomes[..] else {
        panic!("{outcomes:?}")
    };
    assert!(reason.ends_with("mapper_parsing_exception at `number.weight`"), "{reason}");
    assert!(!reason.contains("31337"), "{reason}");
    assert!(model.get(&schema("Thing__c"), documents[1].entity.aggregate_id).await.expect("it reads").is_none());
}

/// Numbers beyond any float, texts longer than a keyword.
async fn values_beyond_the_limits_of_opensearch_are_kept_exactly_in_the_entity(node: Node) {
    let model = node.model().await;
    let fields = vec![
        ("amount", FieldValue::Decimal(format!("1{}.5", "0".repeat(400)))),
        ("weight", FieldValue::Number(serde_json::from_str("-0.0").expect("a number"))),
        ("order", text(&"\u{fdfa}".repeat(50_000))),
        ("notes", text(&"東".repeat(50_000))),
    ];
    let document = thing("a", fields);
    let outcomes = model.index(vec![document.clone()]).await.expect("the model writes");
    assert_eq!(outcomes, [IndexOutcome::Indexed]);
    let read = model.get(&document.schema, document.entity.aggregate_id).await.expect("it reads").expect("it exists");
    let json: Value = serde_json::from_str(read.json.get()).expect("a document is JSON");
    assert_eq!(json, Value::Object(document.entity.to_json(&document.schema)));
}
