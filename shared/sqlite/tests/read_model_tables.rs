//! The tables of the read model: created from definitions, refused if created from others, rebuilt.

use std::path::Path;
use std::sync::Arc;

use annals_application::contract::samples::{
    catalog, catalog_of, changed_catalog, document, key_of, next_event, schema, stream, text,
};
use annals_application::ports::{
    CommitPosition, Document, EntityQuery, EventFeed, EventStore, IndexOutcome, PortErrorKind, ReadModel,
};
use annals_domain::definition::{Catalog, EntitySchema, former_digests};
use annals_domain::identity::{EntityName, Provider};
use annals_domain::position::Version;
use annals_sqlite::{Database, OpenReadModelError, SqliteEventStore, SqliteReadModel, SqliteRebuild, SwapOutcome};
use rusqlite::Connection;
use tempfile::TempDir;

fn database() -> (Database, TempDir) {
    let folder = tempfile::tempdir().expect("a folder for the test");
    (Database::open(&folder.path().join("annals.db")).expect("a new file opens"), folder)
}

/// A gadget with its schema in a catalog.
fn gadget(id: &str, version: u64, catalog: &Catalog) -> Document {
    let mut document = document("Gadget__c", id, vec![("name", text(&format!("{id} at {version}")))]);
    document.schema = catalog.schema(Provider::Salesforce, &EntityName::new("Gadget__c"));
    Arc::make_mut(&mut document.entity).version = Version::new(version);
    document
}

async fn versions(model: &impl ReadModel, schema: &EntitySchema) -> Vec<u64> {
    let query = EntityQuery { include_deleted: true, ..EntityQuery::first(schema.clone(), 1000) };
    let found = model.search(&query).await.expect("the model reads");
    let mut versions: Vec<_> = found.documents.iter().map(|found| found.version.get()).collect();
    versions.sort_unstable();
    versions
}

async fn index(model: &impl ReadModel, documents: Vec<Document>) {
    let outcomes = model.index(documents).await.expect("the model writes");
    assert!(outcomes.iter().all(|outcome| *outcome == IndexOutcome::Indexed));
}

/// The number of entity tables in the file.
fn table_count(path: &Path) -> i64 {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name GLOB 'entity_*[0-9]'";
    Connection::open(path).and_then(|file| file.query_row(sql, [], |row| row.get(0))).expect("the schema reads")
}

#[track_caller]
fn check_outdated(opened: Result<SqliteReadModel, OpenReadModelError>, expected: &[&str]) {
    match opened.map(|_| ()) {
        Err(OpenReadModelError::Outdated(outdated)) => {
            assert_eq!(outdated.types, expected);
            assert!(outdated.to_string().contains("annals rebuild"), "{outdated}");
        }
        other => panic!("{other:?} is not outdated"),
    }
}

#[tokio::test]
async fn tables_of_another_definition_are_refused_and_named() {
    let (database, _kept) = database();
    let model = SqliteReadModel::open(database.clone(), &catalog()).await.unwrap();
    index(&model, vec![gadget("a", 1, &catalog())]).await;
    check_outdated(SqliteReadModel::open(database.clone(), &changed_catalog()).await, &["gadget"]);
    // The tables still match the definition they were created from.
    SqliteReadModel::open(database, &catalog()).await.unwrap();
}

#[tokio::test]
async fn a_definition_added_for_events_that_are_not_projected_yet_needs_no_rebuild() {
    let (database, _kept) = database();
    let events = SqliteEventStore::new(database.clone());
    SqliteReadModel::open(database.clone(), &Catalog::default()).await.unwrap();
    let key = key_of("Gadget__c", "a");
    for result in events.append(stream(&key, 1)).await {
        result.unwrap();
    }
    // The events will be projected with the definition.
    let model = SqliteReadModel::open(database.clone(), &catalog()).await.unwrap();
    drop(model);
}

#[tokio::test]
async fn a_definition_added_or_removed_for_projected_entities_needs_a_rebuild() {
    let (database, _kept) = database();
    let model = SqliteReadModel::open(database.clone(), &Catalog::default()).await.unwrap();
    let open = Catalog::default().open(&EntityName::new("Gadget__c"));
    let mut raw = gadget("a", 1, &catalog());
    raw.schema = open.clone();
    index(&model, vec![raw]).await;
    check_outdated(SqliteReadModel::open(database.clone(), &catalog()).await, &["gadget"]);

    let rebuild = SqliteRebuild::begin(database.clone(), &catalog()).await.unwrap();
    index(&rebuild, vec![gadget("a", 1, &catalog())]).await;
    assert_eq!(rebuild.try_finish(CommitPosition(0)).await.unwrap(), SwapOutcome::Swapped);
    let model = SqliteReadModel::open(database.clone(), &catalog()).await.unwrap();
    assert_eq!(versions(&model, &schema("Gadget__c")).await, [1]);

    // `thing` has no entities, `gadget` has one.
    check_outdated(SqliteReadModel::open(database, &Catalog::default()).await, &["gadget"]);
}

#[tokio::test]
async fn a_changed_definition_without_entities_needs_no_rebuild() {
    let (database, _kept) = database();
    SqliteReadModel::open(database.clone(), &catalog()).await.unwrap();
    let model = SqliteReadModel::open(database, &changed_catalog()).await.unwrap();
    index(&model, vec![gadget("a", 1, &changed_catalog())]).await;
}

#[tokio::test]
async fn tables_with_a_digest_of_an_earlier_release_are_used_without_a_rebuild() {
    let (database, folder) = database();
    let catalog = Catalog::built_in(&annals_crm::adapters(None).unwrap()).unwrap();
    let mut account = document("Account", "a", Vec::new());
    account.schema = catalog.schema(Provider::Salesforce, &EntityName::new("Account"));
    let model = SqliteReadModel::open(database.clone(), &catalog).await.unwrap();
    index(&model, vec![account.clone()]).await;

    let file = Connection::open(folder.path().join("annals.db")).unwrap();
    for (former, today) in former_digests() {
        let update = "UPDATE read_model SET digest = ? WHERE digest = ?";
        assert_eq!(file.execute(update, [former, today]).unwrap(), 1, "a built-in definition has the digest {today}");
    }
    let model = SqliteReadModel::open(database, &catalog).await.unwrap();
    assert_eq!(versions(&model, &account.schema).await, [account.entity.version.get()]);
    let mut digests = file.prepare("SELECT digest FROM read_model").unwrap();
    let digests: Vec<String> = digests.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(former_digests().all(|(former, today)| {
        digests.iter().any(|digest| digest == today) && !digests.iter().any(|digest| digest == former)
    }));
}

#[tokio::test]
async fn readers_see_the_current_tables_until_a_rebuild_is_swapped_in() {
    let (database, folder) = database();
    let path = folder.path().join("annals.db");
    let model = SqliteReadModel::open(database.clone(), &catalog()).await.unwrap();
    index(&model, vec![gadget("a", 1, &catalog()), gadget("b", 1, &catalog())]).await;
    let tables = table_count(&path);

    let (new_catalog, old_schema) = (changed_catalog(), schema("Gadget__c"));
    let rebuild = SqliteRebuild::begin(database.clone(), &new_catalog).await.unwrap();
    index(&rebuild, vec![gadget("a", 2, &new_catalog)]).await;
    // The live process still reads and writes the current tables.
    index(&model, vec![gadget("b", 3, &catalog())]).await;
    assert_eq!(versions(&model, &old_schema).await, [1, 3]);

    assert_eq!(rebuild.try_finish(CommitPosition(0)).await.unwrap(), SwapOutcome::Swapped);
    let reopened = SqliteReadModel::open(database, &new_catalog).await.unwrap();
    let new_schema = new_catalog.schema(Provider::Salesforce, &EntityName::new("Gadget__c"));
    assert_eq!(versions(&reopened, &new_schema).await, [2]);
    assert_eq!(table_count(&path), tables, "the old tables are gone");

    // A process with the old definitions can neither read nor write the new tables.
    let refused = model.index(vec![gadget("c", 1, &catalog())]).await.unwrap_err();
    assert_eq!(refused.kind, PortErrorKind::Misconfigured);
    assert_eq!(
        model.get(&old_schema, gadget("a", 1, &catalog()).entity.aggregate_id).await.unwrap_err().kind,
        refused.kind
    );
    assert_eq!(versions(&reopened, &new_schema).await, [2]);
}

#[tokio::test]
async fn a_process_with_the_same_definitions_uses_the_swapped_tables() {
    let (database, _kept) = database();
    let model = SqliteReadModel::open(database.clone(), &catalog()).await.unwrap();
    index(&model, vec![gadget("a", 1, &catalog())]).await;
    let rebuild = SqliteRebuild::begin(database, &catalog()).await.unwrap();
    index(&rebuild, vec![gadget("a", 2, &catalog())]).await;
    assert_eq!(rebuild.try_finish(CommitPosition(0)).await.unwrap(), SwapOutcome::Swapped);
    index(&model, vec![gadget("b", 5, &catalog())]).await;
    assert_eq!(versions(&model, &schema("Gadget__c")).await, [2, 5]);
}

#[tokio::test]
async fn events_committed_during_a_rebuild_prevent_the_swap_and_are_found() {
    let (database, _kept) = database();
    let events = SqliteEventStore::new(database.clone());
    let keys = ["a", "b", "c"].map(|id| key_of("Gadget__c", id));
    for key in &keys {
        events.append(stream(key, 2)).await.into_iter().for_each(|result| result.unwrap());
    }
    let model = SqliteReadModel::open(database.clone(), &catalog()).await.unwrap();
    let rebuild = SqliteRebuild::begin(database, &catalog()).await.unwrap();
    let (start, _) = events.last_commit().await.unwrap().unwrap();
    let later = next_event(&keys[1], Some(&stream(&keys[1], 2)[1].head), "later");
    events.append(vec![later]).await.into_iter().for_each(|result| result.unwrap());

    assert_eq!(rebuild.try_finish(start).await.unwrap(), SwapOutcome::EventsAppended);
    let changed = events.changed_after(start, 100).await.unwrap();
    assert_eq!(changed.keys, [keys[1].clone()]);
    index(&rebuild, vec![gadget("b", 3, &catalog())]).await;
    assert_eq!(events.changed_after(changed.up_to, 100).await.unwrap().up_to, changed.up_to);
    assert_eq!(rebuild.try_finish(changed.up_to).await.unwrap(), SwapOutcome::Swapped);
    assert_eq!(versions(&model, &schema("Gadget__c")).await, [3]);
}

#[tokio::test]
async fn the_tables_of_an_interrupted_rebuild_are_dropped_and_it_cannot_be_swapped_in() {
    let (database, folder) = database();
    let path = folder.path().join("annals.db");
    let model = SqliteReadModel::open(database.clone(), &catalog()).await.unwrap();
    index(&model, vec![gadget("a", 1, &catalog())]).await;
    let tables = table_count(&path);
    let first = SqliteRebuild::begin(database.clone(), &catalog()).await.unwrap();
    index(&first, vec![gadget("a", 2, &catalog())]).await;
    let second = SqliteRebuild::begin(database, &catalog()).await.unwrap();
    assert_eq!(table_count(&path), 2 * tables, "the first one's tables are gone");

    assert!(first.index(vec![gadget("b", 2, &catalog())]).await.is_err());
    first.try_finish(CommitPosition(0)).await.unwrap_err();
    assert_eq!(versions(&model, &schema("Gadget__c")).await, [1], "the old tables still serve");
    index(&second, vec![gadget("a", 3, &catalog())]).await;
    assert_eq!(second.try_finish(CommitPosition(0)).await.unwrap(), SwapOutcome::Swapped);
    assert_eq!(versions(&model, &schema("Gadget__c")).await, [3]);
    assert_eq!(table_count(&path), tables);
}

#[tokio::test]
async fn pages_of_streams_have_each_stream_once() {
    let (database, _kept) = database();
    let events = Arc::new(SqliteEventStore::new(database));
    let mut keys: Vec<_> = (0..57).map(|n| key_of(["Account", "Zeta__c"][n % 2], &n.to_string())).collect();
    for key in &keys {
        events.append(stream(key, 3)).await.into_iter().for_each(|result| result.unwrap());
    }
    keys.sort();
    let mut walked = Vec::new();
    loop {
        let page = events.streams_after(walked.last(), 10).await.unwrap();
        if page.is_empty() {
            break;
        }
        walked.extend(page);
    }
    assert_eq!(walked, keys);
    assert_eq!(events.stream_count().await.unwrap(), 57);
}

#[tokio::test]
async fn a_definition_may_have_the_name_of_a_table_or_keyword() {
    let (database, _kept) = database();
    let names = ["open", "select", "x_1", "x", "events", "x_1_text", "sqlite_x"];
    let text = |name: &str| {
        format!(
            "type = \"{name}\"\nplural = \"{name}s\"\nobjects = {{ salesforce = \"{name}__c\" }}\n\
             fields = [{{ name = \"id\", type = \"id\", salesforce = {{ copy = \"Id\" }} }}]\n"
        )
    };
    let texts: Vec<_> = names.iter().map(|name| (format!("{name}.toml"), text(name))).collect();
    let files: Vec<_> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let catalog = catalog_of(&files);
    let model = SqliteReadModel::open(database, &catalog).await.unwrap();
    for (version, name) in (1..).zip(names) {
        let object = EntityName::new(format!("{name}__c"));
        let mut document = gadget(name, version, &catalog);
        document.schema = catalog.schema(Provider::Salesforce, &object);
        index(&model, vec![document.clone()]).await;
        assert_eq!(versions(&model, &document.schema).await, [version], "{name}");
    }
}
