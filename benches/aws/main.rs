//! The pipeline on AWS, on the local services. Each part is compared with its floor, which does only the
//! necessary work with the same clients and the same bytes.
//!
//! Each module documents the required ratio and prints it with the measured one. The services run on the
//! same machine, so only the ratios are meaningful, not the times.
//!
//! `cargo bench -p annals-benches --bench aws -- [--small] [append|load|projection|writers|bootstrap]…`

mod append;
mod bootstrap;
mod items;
mod load;
mod plain_json;
mod projection;
mod start;
mod writers;

use std::time::{Duration, Instant};
use std::{fs, io};

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};

/// As in the projection function.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Part = (&'static str, fn() -> Result<()>);

const PARTS: [Part; 5] = [
    ("append", append::run),
    ("load", load::run),
    ("projection", projection::run),
    ("writers", writers::run),
    ("bootstrap", bootstrap::run),
];

fn main() -> Result<()> {
    // The functions log, so the measured code logs too; the output is discarded.
    tracing_subscriber::fmt().json().flatten_event(true).with_writer(io::sink).init();
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    for (name, run) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            run()?;
        }
    }
    Ok(())
}

/// The same kind of runtime as in the functions.
fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// The time of the work. Its processor time is added to `processor`.
fn timed(runtime: &Runtime, work: impl Future<Output = Result<()>>, processor: &mut Duration) -> Result<Duration> {
    let (start, before) = (Instant::now(), on_processor()?);
    runtime.block_on(work)?;
    *processor += on_processor()? - before;
    Ok(start.elapsed())
}

/// The processor time of this thread.
fn on_processor() -> Result<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(text.split(' ').next().context("the time on a processor")?.parse()?))
}
