//! Requests for lists, searches, counts, single entities and a walk of 5,000 by cursor among 100,000 entities, over
//! SQLite and over OpenSearch.
//!
//! Each goes through the router of the API. Floor: the same request sent straight to the store: the SQL on a connection of
//! its own, or what the query function sent to OpenSearch, sent again by a bare client. Both take turns. Required: at most
//! 1 ms more at the median.
//!
//! `cargo bench -p annals-benches --bench read` runs both, `-- sqlite` or `-- opensearch` one of them; `-- --small` with
//! 2,000 entities, as in CI.

mod api;
mod clients;
mod comparison;
mod open_search;
mod requests;
mod sqlite;

use annals_benches::is_small;
use anyhow::Result;
use tokio::runtime::Runtime;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let is_wanted = |part: &str| words.is_empty() || words.iter().any(|word| word == part);
    let count = if is_small() { 2_000 } else { 100_000 };
    let runtime = Runtime::new()?;
    if is_wanted("sqlite") {
        runtime.block_on(sqlite::measure(count))?;
    }
    if is_wanted("opensearch") {
        runtime.block_on(open_search::measure(count))?;
    }
    Ok(())
}
