//! Nothing that was acknowledged is missing anywhere, and nothing is there twice.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Result, ensure};
use rusqlite::Connection;
use serde_json::Value;

/// Compares the number of acknowledged updates with what is stored, projected and published.
pub(crate) fn check(folder: &Path, records: usize, acknowledged: usize) -> Result<()> {
    let database = Connection::open(folder.join("annals.db"))?;
    let count = |sql: &str| database.query_row(sql, [], |row| row.get::<_, i64>(0));
    let stored = count("SELECT count(*) FROM events")?;
    let table: String = database.query_row(
        "SELECT 'entity_client_' || number FROM read_model WHERE name = 'client' AND state = 'current'",
        [],
        |row| row.get(0),
    )?;
    // A record's version is the number of its events.
    let projected = count(&format!("SELECT sum(version) FROM {table}"))?;
    let published = published(&folder.join("annals.published.jsonl"))?;
    let expected = i64::try_from(records + acknowledged)?;
    println!(
        "  {acknowledged} updates acknowledged; {stored} events stored, {projected} projected, {published} published"
    );
    ensure!((stored, projected, published) == (expected, expected, expected), "expected {expected} of each");
    Ok(())
}

/// The number of versions that the published events cover.
fn published(path: &Path) -> Result<i64> {
    let mut versions = 0;
    for line in BufReader::new(File::open(path)?).lines() {
        let event: Value = serde_json::from_str(&line?)?;
        let version = |name: &str| event[name].as_i64().unwrap_or_default();
        versions += version("version") - version("from_version") + 1;
    }
    Ok(versions)
}
