//! What goes wrong, and what the caller is told: nothing is called done that was not.

use annals_application::contract::samples::{schema, text, thing};
use annals_application::ports::{Document, EntityQuery, IndexOutcome, PortError, PortErrorKind, ReadModel, SortKey};
use annals_aws::read_model::{OpenSearch, OpenSearchReadModel, OpenSearchSettings};
use serde_json::{Value, json};

use crate::nodes::Node;
use crate::on_both;
use crate::stub::{Stub, Told, items};
use annals_services::{Fault, Match, Proxy, Rule};

const OK: fn() -> Value = || json!({ "status": 201, "_index": "thing_index-000001" });

fn failed(status: u16, kind: &str, reason: &str) -> Value {
    json!({ "status": status, "error": { "type": kind, "reason": reason } })
}

fn three() -> Vec<Document> {
    ["a", "b", "c"].map(|id| thing(id, vec![("name", text("secret"))])).to_vec()
}

async fn told(told: Told) -> Result<Vec<IndexOutcome>, PortError> {
    Stub::telling([told]).await.model().await.index(three()).await
}

#[track_caller]
fn check(answer: Result<Vec<IndexOutcome>, PortError>, kind: PortErrorKind, message: &str) {
    let error = answer.expect_err("the call fails");
    assert_eq!((error.kind, error.to_string()), (kind, format!("thing_index: {message}")));
}

#[tokio::test]
async fn a_call_that_fails_whole_says_whether_it_may_be_made_again() {
    use PortErrorKind::{Misconfigured, OutcomeUnknown, Unavailable};
    let error = |kind: &str| json!({ "error": { "type": kind, "reason": "of secret" } });
    check(
        told(Told::Answer(429, error("circuit_breaking_exception"))).await,
        Unavailable,
        "circuit_breaking_exception (429)",
    );
    check(
        told(Told::Answer(503, error("cluster_block_exception"))).await,
        Unavailable,
        "cluster_block_exception (503)",
    );
    check(told(Told::Text(503, "<html>")).await, Unavailable, "no error type (503)");
    check(told(Told::Text(504, "")).await, OutcomeUnknown, "no error type (504)");
    check(told(Told::Answer(500, json!({}))).await, OutcomeUnknown, "no error type (500)");
    let gate = json!({ "Message": "not authorized to perform: es:ESHttpPost" });
    check(
        told(Told::Answer(403, gate)).await,
        Misconfigured,
        "no error type (403): not authorized to perform: es:ESHttpPost",
    );
    // What refuses the whole call would refuse any: no document is at fault.
    let explicit = error("illegal_argument_exception");
    check(told(Told::Answer(400, explicit)).await, Misconfigured, "illegal_argument_exception (400)");
    for status in [408, 415] {
        check(told(Told::Text(status, "<html>")).await, Misconfigured, &format!("no error type ({status})"));
    }
    check(told(Told::Text(200, "<html>")).await, OutcomeUnknown, "the answer cannot be read");
    check(told(Told::Cut).await, OutcomeUnknown, "the request was not answered");
    check(told(Told::Silence).await, OutcomeUnknown, "no answer in time");
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_unavailable() {
    let settings = OpenSearchSettings::new("http://127.0.0.1:9".parse().expect("an address"));
    let model = OpenSearchReadModel::new(OpenSearch::connect(settings).await.expect("it connects"));
    check(model.index(three()).await, PortErrorKind::Unavailable, "OpenSearch cannot be reached");
}

#[tokio::test]
async fn an_item_put_off_fails_the_call_and_says_why() {
    use PortErrorKind::{Misconfigured, OutcomeUnknown, Unavailable};
    for (item, kind, message) in [
        (failed(429, "rejected_execution_exception", "secret"), Unavailable, "rejected_execution_exception (429)"),
        (failed(503, "unavailable_shards_exception", "secret"), Unavailable, "unavailable_shards_exception (503)"),
        (failed(403, "cluster_block_exception", "secret"), Unavailable, "cluster_block_exception (403)"),
        (failed(403, "security_exception", "secret"), Misconfigured, "security_exception (403)"),
        (failed(500, "exception", "secret"), OutcomeUnknown, "exception (500)"),
    ] {
        let answer = told(Told::Answer(200, items(&[OK(), item, OK()]))).await;
        check(answer, kind, &format!("an item was not taken: {message}"));
    }
}

#[tokio::test]
async fn an_index_that_cannot_be_written_refuses_its_own_documents() {
    let alias = failed(400, "illegal_argument_exception", "no write index is defined for alias [thing_index]");
    let closed = failed(400, "index_closed_exception", "secret");
    for (item, reason) in [
        (alias, "several indices stand behind it, and none is the one to write to"),
        (closed, "index_closed_exception"),
    ] {
        let outcomes = told(Told::Answer(200, items(&[OK(), item, OK()]))).await.expect("the call is answered");
        let refused = IndexOutcome::Refused(format!("thing_index: {reason}"));
        assert_eq!(outcomes, [IndexOutcome::Indexed, refused, IndexOutcome::Indexed]);
    }
}

#[tokio::test]
async fn an_answer_for_other_than_what_was_sent_is_no_answer() {
    for (answered, number) in [(vec![OK(), OK()], 2), (Vec::new(), 0), (vec![OK(); 4], 4)] {
        let answer = told(Told::Answer(200, items(&answered))).await;
        let message = format!("3 items were sent and {number} answered");
        check(answer, PortErrorKind::OutcomeUnknown, &message);
    }
}

#[tokio::test]
async fn a_refused_item_is_its_own_and_its_reason_has_no_value() {
    let reason = "failed to parse field [number.weight] of type [double] in document with id 'x'. \
                  Preview of field's value: 'secret'";
    let newer = failed(409, "version_conflict_engine_exception", "[x]: version conflict");
    let answered = items(&[OK(), failed(400, "mapper_parsing_exception", reason), newer]);
    let outcomes = told(Told::Answer(200, answered)).await.expect("the call is answered");
    let refused = "thing_index: mapper_parsing_exception at `number.weight`".to_owned();
    assert_eq!(outcomes, [IndexOutcome::Indexed, IndexOutcome::Refused(refused), IndexOutcome::AlreadyNewer]);
}

#[tokio::test]
async fn a_call_that_is_too_large_for_the_node_goes_in_halves() {
    let stub = Stub::telling([Told::Text(413, ""), Told::Taken]).await;
    let outcomes = stub.model().await.index(three()).await.expect("the halves are answered");
    assert_eq!(outcomes, vec![IndexOutcome::Indexed; 3]);
    let sizes = stub.asked("/_bulk");
    assert_eq!(sizes.len(), 3);
    assert_eq!(sizes[0], sizes[1] + sizes[2]);

    let stub = Stub::telling([Told::Text(413, "")]).await;
    let outcomes = stub.model().await.index(three()).await.expect("each is answered by itself");
    let too_large =
        |outcome: &IndexOutcome| matches!(outcome, IndexOutcome::Refused(reason) if reason.contains("bytes"));
    assert!(outcomes.iter().all(too_large), "{outcomes:?}");
}

#[tokio::test]
async fn an_index_that_goes_as_soon_as_it_is_made_is_unavailable() {
    let gone = failed(404, "index_not_found_exception", "no such index [thing_index] and [require_alias]");
    let answer = told(Told::Answer(200, items(&[gone.clone(), gone.clone(), gone]))).await;
    check(answer, PortErrorKind::Unavailable, "it was made, and is gone again");
}

fn all() -> EntityQuery {
    EntityQuery {
        schema: schema("Thing__c"),
        filters: Vec::new(),
        words: Vec::new(),
        include_deleted: false,
        sort: vec![SortKey { field: "created_at".into(), descending: true }],
        offset: 0,
        limit: 10,
    }
}

#[tokio::test]
async fn a_part_of_the_answer_is_no_answer() {
    let count = json!({ "count": 7, "_shards": { "total": 2, "failed": 1 } });
    let model = Stub::telling([Told::Answer(200, count)]).await.model().await;
    let error = model.count(&all()).await.expect_err("a shard is missing");
    assert_eq!((error.kind, error.resource.as_str()), (PortErrorKind::Unavailable, "thing_index"));

    let shards = json!({ "error": { "type": "search_phase_execution_exception", "reason": "secret" } });
    let model = Stub::telling([Told::Answer(503, shards)]).await.model().await;
    let error = model.search(&all()).await.expect_err("a shard is missing");
    assert_eq!(error.to_string(), "thing_index: search_phase_execution_exception (503)");
    assert_eq!(error.kind, PortErrorKind::Unavailable);

    let foreign = json!({ "hits": { "hits": [{ "_index": "x", "_source": { "name": "secret" } }] } });
    let model = Stub::telling([Told::Answer(200, foreign)]).await.model().await;
    let error = model.search(&all()).await.expect_err("it is no document of ours");
    assert_eq!(error.kind, PortErrorKind::Corrupt);
    assert!(!format!("{error:?}").contains("secret"));
}

#[tokio::test]
async fn a_page_beyond_what_an_index_gives_is_rejected() {
    let stub = Stub::telling([Told::Taken]).await;
    let query = EntityQuery { offset: 10_195, ..all() };
    let error = stub.model().await.search(&query).await.expect_err("it is too far");
    assert_eq!(error.kind, PortErrorKind::Rejected);
    assert!(stub.asked("/_search").is_empty());
}

/// As a pooled connection is that went stale while its function was frozen.
async fn a_read_whose_connection_was_cut_is_made_once_more(node: Node) {
    node.model().await.index(three()).await.expect("the model writes");
    let proxy = Proxy::start(&node.address);
    let endpoint = proxy.endpoint().parse().expect("an address");
    let settings = OpenSearchSettings { endpoint, ..node.settings() };
    let model = OpenSearchReadModel::new(OpenSearch::connect(settings).await.expect("it connects"));
    let (thing, id) = (schema("Thing__c"), three()[0].entity.aggregate_id);
    for (segment, times) in [("_mapping", 2), ("_search", 2), ("_count", 2), ("_doc", 2)] {
        proxy.rule(Rule::first(1, Match::Path(segment), Fault::DropBefore));
        assert_eq!(model.search(&all()).await.expect("the model reads").len(), 3, "{segment}");
        assert_eq!(model.count(&all()).await.expect("the model reads"), 3, "{segment}");
        assert!(model.get(&thing, id).await.expect("the model reads").is_some(), "{segment}");
        assert_eq!(proxy.count(segment), times, "{segment}");
        proxy.clear();
    }
    proxy.rule(Rule::always(Match::Path("_search"), Fault::DropAfter));
    let error = model.search(&all()).await.expect_err("nothing answers");
    assert_eq!((error.kind, proxy.count("_search")), (PortErrorKind::OutcomeUnknown, 2));
}

#[tokio::test]
async fn a_read_that_took_too_long_is_not_made_again() {
    let stub = Stub::telling([Told::Silence]).await;
    let error = stub.model().await.search(&all()).await.expect_err("no answer comes");
    assert_eq!((error.kind, stub.asked("/_search").len()), (PortErrorKind::OutcomeUnknown, 1));
}

on_both!(a_red_index_fails_the_call_within_its_time, a_read_whose_connection_was_cut_is_made_once_more);

/// Its only shard may live on a node that is not there.
async fn a_red_index_fails_the_call_within_its_time(node: Node) {
    let body = json!({
        "settings": { "index": { "number_of_replicas": 0, "routing.allocation.require._name": "nobody" } },
        "mappings": { "_meta": { "annals": { "layout": 1, "digest": "other" } },
                      "properties": { "created_at": { "type": "long" } } },
        "aliases": { format!("{}thing_index", node.prefix): { "is_write_index": true } },
    });
    let (status, _) = node.raw("PUT", "thing_index-000001?wait_for_active_shards=0", &body.to_string());
    assert_eq!(status, 200);
    let model = node.model().await;
    let error = model.index(three()).await.expect_err("nobody takes it");
    assert_eq!(error.kind, PortErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("unavailable_shards_exception"), "{error}");
    let error = model.search(&all()).await.expect_err("nobody answers");
    assert_eq!(error.kind, PortErrorKind::Unavailable, "{error}");
    let error = model.count(&all()).await.expect_err("nobody answers");
    assert_eq!(error.kind, PortErrorKind::Unavailable, "{error}");
    let error = model.get(&schema("Thing__c"), three()[0].entity.aggregate_id).await.expect_err("nobody answers");
    assert_eq!(error.kind, PortErrorKind::Unavailable, "{error}");
}
