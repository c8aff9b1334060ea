//! `annals backfill` as a user runs it, into a new database, with its projection and its peak memory.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use annals_benches::{remove_database, run_measured, try_pair};
use anyhow::{Context, Result, ensure};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::PAGE;
use crate::org::{BenchOrg, Pages};

/// Runs the command to its end. Returns its time and its peak memory in bytes.
fn backfill(annals: &Path, org: &BenchOrg, db: &Path) -> Result<(Duration, u64)> {
    remove_database(db);
    let mut command = Command::new(annals);
    command.args(["backfill", "clients", "--publish", "none", "--page-size"]).arg(PAGE.to_string());
    run_measured(command.arg("--db").arg(db).envs(org.variables()).stdout(Stdio::null()).stderr(Stdio::null()))
}

/// The schema of the events and their rows, as the command wrote them.
struct Rows {
    schema: Vec<String>,
    events: Vec<Vec<Value>>,
}

fn rows(db: &Path) -> Result<Rows> {
    let connection = Connection::open(db)?;
    let sql =
        "SELECT sql FROM sqlite_master WHERE tbl_name = 'events' AND type IN ('table', 'index') AND sql IS NOT NULL";
    let schema = connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut statement = connection.prepare("SELECT * FROM events ORDER BY commit_position")?;
    let columns = statement.column_count();
    let row =
        |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect::<rusqlite::Result<Vec<_>>>();
    let events = statement.query_map([], row)?.collect::<rusqlite::Result<_>>()?;
    Ok(Rows { schema, events })
}

/// Fetches the pages and writes the events, a transaction a page.
fn by_hand(pages: &Pages, rows: &Rows, db: &Path) -> Result<Duration> {
    remove_database(db);
    let mut connection = Connection::open(db)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    rows.schema.iter().try_for_each(|sql| connection.execute_batch(sql))?;
    let places = vec!["?"; rows.events.first().context("there are events")?.len()].join(",");
    let insert = format!("INSERT INTO events VALUES ({places})");
    let (mut session, mut events) = (pages.log_in()?, rows.events.iter());
    let start = Instant::now();
    for path in &pages.paths {
        session.fetch(path)?;
        let transaction = connection.transaction()?;
        for event in events.by_ref().take(PAGE) {
            transaction.prepare_cached(&insert)?.execute(params_from_iter(event))?;
        }
        transaction.commit()?;
    }
    ensure!(events.next().is_none(), "the pages hold every event");
    Ok(start.elapsed())
}

pub(crate) fn run(annals: &Path, accounts: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (db, hand) = (folder.path().join("a.db"), folder.path().join("b.db"));
    let mut peaks = Vec::new();
    // A fifth of the records, and all.
    for accounts in [accounts / 5, accounts] {
        let org = BenchOrg::start(accounts)?;
        let pages = org.pages_of(|| backfill(annals, &org, &db).map(drop))?;
        let rows = rows(&db)?;
        ensure!(rows.events.len() == accounts, "each record is one event: {} of {accounts}", rows.events.len());
        let mut peak = 0;
        let (floor, subject) = try_pair(
            &format!("annals backfill of {accounts} records (floor: the same pages and the same events by hand)"),
            || by_hand(&pages, &rows, &hand),
            || {
                let (time, memory) = backfill(annals, &org, &db)?;
                peak = peak.max(memory);
                anyhow::Ok(time)
            },
        )?;
        let rate = |time: Duration| accounts as f64 / time.as_secs_f64();
        println!(
            "  {:.0} records/s, searchable, against {:.0} stored by hand: {:.2} of the rate",
            rate(subject.median()),
            rate(floor.median()),
            floor.over(&subject)
        );
        peaks.push(format!("{:.0} MB for {accounts} records", peak as f64 / 1e6));
    }
    println!("  peak memory {} (must be under 128)", peaks.join(", "));
    Ok(())
}
