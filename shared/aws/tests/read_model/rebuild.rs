//! What a rebuild needs: numbered indices, writes to two of them, and a swap that nobody notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use annals_application::contract::samples::{schema, text, thing};
use annals_application::ports::{Document, EntityQuery, IndexOutcome, PortError, PortErrorKind, ReadModel};
use annals_aws::read_model::{DualWriteTargets, IndexAdmin, OpenSearch, OpenSearchReadModel, OpenSearchSettings};
use annals_domain::definition::EntitySchema;
use annals_domain::position::Version;
use annals_services::{Fault, Match, Proxy, Rule};
use serde_json::json;

use crate::nodes::Node;
use crate::on_both;

on_both!(
    indices_are_numbered_and_the_one_that_serves_is_kept,
    a_swap_is_refused_where_another_serves_by_now,
    an_index_that_is_filled_takes_the_same_version_again,
    live_documents_go_into_the_second_index_too,
    what_the_second_index_puts_off_does_not_show_yet,
    a_second_index_that_is_gone_is_passed_over_and_not_made,
    a_document_that_the_second_index_refuses_is_refused,
    readers_miss_nothing_while_indices_swap,
);

/// Always the same targets.
struct Targets(Vec<String>);

#[async_trait::async_trait]
impl DualWriteTargets for Targets {
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

async fn indices_are_numbered_and_the_one_that_serves_is_kept(node: Node) {
    let admin = IndexAdmin::new(node.connect().await);
    let thing = schema("Thing__c");
    let name = |number: u32| format!("{}thing_index-{number:06}", node.prefix);
    assert_eq!(admin.current(&thing).await.expect("it answers"), None);
    for number in 1..=3 {
        assert_eq!(admin.create_numbered(&thing).await.expect("it is made"), name(number));
    }
    assert_eq!(admin.current(&thing).await.expect("it answers"), None);
    assert_eq!(admin.numbered(&thing).await.expect("it answers"), [name(1), name(2), name(3)]);
    admin.swap(&thing, None, &name(2)).await.expect("it serves");
    assert_eq!(admin.current(&thing).await.expect("it answers"), Some(name(2)));

    let error = admin.delete(&name(2)).await.expect_err("it serves");
    assert_eq!(error.kind, PortErrorKind::Rejected);
    for index in [format!("{}thing_index", node.prefix), format!("{}*", node.prefix)] {
        assert_eq!(admin.delete(&index).await.expect_err("it is none").kind, PortErrorKind::Rejected);
    }
    admin.delete(&name(3)).await.expect("it is dropped");
    admin.delete(&name(3)).await.expect("it is dropped already");
    assert_eq!(admin.numbered(&thing).await.expect("it answers"), [name(1), name(2)]);
}

async fn a_swap_is_refused_where_another_serves_by_now(node: Node) {
    let admin = IndexAdmin::new(node.connect().await);
    let thing = schema("Thing__c");
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(admin.create_numbered(&thing).await.expect("it is made"));
    }
    admin.swap(&thing, None, &made[0]).await.expect("it serves");
    admin.swap(&thing, Some(&made[0]), &made[1]).await.expect("it serves");
    admin.swap(&thing, Some(&made[0]), &made[1]).await.expect("done again it is done");
    for from in [None, Some(made[0].as_str())] {
        let error = admin.swap(&thing, from, &made[2]).await.expect_err("another serves");
        assert_eq!(error.kind, PortErrorKind::Rejected, "{error}");
    }
    let gone = format!("{}thing_index-000099", node.prefix);
    let error = admin.swap(&thing, Some(&made[1]), &gone).await.expect_err("it is not there");
    assert_eq!(error.kind, PortErrorKind::Rejected, "{error}");
    assert_eq!(admin.current(&thing).await.expect("it answers").as_ref(), Some(&made[1]));
}

async fn an_index_that_is_filled_takes_the_same_version_again(node: Node) {
    use IndexOutcome::{AlreadyNewer, Indexed};
    let admin = IndexAdmin::new(node.connect().await);
    let index = admin.create_numbered(&schema("Thing__c")).await.expect("it is made");
    for (version, outcome) in [(5, Indexed), (5, Indexed), (4, AlreadyNewer), (6, Indexed)] {
        let outcomes = admin.index_into(&index, &[at("a", version), at("b", version)]).await;
        assert_eq!(outcomes.expect("it is written"), [outcome.clone(), outcome], "version {version}");
    }
    admin.refresh(&index).await.expect("it is refreshed");
    assert_eq!(admin.count(&index).await.expect("it answers"), 2);

    let gone = format!("{}thing_index-000099", node.prefix);
    let error = admin.index_into(&gone, &[at("a", 1)]).await.expect_err("it is not there");
    assert_eq!((error.kind, error.resource.as_str()), (PortErrorKind::Misconfigured, gone.as_str()));
    assert_eq!(node.raw("GET", "thing_index-000099", "").0, 404, "a write makes no index by itself");
}

async fn live_documents_go_into_the_second_index_too(node: Node) {
    let admin = IndexAdmin::new(node.connect().await);
    node.model().await.index(vec![at("a", 1)]).await.expect("the model writes");
    let second = admin.create_numbered(&schema("Thing__c")).await.expect("it is made");
    let model = node.model().await.with_dual_write(Arc::new(Targets(vec![second.clone()])));
    let outcomes = model.index(vec![at("a", 2), at("b", 1), at("a", 1)]).await.expect("the model writes");
    assert_eq!(outcomes, [IndexOutcome::Indexed, IndexOutcome::Indexed, IndexOutcome::AlreadyNewer]);
    // The replay comes late and takes nothing back.
    let replay = admin.index_into(&second, &[at("a", 1), at("b", 1)]).await.expect("it is written");
    assert_eq!(replay, [IndexOutcome::AlreadyNewer, IndexOutcome::Indexed]);
    admin.refresh(&second).await.expect("it is refreshed");
    assert_eq!(admin.count(&second).await.expect("it answers"), 2);
    let first = admin.current(&schema("Thing__c")).await.expect("it answers").expect("one serves");
    assert_eq!(admin.count(&first).await.expect("it answers"), 2);
}

async fn what_the_second_index_puts_off_does_not_show_yet(node: Node) {
    let admin = IndexAdmin::new(node.connect().await);
    node.model().await.index(vec![at("a", 1)]).await.expect("the model writes");
    let second = admin.create_numbered(&schema("Thing__c")).await.expect("it is made");
    let proxy = Proxy::start(&node.address);
    let is_second = format!("{second}-only");
    let to_second = Match::when(move |request| String::from_utf8_lossy(&request.body).contains(&is_second));
    proxy.rule(Rule::always(to_second, Fault::too_many_requests()));
    let settings = OpenSearchSettings { endpoint: proxy.endpoint().parse().expect("an address"), ..node.settings() };
    let model = OpenSearchReadModel::new(OpenSearch::connect(settings).await.expect("it connects"));
    let model = model.with_dual_write(Arc::new(Targets(vec![second.clone()])));
    let shown = async || {
        let found =
            node.model().await.get(&schema("Thing__c"), at("a", 1).entity.aggregate_id).await.expect("the model reads");
        found.expect("it is there").version.get()
    };
    let error = model.index(vec![at("a", 2)]).await.expect_err("it is put off");
    assert_eq!((error.kind, shown().await), (PortErrorKind::Unavailable, 1), "else it would go back at a swap");
    proxy.heal();
    assert_eq!(model.index(vec![at("a", 2)]).await.expect("the model writes"), [IndexOutcome::Indexed]);
    assert_eq!(shown().await, 2);
}

async fn a_second_index_that_is_gone_is_passed_over_and_not_made(node: Node) {
    let admin = IndexAdmin::new(node.connect().await);
    let second = admin.create_numbered(&schema("Thing__c")).await.expect("it is made");
    let model = node.model().await.with_dual_write(Arc::new(Targets(vec![second.clone()])));
    model.index(vec![at("a", 1)]).await.expect("the model writes");
    admin.delete(&second).await.expect("it is dropped");
    let outcomes = model.index(vec![at("a", 2), at("b", 1)]).await.expect("the model writes");
    assert_eq!(outcomes, vec![IndexOutcome::Indexed; 2]);
    assert_eq!(node.raw("GET", "thing_index-000001", "").0, 404);

    // It is there, but not by the alias that Annals gives: then something is wrong.
    assert_eq!(node.raw("PUT", "thing_index-000001", "{}").0, 200);
    let error = model.index(vec![at("a", 3)]).await.expect_err("it is not passed over");
    assert_eq!((error.kind, error.resource), (PortErrorKind::Misconfigured, second));
}

async fn a_document_that_the_second_index_refuses_is_refused(node: Node) {
    let index = format!("{}thing_index-000007", node.prefix);
    let body = json!({
        "mappings": { "properties": { "text": { "properties": { "name": { "type": "boolean" } } } } },
        "aliases": { format!("{index}-only"): {} },
    });
    assert_eq!(node.raw("PUT", "thing_index-000007", &body.to_string()).0, 200);
    let model = node.model().await.with_dual_write(Arc::new(Targets(vec![index])));
    let outcomes = model.index(vec![thing("a", Vec::new()), at("b", 1)]).await.expect("the model writes");
    let [IndexOutcome::Indexed, IndexOutcome::Refused(reason)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert!(reason.ends_with("000007: mapper_parsing_exception at `text.name`"), "{reason}");
}

async fn readers_miss_nothing_while_indices_swap(node: Node) {
    let admin = IndexAdmin::new(node.connect().await);
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
                let query = EntityQuery {
                    schema: thing.clone(),
                    filters: Vec::new(),
                    words: vec!["version".to_owned()],
                    include_deleted: true,
                    sort: Vec::new(),
                    offset: 0,
                    limit: 100,
                };
                assert_eq!(model.search(&query).await.expect("the model reads").len(), ids.len());
                assert_eq!(model.count(&query).await.expect("the model reads"), ids.len() as u64);
                reads += 1;
            }
            reads
        })
    };
    for _ in 0..5 {
        let from = admin.current(&thing).await.expect("it answers").expect("one serves");
        let to = admin.create_numbered(&thing).await.expect("it is made");
        admin.index_into(&to, &documents).await.expect("it is written");
        admin.refresh(&to).await.expect("it is refreshed");
        admin.swap(&thing, Some(&from), &to).await.expect("it is swapped");
        admin.delete(&from).await.expect("it is dropped");
    }
    ended.store(true, Ordering::Relaxed);
    let reads = poller.await.expect("no read failed");
    assert!(reads > 5, "{reads} reads are too few to tell");
}
