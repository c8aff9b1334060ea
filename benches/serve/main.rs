//! `annals serve` under sustained load, as its users see it: writers and readers over HTTP, on a database that holds
//! records already.
//!
//! Each number of writers runs alone first, which is the floor, then beside 16 readers of lists, searches and single
//! entities, then beside four searches that take as long as they may. Required: beside readers at least half the posts a
//! second, the slowest percent under 250 ms; acknowledged = stored = projected = published; memory below 300 MB; the
//! write-ahead log below 100 MB. `cargo bench -p annals-benches --bench serve` takes ten minutes.

mod load;
mod outcome;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use annals_benches::{is_small, run_measured};
use annals_services::built;
use annals_tests::changes::change;
use anyhow::{Context, Result};

use crate::load::{Load, Phase, Readers};
use crate::outcome::check;
use annals_benches::server::Server;

const WRITERS: [usize; 2] = [16, 64];
const READERS: usize = 16;

/// Stores the creations of all records.
fn fill(annals: &Path, folder: &Path, records: usize) -> Result<()> {
    let changes = folder.join("creations.jsonl");
    let mut file = BufWriter::new(File::create(&changes)?);
    for record in 0..records {
        serde_json::to_writer(&mut file, &change(0, record))?;
        file.write_all(b"\n")?;
    }
    file.flush()?;
    let mut command = Command::new(annals);
    command.arg("ingest").arg(&changes).current_dir(folder).stdout(Stdio::null());
    run_measured(&mut command)?;
    Ok(std::fs::remove_file(changes)?)
}

fn report(name: &str, phase: &Phase) {
    println!(
        "  {name:<24} {:>7.0} posts/s, p50 {:>4} ms, p99 {:>4} ms, longest {:>5} ms; {:>6.0} reads/s, {} answered 503",
        phase.posts_a_second(),
        phase.percentile(50).as_millis(),
        phase.percentile(99).as_millis(),
        phase.percentile(100).as_millis(),
        phase.reads_a_second(),
        phase.unavailable,
    );
}

fn main() -> Result<()> {
    let (records, seconds) = if is_small() { (600, 1) } else { (200_000, 60) };
    let built = built(&["annals"], &[]);
    let annals = built.get("annals").context("cargo names every binary that it built")?;
    let folder = tempfile::tempdir()?;
    fill(annals, folder.path(), records)?;
    println!("annals serve on {records} records, {seconds} s each");
    let (mut acknowledged, mut load) = (0, Load::new(records));
    for writers in WRITERS {
        let server = Server::start(annals, folder.path(), &[])?;
        println!("{writers} writers");
        let time = Duration::from_secs(seconds);
        let alone = load.run(&server, writers, Readers::NONE, time / 4)?;
        report("alone", &alone);
        let beside = load.run(&server, writers, Readers { usual: READERS, slow: 0 }, time)?;
        report("beside 16 readers", &beside);
        println!(
            "  {:.2} of the posts alone (must be 0.5), p99 must be under 250 ms",
            beside.posts_a_second() / alone.posts_a_second()
        );
        let slow = load.run(&server, writers, Readers { usual: READERS, slow: 4 }, time / 4)?;
        report("and 4 slow searches", &slow);
        acknowledged += alone.acknowledged() + beside.acknowledged() + slow.acknowledged();
        let peaks = server.stop()?;
        println!(
            "  memory {:.0} MB at its peak (must be under 300), write-ahead log {:.0} MB (must be under 100)",
            peaks.memory as f64 / 1e6,
            peaks.log as f64 / 1e6
        );
        check(folder.path(), records, acknowledged)?;
    }
    Ok(())
}
