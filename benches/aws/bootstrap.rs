//! The start of each function: processor time from exec to its first poll, memory at that point, and size.
//!
//! Floor: a function that does nothing, with the same clients built as their documentation shows
//! (`shared/lambda/examples/hello.rs`). Required: at most 1.0 of its processor time; the goal is 0.6.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use annals_benches::{is_small, try_pair};
use annals_services::built;
use anyhow::{Context, Result, ensure};

use crate::start::RuntimeApi;

/// Each function with its clients in addition to DynamoDB's.
const FUNCTIONS: [(&str, &[&str]); 4] = [
    ("ingest", &[]),
    ("projection", &["opensearch", "eventbridge"]),
    ("query", &["opensearch"]),
    ("backfill", &["opensearch", "eventbridge"]),
];

/// The files in which systems store their root certificates. Debian also has them in a folder, each under two
/// names, and all are read; Lambda has only the file.
const BUNDLES: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

pub(crate) fn run() -> Result<()> {
    // In one build, so that both sides link the same code.
    let built =
        built(&["annals-lambda", "annals-ingest", "annals-projection", "annals-query", "annals-backfill"], &["hello"]);
    let binary = |name: &str| built.get(name).context("cargo names every binary that it built");
    let api = RuntimeApi::new()?;
    let starts = if is_small() { 1 } else { 5 };
    for (function, clients) in FUNCTIONS {
        measure(&api, starts, (binary(function)?, binary("hello")?, clients))?;
    }
    Ok(())
}

fn measure(api: &RuntimeApi, starts: u32, (ours, plain, clients): (&Path, &Path, &[&str])) -> Result<()> {
    let function = ours.file_name().context("a function has a name")?.to_string_lossy();
    let bundle = BUNDLES.into_iter().find(|bundle| Path::new(bundle).exists());
    for (roots, which) in [(None, "all of the system's roots"), (bundle, "one bundle of roots, as in Lambda")] {
        let (mut of_ours, mut of_plain) = (Vec::new(), Vec::new());
        let (floor, subject) = try_pair(
            &format!(
                "start of {function}: processor time to the first poll, {which} (floor: the same clients, built plainly)"
            ),
            || several(api, (plain, clients, roots), starts, &mut of_plain),
            || several(api, (ours, &[], roots), starts, &mut of_ours),
        )?;
        println!("  {:.2} of the floor's time (must be at most 1.0; aim: 0.6)", subject.over(&floor));
        println!("  memory {} against {}", megabytes(median(of_ours)), megabytes(median(of_plain)));
    }
    println!("  size   {} against {}, stripped", megabytes(stripped(ours)?), megabytes(stripped(plain)?));
    Ok(())
}

/// The mean time of several starts. (Each takes a few milliseconds.)
fn several(
    api: &RuntimeApi,
    (function, arguments, roots): (&Path, &[&str], Option<&str>),
    starts: u32,
    memory: &mut Vec<u64>,
) -> Result<Duration> {
    let mut cpu = Duration::ZERO;
    for _ in 0..starts {
        let start = api.start(function, arguments, roots)?;
        cpu += start.cpu;
        memory.push(start.memory);
    }
    Ok(cpu / starts)
}

fn median(mut bytes: Vec<u64>) -> u64 {
    bytes.sort_unstable();
    bytes[bytes.len() / 2]
}

fn megabytes(bytes: u64) -> String {
    format!("{:>5.1} MB", bytes as f64 / 1e6)
}

/// The size without debug information, as deployed.
fn stripped(binary: &Path) -> Result<u64> {
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("bootstrap");
    let stripped = Command::new("strip").arg("-o").arg(&copy).arg(binary).status()?;
    ensure!(stripped.success(), "`{}` cannot be stripped", binary.display());
    Ok(copy.metadata()?.len())
}
