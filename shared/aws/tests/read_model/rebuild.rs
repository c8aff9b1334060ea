//! What a rebuild needs: numbered indices, writes to two of them, and a swap that readers do not notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use annals_application::contract::samples::{schema, text, thing};
use annals_application::ports::{Document, EntityQuery, IndexOutcome, PortError, PortErrorKind, ReadModel};
use annals_aws::read_model::{DualWriteTargets, OpenSearch, OpenSearchReadModel, OpenSearchSettings};
use annals_domain::definition::EntitySchema;
use annals_domain::position::Version;
use annals_services::{Fault, Match, Proxy, Rule};
use serde_json::json;

use crate::nodes::Node;
use crate::on_both;

on_both!(
    an_index_gets_the_next_number_and_the_serving_one_is_never_deleted,
    a_swap_is_rejected_where_another_index_serves,
    an_index_under_rebuild_accepts_the_same_version_again,
    live_documents_are_written_to_the_second_index_too,
    a_document_that_the_second_index_cannot_write_yet_does_not_show,
    a_deleted_second_index_is_skipped_and_not_created,
    a_document_that_the_second_index_refuses_is_refused,
    readers_miss_no_document_while_indices_are_swapped,
);

/// Always the same targets.
struct FixedTargets(Vec<String>);

#[async_trait::async_trait]
impl DualWriteTargets for FixedTargets {
    async fn targets(&self, schema: &EntitySchema) -> Result<Vec<String>, PortError> {
        assert_eq!(schema.aggregate_type().as_str(), "thing");
        Ok(self.0.clone())
    }
}

fn at(id: &str, version: u64) -> Document {
    let mut document = thing(id, vec![("name", text(&format!("version {version}")))]);
    Arc::make_mut(&mut document.entity).version = Version::new(version);
    document
}

async fn an_index_gets_the_next_number_and_the_serving_one_is_never_deleted(node: Node) {
    let search = node.connect().await;
    let thing = schema("Thing__c");
    let name = |number: u32| format!("{}thing_index-{number:06}", node.prefix);
    assert_eq!(search.indices().current(&thing).await.expect("OpenSearch responds"), None);
    for number in 1..=3 {
        assert_eq!(search.indices().create_numbered(&thing).await.expect("it is created"), name(number));
    }
    assert_eq!(search.indices().current(&thing).await.expect("OpenSearch responds"), None);
    assert_eq!(search.indices().numbered(&thing).await.expect("OpenSearch responds"), [name(1), name(2), name(3)]);
    search.indices().swap(&thing, None, &name(2)).await.expect("it serves");
    assert_eq!(search.indices().current(&thing).await.expect("OpenSearch responds"), Some(name(2)));

    let error = search.indices().delete(&name(2)).await.expect_err("it serves");
    assert_eq!(error.kind, PortErrorKind::Rejected);
    for index in [format!("{}thing_index", node.prefix), format!("{}*", node.prefix)] {
        assert_eq!(
            search.indices().delete(&index).await.expect_err("it is no numbered index").kind,
            PortErrorKind::Rejected
        );
    }
    search.indices().delete(&name(3)).await.expect("it is deleted");
    search.indices().delete(&name(3)).await.expect("deleting is idempotent");
    assert_eq!(search.indices().numbered(&thing).await.expect("OpenSearch responds"), [name(1), name(2)]);
}

async fn a_swap_is_rejected_where_another_index_serves(node: Node) {
    let search = node.connect().await;
    let thing = schema("Thing__c");
    let mut created = Vec::new();
    for _ in 0..3 {
        created.push(search.indices().create_numbered(&thing).await.expect("it is created"));
    }
    search.indices().swap(&thing, None, &created[0]).await.expect("it serves");
    search.indices().swap(&thing, Some(&created[0]), &created[1]).await.expect("it serves");
    search.indices().swap(&thing, Some(&created[0]), &created[1]).await.expect("swapping is idempotent");
    for from in [None, Some(created[0].as_str())] {
        let error = search.indices().swap(&thing, from, &created[2]).await.expect_err("another serves");
        assert_eq!(error.kind, PortErrorKind::Rejected, "{error}");
    }
    let gone = format!("{}thing_index-000099", node.prefix);
    let error = search.indices().swap(&thing, Some(&created[1]), &gone).await.expect_err("it does not exist");
    assert_eq!(error.kind, PortErrorKind::Rejected, "{error}");
    assert_eq!(search.indices().current(&thing).await.expect("OpenSearch responds").as_ref(), Some(&created[1]));
}

async fn an_index_under_rebuild_accepts_the_same_version_again(node: Node) {
    use IndexOutcome::{AlreadyNewer, Indexed};
    let search = node.connect().await;
    let index = search.indices().create_numbered(&schema("Thing__c")).await.expect("it is created");
    for (version, outcome) in [(5, Indexed), (5, Indexed), (4, AlreadyNewer), (6, Indexed)] {
        let outcomes = search.writer().write_into(&index, &[at("a", version), at("b", version)]).await;
        assert_eq!(outcomes.expect("it is written"), [outcome.clone(), outcome], "version {version}");
    }
    search.indices().refresh(&index).await.expect("it is refreshed");
    assert_eq!(search.searcher().count_all(&index).await.expect("OpenSearch responds"), 2);

    let gone = format!("{}thing_index-000099", node.prefix);
    let error = search.writer().write_into(&gone, &[at("a", 1)]).await.expect_err("it does not exist");
    assert_eq!((error.kind, error.resource.as_str()), (PortErrorKind::Misconfigured, gone.as_str()));
    assert_eq!(node.raw("GET", "thing_index-000099", "").0, 404, "a write creates no index by itself");
}

async fn live_documents_are_written_to_the_second_index_too(node: Node) {
    let search = node.connect().await;
    node.model().await.index(vec![at("a", 1)]).await.expect("the model writes");
    let second = search.indices().create_numbered(&schema("Thing__c")).await.expect("it is created");
    let model = node.model().await.with_dual_write(Arc::new(FixedTargets(vec![second.clone()])));
    let outcomes = model.index(vec![at("a", 2), at("b", 1), at("a", 1)]).await.expect("the model writes");
    assert_eq!(outcomes, [IndexOutcome::Indexed, IndexOutcome::Indexed, IndexOutcome::AlreadyNewer]);
    // A late replay replaces no newer version.
    let replay = search.writer().write_into(&second, &[at("a", 1), at("b", 1)]).await.expect("it is written");
    assert_eq!(replay, [IndexOutcome::AlreadyNewer, IndexOutcome::Indexed]);
    search.indices().refresh(&second).await.expect("it is refreshed");
    assert_eq!(search.searcher().count_all(&second).await.expect("OpenSearch responds"), 2);
    let first = search.indices().current(&schema("Thing__c")).await.expect("OpenSearch responds").expect("one serves");
    assert_eq!(search.searcher().count_all(&first).await.expect("OpenSearch responds"), 2);
}

async fn a_document_that_the_second_index_cannot_write_yet_does_not_show(node: Node) {
    let search = node.connect().await;
    node.model().await.index(vec![at("a", 1)]).await.expect("the model writes");
    let second = search.indices().create_numbered(&schema("Thing__c")).await.expect("it is created");
    let proxy = Proxy::start(&node.address);
    let write_alias = format!("{second}-only");
    let to_second = Match::when(move |request| String::from_utf8_lossy(&request.body).contains(&write_alias));
    proxy.rule(Rule::always(to_second, Fault::too_many_requests()));
    let settings = OpenSearchSettings { endpoint: proxy.endpoint().parse().expect("an address"), ..node.settings() };
    let model = OpenSearchReadModel::new(OpenSearch::connect(settings).await.expect("it connects"));
    let model = model.with_dual_write(Arc::new(FixedTargets(vec![second.clone()])));
    let shown = async || {
        let found =
            node.model().await.get(&schema("Thing__c"), at("a", 1).entity.aggregate_id).await.expect("the model reads");
        found.expect("it exists").version.get()
    };
    let error = model.index(vec![at("a", 2)]).await.expect_err("it cannot be written yet");
    assert_eq!(
        (error.kind, shown().await),
        (PortErrorKind::Unavailable, 1),
        "readers would see an older version after a swap"
    );
    proxy.heal();
    assert_eq!(model.index(vec![at("a", 2)]).await.expect("the model writes"), [IndexOutcome::Indexed]);
    assert_eq!(shown().await, 2);
}

async fn a_deleted_second_index_is_skipped_and_not_created(node: Node) {
    let search = node.connect().await;
    let second = search.indices().create_numbered(&schema("Thing__c")).await.expect("it is created");
    let model = node.model().await.with_dual_write(Arc::new(FixedTargets(vec![second.clone()])));
    model.index(vec![at("a", 1)]).await.expect("the model writes");
    search.indices().delete(&second).await.expect("it is deleted");
    let outcomes = model.index(vec![at("a", 2), at("b", 1)]).await.expect("the model writes");
    assert_eq!(outcomes, vec![IndexOutcome::Indexed; 2]);
    assert_eq!(node.raw("GET", "thing_index-000001", "").0, 404);

    // An index without the write alias that Annals creates is an error.
    assert_eq!(node.raw("PUT", "thing_index-000001", "{}").0, 200);
    let error = model.index(vec![at("a", 3)]).await.expect_err("it is not skipped");
    assert_eq!((error.kind, error.resource), (PortErrorKind::Misconfigured, second));
}

async fn a_document_that_the_second_index_refuses_is_refused(node: Node) {
    let index = format!("{}thing_index-000007", node.prefix);
    let body = json!({
        "mappings": { "properties": { "text": { "properties": { "name": { "type": "boolean" } } } } },
        "aliases": { format!("{index}-only"): {} },
    });
    assert_eq!(node.raw("PUT", "thing_index-000007", &body.to_string()).0, 200);
    let model = node.model().await.with_dual_write(Arc::new(FixedTargets(vec![index])));
    let outcomes = model.index(vec![thing("a", Vec::new()), at("b", 1)]).await.expect("the model writes");
    let [IndexOutcome::Indexed, IndexOutcome::Refused(reason)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert!(reason.ends_with("000007: mapper_parsing_exception at `text.name`"), "{reason}");
}

async fn readers_miss_no_document_while_indices_are_swapped(node: Node) {
    let search = node.connect().await;
    let thing = schema("Thing__c");
    let documents: Vec<Document> = (0..20).map(|n| at(&n.to_string(), 1)).collect();
    node.model().await.index(documents.clone()).await.expect("the model writes");

    let ended = Arc::new(AtomicBool::new(false));
    let poller = {
        let (model, ended, thing) = (node.model().await, Arc::clone(&ended), thing.clone());
        let ids: Vec<_> = documents.iter().map(|document| document.entity.aggregate_id).collect();
        tokio::spawn(async move {
            let mut reads = 0_usize;
            while !ended.load(Ordering::Relaxed) {
                let id = ids[reads % ids.len()];
                let read = model.get(&thing, id).await.expect("the model reads");
                assert!(read.is_some(), "read {reads} found nothing");
                let words = vec!["version".to_owned()];
                let query = EntityQuery { words, include_deleted: true, ..EntityQuery::first(thing.clone(), 100) };
                assert_eq!(model.search(&query).await.expect("the model reads").documents.len(), ids.len());
                assert_eq!(model.count(&query).await.expect("the model reads"), ids.len() as u64);
                reads += 1;
            }
            reads
        })
    };
    for _ in 0..5 {
        let from = search.indices().current(&thing).await.expect("OpenSearch responds").expect("one serves");
        let to = search.indices().create_numbered(&thing).await.expect("it is created");
        search.writer().write_into(&to, &documents).await.expect("it is written");
        search.indices().refresh(&to).await.expect("it is refreshed");
        search.indices().swap(&thing, Some(&from), &to).await.expect("it is swapped");
        search.indices().delete(&from).await.expect("it is deleted");
    }
    ended.store(true, Ordering::Relaxed);
    let reads = poller.await.expect("no read failed");
    assert!(reads > 5, "{reads} reads prove nothing");
}
