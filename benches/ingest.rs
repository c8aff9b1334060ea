//! `annals ingest` of 100,000 changes of 10,000 records, as a user runs it: the binary reads a file of JSON
//! lines into a new database. Also measures its peak memory.
//!
//! Floor: the same rows (events, entities, search index) written with prepared statements, in transactions of
//! the same size, to the same schema with the same durability (events are on disk before they are confirmed,
//! derived data is not). Required: at least half the rate of the floor, with less than 150 MB.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use annals_benches::{is_small, remove_database, run_measured, try_pair, write_changes};
use annals_services::built;
use annals_tests::changes::is_searchable;
use anyhow::{Context, Result, ensure};
use rusqlite::types::Value;
use rusqlite::{Connection, Statement, params_from_iter};

/// The number of changes in one transaction of `annals ingest`.
const BATCH: usize = 512;
/// The number of changes of a record: its creation, then updates.
const CHANGES: usize = 10;

/// Runs `annals ingest` to its end. Returns its time and its peak memory in bytes.
fn ingest(annals: &Path, changes: &Path, db: &Path, publish: &str) -> Result<(Duration, u64)> {
    remove_database(db);
    let mut command = Command::new(annals);
    command.arg("ingest").arg(changes).arg("--db").arg(db).args(["--publish", publish]).stdout(Stdio::null());
    run_measured(&mut command)
}

/// The rows in the database that the subject wrote.
struct Rows {
    schema: Vec<String>,
    events: Vec<Vec<Value>>,
    /// By record number.
    entities: Vec<Vec<Value>>,
    search: Vec<(i64, String)>,
    table: String,
}

fn rows(db: &Path, records: usize) -> Result<Rows> {
    let connection = Connection::open(db)?;
    let table: String = connection.query_row(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'entity_client_[0-9]*' AND sql NOT LIKE '%VIRTUAL%'
         AND name NOT LIKE '%fts%' ORDER BY name LIMIT 1",
        [],
        |row| row.get(0),
    )?;
    let mut statement = connection.prepare(
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND name NOT GLOB 'words_*_*_*' ORDER BY rowid",
    )?;
    let schema = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let events = all(&mut connection.prepare("SELECT * FROM events ORDER BY commit_position")?)?;
    let entities = all(&mut connection.prepare(&format!("SELECT * FROM {table} ORDER BY f_id"))?)?;
    let mut statement = connection.prepare(&format!("SELECT rowid, search_text FROM {table} ORDER BY f_id"))?;
    let search = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    ensure!(entities.len() == records && events.len() == records * CHANGES, "the subject wrote every row");
    Ok(Rows { schema, events, entities, search, table })
}

fn all(statement: &mut Statement<'_>) -> Result<Vec<Vec<Value>>> {
    let columns = statement.column_count();
    let row =
        |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect::<rusqlite::Result<Vec<Value>>>();
    Ok(statement.query_map([], row)?.collect::<rusqlite::Result<_>>()?)
}

/// A new file with the schema and the durability of the subject.
fn by_hand(rows: &Rows, db: &Path) -> Result<Connection> {
    remove_database(db);
    let connection = Connection::open(db)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.set_prepared_statement_cache_capacity(64);
    for sql in &rows.schema {
        connection.execute_batch(sql).with_context(|| sql.clone())?;
    }
    Ok(connection)
}

/// The statements that write a row of each kind.
struct Statements {
    event: String,
    entity: String,
    forget_words: String,
    words: String,
}

impl Statements {
    fn new(connection: &Connection, rows: &Rows) -> Result<Self> {
        let statement = connection.prepare(&format!("SELECT * FROM {}", rows.table))?;
        let columns: Vec<String> = statement.column_names().map(|name| format!("\"{name}\"")).collect();
        let updates: Vec<String> = columns.iter().map(|name| format!("{name} = excluded.{name}")).collect();
        let places = |count: usize| vec!["?"; count].join(",");
        let (table, names) = (&rows.table, columns.join(","));
        let fts: String = connection.query_row(
            "SELECT name FROM sqlite_master WHERE sql LIKE '%fts5%' AND name LIKE '%client%'",
            [],
            |row| row.get(0),
        )?;
        Ok(Self {
            event: format!("INSERT INTO events VALUES ({})", places(rows.events[0].len())),
            entity: format!(
                "INSERT INTO {table} ({names}) VALUES ({}) ON CONFLICT (aggregate_id) DO UPDATE SET {}",
                places(columns.len()),
                updates.join(",")
            ),
            forget_words: format!("DELETE FROM {fts} WHERE rowid = ?"),
            words: format!("INSERT INTO {fts} (rowid, search_text) VALUES (?, ?)"),
        })
    }
}

/// Writes the rows. Returns the time from the first statement to the last commit.
fn floor(rows: &Rows, db: &Path, records: usize) -> Result<Duration> {
    let mut connection = by_hand(rows, db)?;
    let sql = Statements::new(&connection, rows)?;
    let mut indexed = HashSet::new();
    let start = Instant::now();
    for (number, batch) in rows.events.chunks(BATCH).enumerate() {
        let transaction = connection.transaction()?;
        let mut statement = transaction.prepare_cached(&sql.event)?;
        for event in batch {
            statement.execute(params_from_iter(event))?;
        }
        drop(statement);
        transaction.commit()?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        let transaction = connection.transaction()?;
        for change in number * BATCH..number * BATCH + batch.len() {
            let (round, record) = (change / records, change % records);
            transaction.prepare_cached(&sql.entity)?.execute(params_from_iter(&rows.entities[record]))?;
            if is_searchable(round) {
                let (rowid, text) = &rows.search[record];
                if !indexed.insert(record) {
                    transaction.prepare_cached(&sql.forget_words)?.execute([rowid])?;
                }
                transaction.prepare_cached(&sql.words)?.execute((rowid, text))?;
            }
        }
        transaction.commit()?;
        connection.pragma_update(None, "synchronous", "FULL")?;
    }
    Ok(start.elapsed())
}

fn main() -> Result<()> {
    let records = if is_small() { 300 } else { 10_000 };
    let built = built(&["annals"], &[]);
    let annals = built.get("annals").context("cargo names every binary that it built")?;
    let folder = tempfile::tempdir()?;
    let (changes, db, by_hand) =
        (folder.path().join("changes.jsonl"), folder.path().join("a.db"), folder.path().join("b.db"));
    write_changes(&changes, records, CHANGES)?;
    ingest(annals, &changes, &db, "none")?;
    let rows = rows(&db, records)?;
    let mut peaks = Vec::new();
    let changes_count = records * CHANGES;
    let (floor_times, subject_times) = try_pair(
        &format!(
            "ingest of {changes_count} changes over {records} records (floor: the same rows by prepared statements)"
        ),
        || floor(&rows, &by_hand, records),
        || {
            let (time, peak) = ingest(annals, &changes, &db, "none")?;
            peaks.push(peak);
            anyhow::Ok(time)
        },
    )?;
    let rate = |time: Duration| changes_count as f64 / time.as_secs_f64();
    let (of_floor, of_subject) = (rate(floor_times.median()), rate(subject_times.median()));
    println!(
        "  {of_subject:.0} changes/s against {of_floor:.0}: {:.2} of the floor's rate (must be 0.5)",
        of_subject / of_floor
    );
    println!("  peak memory {:.0} MB (must be under 150)", peaks.iter().max().copied().unwrap_or(0) as f64 / 1e6);
    let (published, _) = ingest(annals, &changes, &db, &folder.path().join("out.jsonl").display().to_string())?;
    println!("  with published events to a file: {:.0} changes/s", rate(published));
    Ok(())
}
