//! Reads that take too long, whose callers are gone, or that stand in the way of the log.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use annals_application::ports::PortErrorKind;
use rusqlite::{Transaction, params};
use tempfile::TempDir;
use tokio::time::timeout;

use super::write_ahead_log::{COPY_AT, path_of, size};
use super::*;

/// A step that hangs fails its test by this.
const LONG: Duration = Duration::from_secs(60);

const SETTINGS: ReaderSettings = ReaderSettings { connections: 1, time_limit: LONG, gives_way: true };

fn database() -> (Database, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Database::open(&folder.path().join("annals.db")).unwrap(), folder)
}

/// A statement that never ends by itself.
fn endless(transaction: &Transaction<'_>) -> Result<i64, Failure> {
    let sql = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
    Ok(transaction.query_row(sql, [], |row| row.get(0))?)
}

fn short(transaction: &Transaction<'_>) -> Result<i64, Failure> {
    Ok(transaction.query_row("SELECT count(*) FROM events", [], |row| row.get(0))?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_at_its_deadline_is_unavailable_and_leaves_its_connection_to_the_next() {
    let (database, _folder) = database();
    let hurried = database.with_readers(ReaderSettings { time_limit: Duration::from_secs(1), ..SETTINGS });
    let late = hurried.read("test", endless).await.unwrap_err();
    assert_eq!(late.kind, PortErrorKind::Unavailable);
    assert_eq!(hurried.read("test", short).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_ends_with_its_caller() {
    let (database, _folder) = database();
    let readers = database.with_readers(SETTINGS);
    let caller = tokio::spawn({
        let readers = readers.clone();
        async move { readers.read("test", endless).await }
    });
    // The only connection is free again although that read has a minute left.
    while readers.readers.is_idle() {
        tokio::task::yield_now().await;
    }
    caller.abort();
    assert_eq!(timeout(LONG, readers.read("test", short)).await.unwrap().unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_the_readers_of_another_group() {
    let (database, _folder) = database();
    let slow = database.with_readers(SETTINGS);
    let (one, other) = (slow.clone(), slow.clone());
    let busy = [one, other].map(|slow| tokio::spawn(async move { slow.read("test", endless).await }));
    for group in [&database, &database.with_readers(SETTINGS)] {
        assert_eq!(timeout(LONG, group.read("test", short)).await.unwrap().unwrap(), 0);
    }
    busy.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_panics_is_an_error_and_the_next_one_works() {
    let (database, _folder) = database();
    let readers = database.with_readers(SETTINGS);
    let panicking = |_: &Transaction<'_>| -> Result<i64, Failure> { panic!("scripted") };
    assert!(readers.read("test", panicking).await.is_err());
    assert_eq!(readers.read("test", short).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_must_give_way_begins_again_and_one_that_need_not_runs_on() {
    let (database, _folder) = database();
    let readers = database.with_readers(SETTINGS);
    let runs = Arc::new(AtomicUsize::new(0));
    let reading = tokio::spawn({
        let (readers, runs) = (readers.clone(), Arc::clone(&runs));
        async move {
            let first_is_endless = move |transaction: &Transaction<'_>| match runs.fetch_add(1, Ordering::SeqCst) {
                0 => endless(transaction),
                _ => short(transaction),
            };
            readers.read("test", first_is_endless).await
        }
    });
    let gate = Arc::clone(&database.gate);
    let closing = tokio::task::spawn_blocking(move || {
        while runs.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        let closed = gate.close();
        closed.restart_reads();
        assert!(closed.wait_until_idle(LONG), "the read is still running");
    });
    closing.await.unwrap();
    assert_eq!(timeout(LONG, reading).await.unwrap().unwrap().unwrap(), 0);
    let gate = Arc::clone(&database.gate);
    let closed = gate.close();
    assert_eq!(timeout(LONG, database.read("test", short)).await.unwrap().unwrap(), 0);
    drop(closed);
}

/// Readers that overlap without a pause, each with a transaction of its own.
fn read_without_pause(readers: &Database) -> Vec<tokio::task::JoinHandle<()>> {
    let slow = |transaction: &Transaction<'_>| {
        let count = short(transaction)?;
        std::thread::sleep(Duration::from_millis(15));
        Ok(count)
    };
    let reader = |readers: Database| async move {
        loop {
            readers.read("test", slow).await.unwrap();
        }
    };
    (0..4).map(|_| tokio::spawn(reader(readers.clone()))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_becomes_small_again_beside_readers_without_a_pause() {
    let (database, folder) = database();
    let reading = read_without_pause(&database.with_readers(ReaderSettings { connections: 4, ..SETTINGS }));
    let put = |number: u32| {
        database.write("test", move |transaction| {
            let sql = "INSERT OR REPLACE INTO quarantine_chunk (body_id, number, bytes) VALUES (zeroblob(16), ?, ?)";
            transaction.execute(sql, params![number % 8, vec![7_u8; 1024 * 1024]])?;
            Ok(())
        })
    };
    for number in 0..80 {
        put(number).await.unwrap();
    }
    let log = path_of(&folder.path().join("annals.db"));
    let small = async {
        while size(&log) > u64::from(COPY_AT) {
            // The log is looked at after a write.
            put(0).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let became_small = timeout(LONG, small).await;
    reading.iter().for_each(tokio::task::JoinHandle::abort);
    assert!(became_small.is_ok(), "the log has {} bytes", size(&log));
}
