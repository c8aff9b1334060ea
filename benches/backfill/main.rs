//! Backfill from an org over HTTP.
//!
//! `dynamodb`: as the backfill function runs it. Floor: the same pages fetched by a bare client, and conditional PutItem of
//! the same items, 16 in flight. Required: at least 0.7 of its rate.
//!
//! `command`: as a user runs it on SQLite, with the projection of each record. Floor: the same pages, and the same events by
//! prepared statements; nothing else is written. Required: less than 128 MB, for a fifth of the records and for all.
//!
//! `live`: `annals serve` reads all records in real time, alone and while 50 changes a second arrive. Required: in the end
//! an audit finds no difference.

mod command;
mod dynamodb;
mod live;
mod org;

use annals_benches::is_small;
use annals_services::built;
use anyhow::{Context, Result};

use crate::org::BenchOrg;

/// The records of a page.
const PAGE: usize = 500;

fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let (to_tables, to_file, live) = if is_small() { (200, 600, 600) } else { (20_000, 100_000, 40_000) };
    if is_wanted("dynamodb") {
        dynamodb::run(&BenchOrg::start(to_tables)?, to_tables)?;
    }
    let built = built(&["annals"], &[]);
    let annals = built.get("annals").context("cargo names every binary that it built")?;
    if is_wanted("command") {
        command::run(annals, to_file)?;
    }
    if is_wanted("live") {
        live::run(annals, live)?;
    }
    Ok(())
}
