//! The database file: files that are refused, data that survives a restart, and events that are append-only.

use std::fs;
use std::path::Path;

use annals_application::contract::samples::{catalog, key, next_event, position, stream, thing, timestamp};
use annals_application::ports::{
    AppendError, BackfillJob, BackfillMode, CommitPosition, EventFeed, EventStore, FeedConsumer, JobCounts, JobPace,
    JobState, PortErrorKind, ReadModel, ReadOptions, RefetchTask, Snapshot, StatePorts, StoredEvent,
};
use annals_domain::aggregate::Aggregate;
use annals_domain::identity::{EntityName, ExternalId, Provider};
use annals_domain::position::Version;
use annals_domain::timestamp::Timestamp;
use annals_sqlite::{Database, OpenError, SqliteEventStore, SqliteReadModel, SqliteStateStore};
use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

fn store_at(path: &Path) -> SqliteEventStore {
    SqliteEventStore::new(Database::open(path).expect("the file opens"))
}

async fn append_all(store: &SqliteEventStore, events: &[StoredEvent]) {
    for result in store.append(events.to_vec()).await {
        result.expect("the version is free");
    }
}

/// Opens the path, which must be refused with those words and stay unchanged.
#[track_caller]
fn check_refused(path: &Path, words: &str) -> OpenError {
    let before = fs::read(path).ok();
    let Err(refused) = Database::open(path) else { panic!("{} opened", path.display()) };
    assert!(refused.to_string().contains(words), "`{refused}` does not say `{words}`");
    assert!(refused.to_string().contains(&*path.to_string_lossy()), "`{refused}` does not name the file");
    assert_eq!(fs::read(path).ok(), before, "a refused file stays as it was");
    refused
}

#[test]
fn a_folder_or_a_file_in_a_missing_folder_is_refused() {
    let folder = folder();
    let refused = check_refused(folder.path(), "is a folder");
    assert!(matches!(refused, OpenError::IsFolder(_)));
    let refused = check_refused(&folder.path().join("none/annals.db"), "folder does not exist");
    assert!(matches!(refused, OpenError::NoFolder(_)));
}

#[test]
fn a_file_that_is_not_a_database_is_refused() {
    let folder = folder();
    let path = folder.path().join("notes.txt");
    fs::write(&path, "Not a database, but more than a hundred bytes of text. ".repeat(40)).unwrap();
    assert!(matches!(check_refused(&path, "is not a database, or is damaged"), OpenError::NotADatabase { .. }));
}

#[test]
fn a_database_whose_header_page_is_damaged_is_refused() {
    let folder = folder();
    let path = folder.path().join("annals.db");
    drop(Database::open(&path).unwrap());
    let mut bytes = fs::read(&path).unwrap();
    // The tree of the schema begins after the header.
    bytes[100..4096].fill(0xff);
    fs::write(&path, bytes).unwrap();
    assert!(matches!(check_refused(&path, "is not a database, or is damaged"), OpenError::NotADatabase { .. }));
}

#[test]
fn another_programs_database_is_refused() {
    let folder = folder();
    let path = folder.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    assert!(matches!(check_refused(&path, "another program's"), OpenError::OtherProgram(_)));
}

#[test]
fn a_database_of_a_newer_release_is_refused() {
    let folder = folder();
    let path = folder.path().join("annals.db");
    drop(Database::open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    // Moves the log into the file, so that the comparison needs only the file.
    connection.pragma_update(None, "wal_checkpoint", "TRUNCATE").ok();
    drop(connection);
    assert!(matches!(check_refused(&path, "newer release (schema 99"), OpenError::Newer { found: 99, .. }));
}

#[test]
fn an_empty_file_and_a_plain_name_become_a_database() {
    let folder = folder();
    let path = folder.path().join("empty.db");
    fs::write(&path, "").unwrap();
    drop(Database::open(&path).unwrap());
    assert!(fs::metadata(&path).unwrap().len() > 0);
}

#[tokio::test]
async fn reading_a_damaged_page_is_a_corrupt_error() {
    let folder = folder();
    let path = folder.path().join("annals.db");
    let key = key("a");
    append_all(&store_at(&path), &stream(&key, 200)).await;
    // The schema stays readable; the table's root page does not.
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'events'";
    let root: usize =
        Connection::open(&path).unwrap().query_row(root, [], |row| row.get::<_, u32>(0)).unwrap() as usize;
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096 * (root - 1)..4096 * root].fill(0xee);
    fs::write(&path, bytes).unwrap();
    let database = Database::open(&path).unwrap();
    let read = SqliteEventStore::new(database).read(&key, &ReadOptions::from(Version::FIRST, 1000)).await;
    assert_eq!(read.unwrap_err().kind, PortErrorKind::Corrupt);
}

#[tokio::test]
async fn all_data_survives_a_restart() {
    let folder = folder();
    let path = folder.path().join("annals.db");
    let (key, document) = (key("a"), thing("a", Vec::new()));
    let task = RefetchTask {
        key: key.clone(),
        provider: Provider::Salesforce,
        external_id: ExternalId::new("a"),
        reasons: [annals_domain::change::RefetchReason::Gap].into(),
        due_at: position(1, "x").timestamp,
        attempts: 2,
        version: Version::FIRST,
        asked_by: None,
    };
    {
        let database = Database::open(&path).unwrap();
        let events = SqliteEventStore::new(database.clone());
        append_all(&events, &stream(&key, 3)).await;
        events.advance(FeedConsumer::ReadModel, CommitPosition(2)).await.unwrap();
        let state = StatePorts::of(SqliteStateStore::new(database.clone()));
        state.refetch.enqueue(vec![task.clone()]).await.unwrap();
        let model = SqliteReadModel::open(database, &catalog()).await.unwrap();
        model.index(vec![document.clone()]).await.unwrap();
    }
    let database = Database::open(&path).unwrap();
    let events = SqliteEventStore::new(database.clone());
    assert_eq!(events.read(&key, &ReadOptions::from(Version::FIRST, 9)).await.unwrap(), stream(&key, 3));
    assert_eq!(events.checkpoint(FeedConsumer::ReadModel).await.unwrap(), CommitPosition(2));
    assert_eq!(
        StatePorts::of(SqliteStateStore::new(database.clone()))
            .refetch
            .earliest(Provider::Salesforce, 9)
            .await
            .unwrap(),
        [task]
    );
    let model = SqliteReadModel::open(database, &catalog()).await.unwrap();
    assert!(model.get(&document.schema, document.entity.aggregate_id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_job_of_the_first_schema_is_a_full_backfill_that_has_read_nothing() {
    let folder = folder();
    let path = folder.path().join("annals.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(include_str!("../src/database/schema_1.sql")).unwrap();
    let insert = "INSERT INTO backfill_job (id, provider, entity_name, state, reason, input, created_at) \
                  VALUES (x'00000000000000000000000000000007', 'salesforce', 'Account', 'waiting', 'r', '{}', 5)";
    connection.execute_batch(insert).unwrap();
    connection.pragma_update(None, "application_id", 0x414e_4e4c).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    drop(connection);
    let state = StatePorts::of(SqliteStateStore::new(Database::open(&path).unwrap()));
    let read = BackfillJob {
        id: Uuid::from_u128(7),
        provider: Provider::Salesforce,
        entity_name: EntityName::new("Account"),
        mode: BackfillMode::Full,
        page_size: 50,
        input: "{}".to_owned(),
        created_at: Timestamp::from_millis(5).unwrap(),
        state: JobState::Waiting,
        reason: "r".to_owned(),
        counts: JobCounts::default(),
        started_at: None,
        updated_at: None,
        pace: JobPace::default(),
    };
    assert_eq!(state.jobs.all().await.unwrap(), std::slice::from_ref(&read));
    let cancelled = BackfillJob { state: JobState::Cancelled, ..read.clone() };
    assert!(state.jobs.update(&cancelled, &read).await.unwrap());
    assert_eq!(state.jobs.all().await.unwrap(), [cancelled]);
}

#[tokio::test]
async fn what_an_earlier_release_projected_is_not_published_again() {
    let folder = folder();
    let path = folder.path().join("annals.db");
    let connection = Connection::open(&path).unwrap();
    for migration in [
        include_str!("../src/database/schema_1.sql"),
        include_str!("../src/database/schema_2.sql"),
        include_str!("../src/database/schema_3.sql"),
        include_str!("../src/database/schema_4.sql"),
        "INSERT INTO checkpoint VALUES ('projections', 7)",
    ] {
        connection.execute_batch(migration).unwrap();
    }
    connection.pragma_update(None, "application_id", 0x414e_4e4c).unwrap();
    connection.pragma_update(None, "user_version", 4).unwrap();
    drop(connection);
    let feed = store_at(&path);
    for consumer in [FeedConsumer::ReadModel, FeedConsumer::Publisher] {
        assert_eq!(feed.checkpoint(consumer).await.unwrap(), CommitPosition(7));
    }
}

#[tokio::test]
async fn a_file_is_read_without_writing_it_or_beside_it() {
    let folder = folder();
    let path = folder.path().join("a?b#c%d.db");
    let key = key("a");
    append_all(&store_at(&path), &stream(&key, 3)).await;
    let files = || -> Vec<_> { fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect() };
    assert_eq!(files().len(), 1, "{:?}", files());
    let before = fs::read(&path).unwrap();
    let database = Database::open_read_only(&path).unwrap();
    let store = SqliteEventStore::new(database.clone());
    assert_eq!(store.read(&key, &ReadOptions::from(Version::FIRST, 9)).await.unwrap(), stream(&key, 3));
    let refused = store.advance(FeedConsumer::ReadModel, CommitPosition(1)).await.unwrap_err();
    assert_eq!(refused.kind, PortErrorKind::Misconfigured);
    drop((store, database));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_read_only_file_of_an_earlier_schema_is_refused() {
    let folder = folder();
    let path = folder.path().join("annals.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(include_str!("../src/database/schema_1.sql")).unwrap();
    connection.pragma_update(None, "application_id", 0x414e_4e4c).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    drop(connection);
    let Err(refused) = Database::open_read_only(&path) else { panic!("it opened") };
    assert!(matches!(refused, OpenError::NeedsUpgrade { found: 1, .. }), "{refused}");
}

#[tokio::test]
async fn no_statement_changes_a_stored_event() {
    let folder = folder();
    let path = folder.path().join("annals.db");
    let (key, store) = (key("a"), store_at(&path));
    append_all(&store, &stream(&key, 2)).await;
    let outsider = Connection::open(&path).unwrap();
    for statement in ["UPDATE events SET data = 'x'", "DELETE FROM events", "UPDATE OR IGNORE events SET version = 9"] {
        let refused = outsider.execute(statement, []).unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{statement}: {refused}");
    }
    let columns = "entity_name, aggregate_id, version, event_id, event_type, timestamp, rank, commit_number, \
                   sequence_number, recorded_at, metadata, warnings, head";
    for position in ["commit_position", "NULL"] {
        let replace = format!(
            "INSERT OR REPLACE INTO events (commit_position, {columns}, data) SELECT {position}, {columns}, 'x' FROM events"
        );
        assert_eq!(outsider.execute(&replace, []).unwrap(), 0, "{replace}");
    }
    assert_eq!(store.read(&key, &ReadOptions::from(Version::FIRST, 9)).await.unwrap(), stream(&key, 2));
}

#[tokio::test]
async fn a_version_after_a_gap_is_refused_and_other_events_of_the_call_are_stored() {
    let folder = folder();
    let store = store_at(&folder.path().join("annals.db"));
    let (with_gap, without_gap) = (key("holed"), key("whole"));
    let third = stream(&with_gap, 3).remove(2);
    let mut zeroth = next_event(&key("zero"), None, "zero");
    std::sync::Arc::make_mut(&mut zeroth.event).version = Version::new(0);
    let results = store.append(vec![third, zeroth, stream(&without_gap, 1).remove(0)]).await;
    let [Err(AppendError::NotApplied(gap)), Err(AppendError::NotApplied(zero)), Ok(())] = &results[..] else {
        panic!("{results:?}")
    };
    assert_eq!((gap.kind, zero.kind), (PortErrorKind::Rejected, PortErrorKind::Rejected));
    assert_eq!(store.heads(&[with_gap, key("zero")]).await.unwrap(), [None, None]);
}

#[tokio::test]
async fn a_snapshot_of_another_fold_version_is_not_used() {
    let folder = folder();
    let path = folder.path().join("annals.db");
    let state = StatePorts::of(SqliteStateStore::new(Database::open(&path).unwrap()));
    let mut aggregate = Aggregate::new(key("a"), Provider::Salesforce, ExternalId::new("a"));
    aggregate.apply(Version::new(5), &annals_application::contract::samples::change(position(1, "x")));
    state.snapshots.put(vec![Snapshot { state: aggregate, recorded_at: timestamp(2) }]).await.unwrap();
    let found = |state: StatePorts| async move { state.snapshots.newest(&key("a"), Version::new(9)).await.unwrap() };
    assert!(found(state.clone()).await.is_some());
    Connection::open(&path).unwrap().execute("UPDATE snapshot SET fold_version = fold_version + 1", []).unwrap();
    assert!(found(state).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_append_to_one_file_without_loss_or_gap() {
    let folder = folder();
    let path = folder.path().join("annals.db");
    // Each has connections of its own, and shares only the file with the other.
    let (one, other) = (store_at(&path), store_at(&path));
    let key = key("hot");
    let write = |store: SqliteEventStore, who: &'static str| {
        let key = key.clone();
        tokio::spawn(async move {
            let mut head = None;
            for number in 0..60 {
                loop {
                    let event = next_event(&key, head.as_ref(), &format!("{who} {number}"));
                    head = Some(event.head.clone());
                    match store.append(vec![event]).await.remove(0) {
                        Ok(()) => break,
                        Err(AppendError::Conflict { head: taken, .. }) => head = Some(*taken),
                        Err(other) => panic!("{who}: {other:?}"),
                    }
                }
            }
        })
    };
    let (first, second) = (write(one.clone(), "one"), write(other.clone(), "other"));
    first.await.unwrap();
    second.await.unwrap();
    let events = one.read(&key, &ReadOptions::from(Version::FIRST, 1000)).await.unwrap();
    let versions: Vec<_> = events.iter().map(|stored| stored.event.version.get()).collect();
    assert_eq!(versions, (1..=120).collect::<Vec<_>>());
    let fed = other.after(CommitPosition::default(), 1000).await.unwrap();
    assert!(fed.into_iter().map(|(_, stored)| stored).eq(events));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_may_create_the_file_at_once() {
    let folder = folder();
    let path = folder.path().join("annals.db");
    let opened: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || Database::open(&path).map(drop))
        })
        .collect();
    for thread in opened {
        thread.join().unwrap().unwrap();
    }
}
