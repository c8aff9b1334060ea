//! A changed definition changes the entities after a rebuild and does not change any event.

use std::fs;

use annals_application::ports::CommitPosition;
use annals_application::ports::{EventFeed, StoredEvent};
use annals_application::queries::ListRequest;
use annals_sqlite::process::{LocalProcess, ProcessError, ProcessSettings, rebuild};
use annals_sqlite::{Database, SqliteEventStore};
use annals_tests::crm::Account;
use annals_tests::process::TestProcess;
use annals_tests::random::Random;
use serde_json::{Map, Value};

const OTHER: &str = r#"type = "client"
plural = "clients"
[objects]
salesforce = "Account"
[[fields]]
name = "id"
type = "id"
salesforce = { copy = "Id" }
[[fields]]
name = "title"
type = "string"
searchable = true
salesforce = { first_of = ["CurrencyIsoCode", "Name"] }
"#;

async fn events(settings: &ProcessSettings) -> Vec<(CommitPosition, StoredEvent)> {
    let store = SqliteEventStore::new(Database::open(&settings.db).expect("the file opens"));
    store.after(CommitPosition::default(), usize::MAX >> 1).await.expect("the store responds")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_definition_changes_every_entity_after_a_rebuild_and_no_event() {
    let test = TestProcess::new().await;
    let mut random = Random::new(3);
    for number in 0..200 {
        let mut account = Account::new(&format!("001{number:012}AAA"));
        let deliveries = [account.create(&mut random), account.update(&mut random), account.update(&mut random)];
        test.deliver(deliveries).await;
    }
    let before = events(&test.settings).await;
    let folder = test.folder().join("entities");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("client.toml"), OTHER).expect("a file");
    let other = ProcessSettings { entities: Some(folder), ..test.settings.clone() };

    // The read model has the form of the old definition: opening it fails instead of misreading it.
    let refused = LocalProcess::open(&other).await.err().expect("refused");
    assert!(matches!(refused, ProcessError::ReadModel(_)), "{refused}");
    assert!(refused.to_string().contains("annals rebuild"), "{refused}");

    let mut reports = Vec::new();
    let report = rebuild(&other, &mut |progress| reports.push(progress)).await.expect("the rebuild succeeds");
    assert_eq!((report.indexed, report.events, report.failed.len()), (200, 600, 0));
    assert_eq!(reports.last().map(|progress| (progress.done, progress.total)), Some((200, 200)));

    let process = LocalProcess::open(&other).await.expect("the read model matches the definition");
    let page = ListRequest { page_size: Some(200), ..ListRequest::default() };
    let found = process.queries.list("clients", &page).await.expect("the store responds");
    assert_eq!(found.count, Some(200));
    for document in &found.results {
        let json: Map<String, Value> = serde_json::from_str(document.json.get()).expect("JSON");
        assert!(json.contains_key("title") && !json.contains_key("name"), "{json:?}");
    }
    let titled = found.results.iter().filter(|document| !document.json.get().contains("\"title\":null")).count();
    assert!(titled > 150, "only {titled} have a title");
    assert_eq!(events(&test.settings).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_under_the_same_definitions_changes_nothing() {
    let test = TestProcess::new().await;
    let mut random = Random::new(4);
    for number in 0..60 {
        let mut account = Account::new(&format!("001{number:012}AAA"));
        let mut deliveries = vec![account.create(&mut random)];
        deliveries.extend((0..6).map(|_| account.update(&mut random)));
        random.shuffle(&mut deliveries);
        test.deliver(deliveries).await;
    }
    let list = async |process: &LocalProcess| {
        let page = ListRequest { page_size: Some(200), ..ListRequest::default() };
        let found = process.queries.list("clients", &page).await.expect("the store responds");
        found.results.iter().map(|document| document.json.get().to_owned()).collect::<Vec<_>>()
    };
    let before = list(&test.process).await;
    rebuild(&test.settings, &mut |_| {}).await.expect("the rebuild succeeds");
    let after = list(&test.reopen(annals_sqlite::process::ProcessTuning::default()).await).await;
    assert_eq!(before, after);
    // The process that stayed open reads the new tables too.
    assert_eq!(list(&test.process).await, before);
}
