//! Failures of OpenSearch and their errors: nothing is reported as written that was not.

use annals_application::contract::samples::{schema, text, thing};
use annals_application::ports::{
    Document, EntityQuery, IndexOutcome, PageStart, PortError, PortErrorKind, QueryField, ReadModel, Sort, SortOrder,
};
use annals_aws::read_model::{OpenSearch, OpenSearchReadModel, OpenSearchSettings};
use annals_domain::definition::SystemField;
use annals_domain::identity::EntityKey;
use serde_json::{Value, json};

use crate::nodes::Node;
use crate::on_both;
use crate::stub::{Reply, Stub, items};
use annals_services::{Fault, Match, Proxy, Rule};

const OK: fn() -> Value = || json!({ "status": 201, "_index": "thing_index-000001" });

fn failed(status: u16, kind: &str, reason: &str) -> Value {
    json!({ "status": status, "error": { "type": kind, "reason": reason } })
}

fn three() -> Vec<Document> {
    ["a", "b", "c"].map(|id| thing(id, vec![("name", text("secret"))])).to_vec()
}

async fn index_with(reply: Reply) -> Result<Vec<IndexOutcome>, PortError> {
    Stub::replying([reply]).await.model().await.index(three()).await
}

#[track_caller]
fn check(result: Result<Vec<IndexOutcome>, PortError>, kind: PortErrorKind, message: &str) {
    let error = result.expect_err("the call fails");
    assert_eq!((error.kind, error.to_string()), (kind, format!("thing_index: {message}")));
}

#[tokio::test]
async fn the_error_of_a_failed_call_says_whether_it_may_be_repeated() {
    use PortErrorKind::{Misconfigured, OutcomeUnknown, Unavailable};
    let error = |kind: &str| json!({ "error": { "type": kind, "reason": "of secret" } });
    check(
        index_with(Reply::Json(429, error("circuit_breaking_exception"))).await,
        Unavailable,
        "circuit_breaking_exception (429)",
    );
    check(
        index_with(Reply::Json(503, error("cluster_block_exception"))).await,
        Unavailable,
        "cluster_block_exception (503)",
    );
    check(index_with(Reply::Text(503, "<html>")).await, Unavailable, "no error type (503)");
    check(index_with(Reply::Text(504, "")).await, OutcomeUnknown, "no error type (504)");
    check(index_with(Reply::Json(500, json!({}))).await, OutcomeUnknown, "no error type (500)");
    let gate = json!({ "Message": "not authorized to perform: es:ESHttpPost" });
    check(
        index_with(Reply::Json(403, gate)).await,
        Misconfigured,
        "no error type (403): not authorized to perform: es:ESHttpPost",
    );
    // A refusal of the whole call is not the fault of any document.
    let explicit = error("illegal_argument_exception");
    check(index_with(Reply::Json(400, explicit)).await, Misconfigured, "illegal_argument_exception (400)");
    for status in [408, 415] {
        check(index_with(Reply::Text(status, "<html>")).await, Misconfigured, &format!("no error type ({status})"));
    }
    check(index_with(Reply::Text(200, "<html>")).await, OutcomeUnknown, "the response is not the expected JSON");
    check(index_with(Reply::Truncated).await, OutcomeUnknown, "no response to the request");
    check(index_with(Reply::Silence).await, OutcomeUnknown, "no response within the time limit");
}

#[tokio::test]
async fn an_unreachable_endpoint_is_unavailable() {
    let settings = OpenSearchSettings::new("http://127.0.0.1:9".parse().expect("an address"));
    let model = OpenSearchReadModel::new(OpenSearch::connect(settings).await.expect("it connects"));
    check(model.index(three()).await, PortErrorKind::Unavailable, "OpenSearch cannot be reached");
}

#[tokio::test]
async fn an_item_that_cannot_be_written_now_fails_the_call() {
    use PortErrorKind::{Misconfigured, OutcomeUnknown, Unavailable};
    for (item, kind, message) in [
        (failed(429, "rejected_execution_exception", "secret"), Unavailable, "rejected_execution_exception (429)"),
        (failed(503, "unavailable_shards_exception", "secret"), Unavailable, "unavailable_shards_exception (503)"),
        (failed(403, "cluster_block_exception", "secret"), Unavailable, "cluster_block_exception (403)"),
        (failed(403, "security_exception", "secret"), Misconfigured, "security_exception (403)"),
        (failed(500, "exception", "secret"), OutcomeUnknown, "exception (500)"),
    ] {
        let result = index_with(Reply::Json(200, items(&[OK(), item, OK()]))).await;
        check(result, kind, &format!("an item was not written: {message}"));
    }
}

#[tokio::test]
async fn an_index_that_cannot_be_written_refuses_its_own_documents() {
    let alias = failed(400, "illegal_argument_exception", "no write index is defined for alias [thing_index]");
    let closed = failed(400, "index_closed_exception", "secret");
    for (item, reason) in
        [(alias, "several indices have this alias, and none is its write index"), (closed, "index_closed_exception")]
    {
        let outcomes = index_with(Reply::Json(200, items(&[OK(), item, OK()]))).await.expect("there is a response");
        let refused = IndexOutcome::Refused(format!("thing_index: {reason}"));
        assert_eq!(outcomes, [IndexOutcome::Indexed, refused, IndexOutcome::Indexed]);
    }
}

#[tokio::test]
async fn a_response_with_another_number_of_items_is_an_error() {
    for (received, number) in [(vec![OK(), OK()], 2), (Vec::new(), 0), (vec![OK(); 4], 4)] {
        let result = index_with(Reply::Json(200, items(&received))).await;
        let message = format!("3 items were sent, but the response has {number}");
        check(result, PortErrorKind::OutcomeUnknown, &message);
    }
}

#[tokio::test]
async fn a_refused_item_affects_no_other_and_its_reason_contains_no_value() {
    let reason = "failed to parse field [number.weight] of type [double] in document with id 'x'. \
                  Preview of field's value: 'secret'";
    let newer = failed(409, "version_conflict_engine_exception", "[x]: version conflict");
    let response = items(&[OK(), failed(400, "mapper_parsing_exception", reason), newer]);
    let outcomes = index_with(Reply::Json(200, response)).await.expect("there is a response");
    let refused = "thing_index: mapper_parsing_exception at `number.weight`".to_owned();
    assert_eq!(outcomes, [IndexOutcome::Indexed, IndexOutcome::Refused(refused), IndexOutcome::AlreadyNewer]);
}

#[tokio::test]
async fn a_call_that_is_too_large_for_the_node_is_sent_in_halves() {
    let stub = Stub::replying([Reply::Text(413, ""), Reply::Accepted]).await;
    let outcomes = stub.model().await.index(three()).await.expect("each half is written");
    assert_eq!(outcomes, vec![IndexOutcome::Indexed; 3]);
    let sizes = stub.request_sizes("/_bulk");
    assert_eq!(sizes.len(), 3);
    assert_eq!(sizes[0], sizes[1] + sizes[2]);

    let stub = Stub::replying([Reply::Text(413, "")]).await;
    let outcomes = stub.model().await.index(three()).await.expect("each document has an outcome");
    let too_large =
        |outcome: &IndexOutcome| matches!(outcome, IndexOutcome::Refused(reason) if reason.contains("bytes"));
    assert!(outcomes.iter().all(too_large), "{outcomes:?}");
}

#[tokio::test]
async fn an_index_deleted_right_after_its_creation_is_unavailable() {
    let gone = failed(404, "index_not_found_exception", "no such index [thing_index] and [require_alias]");
    let result = index_with(Reply::Json(200, items(&[gone.clone(), gone.clone(), gone]))).await;
    check(result, PortErrorKind::Unavailable, "the index was created, and is deleted again");
}

fn all() -> EntityQuery {
    let field = QueryField::System(SystemField::CreatedAt);
    let sort = vec![Sort { field, order: SortOrder::Descending }];
    EntityQuery { sort, ..EntityQuery::first(schema("Thing__c"), 10) }
}

#[tokio::test]
async fn an_incomplete_result_is_an_error() {
    let count = json!({ "count": 7, "_shards": { "total": 2, "failed": 1 } });
    let model = Stub::replying([Reply::Json(200, count)]).await.model().await;
    let error = model.count(&all()).await.expect_err("a shard is missing");
    assert_eq!((error.kind, error.resource.as_str()), (PortErrorKind::Unavailable, "thing_index"));

    let shards = json!({ "error": { "type": "search_phase_execution_exception", "reason": "secret" } });
    let model = Stub::replying([Reply::Json(503, shards)]).await.model().await;
    let error = model.search(&all()).await.expect_err("a shard is missing");
    assert_eq!(error.to_string(), "thing_index: search_phase_execution_exception (503)");
    assert_eq!(error.kind, PortErrorKind::Unavailable);

    let foreign = json!({ "hits": { "hits": [{ "_index": "x", "_source": { "name": "secret" } }] } });
    let model = Stub::replying([Reply::Json(200, foreign)]).await.model().await;
    let error = model.search(&all()).await.expect_err("Annals did not write it");
    assert_eq!(error.kind, PortErrorKind::Corrupt);
    assert!(!format!("{error:?}").contains("secret"));
}

#[tokio::test]
async fn a_document_whose_shard_does_not_respond_is_not_taken_for_missing() {
    let key = |Document { entity, .. }: Document| EntityKey {
        entity_name: entity.entity_name.clone(),
        aggregate_id: entity.aggregate_id,
    };
    let keys: Vec<EntityKey> = three().into_iter().map(key).collect();
    let item = |error: &str| json!({ "_id": "x", "error": { "type": error, "reason": "secret" } });
    let there = json!({ "_id": "x", "found": true });
    let reply = |last: Value| Reply::Json(200, json!({ "docs": [there, json!({ "_id": "x", "found": false }), last] }));

    let search = Stub::replying([reply(item("index_not_found_exception"))]).await.connect().await;
    let found = search.searcher().existing(&schema("Thing__c"), &keys).await.expect("all responded");
    assert_eq!(found, keys[..1]);

    let search = Stub::replying([reply(item("no_shard_available_action_exception"))]).await.connect().await;
    let error = search.searcher().existing(&schema("Thing__c"), &keys).await.expect_err("a shard is missing");
    assert_eq!(error.kind, PortErrorKind::Unavailable);
    assert_eq!(error.to_string(), "thing_index: no_shard_available_action_exception");

    let search = Stub::replying([Reply::Json(200, json!({ "docs": [there] }))]).await.connect().await;
    let error = search.searcher().existing(&schema("Thing__c"), &keys).await.expect_err("items are missing");
    assert_eq!(error.kind, PortErrorKind::OutcomeUnknown);
}

#[tokio::test]
async fn a_page_beyond_the_result_window_is_rejected() {
    let stub = Stub::replying([Reply::Accepted]).await;
    let query = EntityQuery { start: PageStart::Offset(10_195), ..all() };
    let error = stub.model().await.search(&query).await.expect_err("it is too far");
    assert_eq!(error.kind, PortErrorKind::Rejected);
    assert!(stub.request_sizes("/_search").is_empty());
}

/// A pooled connection goes stale while its Lambda function is frozen.
async fn a_read_is_repeated_once_after_a_lost_connection(node: Node) {
    node.model().await.index(three()).await.expect("the model writes");
    let proxy = Proxy::start(&node.address);
    let endpoint = proxy.endpoint().parse().expect("an address");
    let settings = OpenSearchSettings { endpoint, ..node.settings() };
    let model = OpenSearchReadModel::new(OpenSearch::connect(settings).await.expect("it connects"));
    let (thing, id) = (schema("Thing__c"), three()[0].entity.aggregate_id);
    for (segment, times) in [("_mapping", 2), ("_search", 2), ("_count", 2), ("_doc", 2)] {
        proxy.rule(Rule::first(1, Match::Path(segment), Fault::DropBefore));
        assert_eq!(model.search(&all()).await.expect("the model reads").documents.len(), 3, "{segment}");
        assert_eq!(model.count(&all()).await.expect("the model reads"), 3, "{segment}");
        assert!(model.get(&thing, id).await.expect("the model reads").is_some(), "{segment}");
        assert_eq!(proxy.count(segment), times, "{segment}");
        proxy.clear();
    }
    proxy.rule(Rule::always(Match::Path("_search"), Fault::DropAfter));
    let error = model.search(&all()).await.expect_err("there is no response");
    assert_eq!((error.kind, proxy.count("_search")), (PortErrorKind::OutcomeUnknown, 2));
}

#[tokio::test]
async fn a_read_is_not_repeated_after_a_timeout() {
    let stub = Stub::replying([Reply::Silence]).await;
    let error = stub.model().await.search(&all()).await.expect_err("there is no response");
    assert_eq!((error.kind, stub.request_sizes("/_search").len()), (PortErrorKind::OutcomeUnknown, 1));
}

on_both!(a_red_index_fails_the_call_within_its_time_limit, a_read_is_repeated_once_after_a_lost_connection);

/// Its only shard is assigned to a node that does not exist.
async fn a_red_index_fails_the_call_within_its_time_limit(node: Node) {
    let body = json!({
        "settings": { "index": { "number_of_replicas": 0, "routing.allocation.require._name": "nobody" } },
        "mappings": { "_meta": { "annals": { "layout": 1, "digest": "other" } },
                      "properties": { "created_at": { "type": "long" } } },
        "aliases": { format!("{}thing_index", node.prefix): { "is_write_index": true } },
    });
    let (status, _) = node.raw("PUT", "thing_index-000001?wait_for_active_shards=0", &body.to_string());
    assert_eq!(status, 200);
    let model = node.model().await;
    let error = model.index(three()).await.expect_err("no node has the shard");
    assert_eq!(error.kind, PortErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("unavailable_shards_exception"), "{error}");
    let error = model.search(&all()).await.expect_err("no node has the shard");
    assert_eq!(error.kind, PortErrorKind::Unavailable, "{error}");
    let error = model.count(&all()).await.expect_err("no node has the shard");
    assert_eq!(error.kind, PortErrorKind::Unavailable, "{error}");
    let error =
        model.get(&schema("Thing__c"), three()[0].entity.aggregate_id).await.expect_err("no node has the shard");
    assert_eq!(error.kind, PortErrorKind::Unavailable, "{error}");
}
