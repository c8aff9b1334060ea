//! `annals export` of 100,000 clients from a database on this machine, now and as of a moment, as a user runs it: the time
//! and the peak memory. Required: less than 256 MB.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use annals_benches::{is_small, run_measured, write_changes};
use annals_services::built;
use annals_tests::changes::change;
use anyhow::{Context, Result, ensure};

/// The changes of each record: its creation, then updates. The moment of the export is before the last.
const CHANGES: usize = 3;
/// The most memory of an export, in bytes.
const MOST: u64 = 256_000_000;

/// The time of the CRM's clock before the last change of any record.
fn before_the_last_round() -> Result<String> {
    let last = change(CHANGES - 1, 0);
    let at =
        last["detail"]["payload"]["ChangeEventHeader"]["commitTimestamp"].as_i64().context("a change has a time")?;
    Ok(annals_domain::timestamp::Timestamp::from_millis(at - 1)?.to_string())
}

/// Exports to a file and prints what it took.
fn export(annals: &Path, folder: &Path, records: usize, moment: &[&str]) -> Result<()> {
    let output = folder.join("clients.ndjson");
    let mut command = Command::new(annals);
    command.args(["export", "clients", "--format", "ndjson", "--db"]).arg(folder.join("annals.db"));
    command.args(moment).arg("--output").arg(&output).stderr(Stdio::null());
    let (time, peak) = run_measured(&mut command)?;
    let lines = BufReader::new(File::open(&output)?).lines().count();
    ensure!(lines == records, "{lines} of {records} entities");
    let name = if moment.is_empty() { "now" } else { "as of a moment" };
    println!("export of {records} entities, {name}");
    println!("  {}, peak memory {:.0} MB (must be under 256)", seconds(time), peak as f64 / 1e6);
    ensure!(peak < MOST, "the export used {peak} bytes");
    Ok(())
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn main() -> Result<()> {
    let records = if is_small() { 300 } else { 100_000 };
    let built = built(&["annals"], &[]);
    let annals = built.get("annals").context("cargo names every binary that it built")?;
    let folder = tempfile::tempdir()?;
    let changes = folder.path().join("changes.jsonl");
    write_changes(&changes, records, CHANGES)?;
    let mut ingest = Command::new(annals);
    ingest.arg("ingest").arg(&changes).arg("--db").arg(folder.path().join("annals.db"));
    run_measured(ingest.args(["--publish", "none"]).stdout(Stdio::null()))?;
    export(annals, folder.path(), records, &[])?;
    export(annals, folder.path(), records, &["--as-of", &before_the_last_round()?])
}
