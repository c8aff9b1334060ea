//! The runner of the benchmarks: a subject and its floor are measured in turns, round by round.
//!
//! It reports medians of at least seven rounds with their spread, and ratios of times that were measured in
//! the same minutes. It checks no limits: each benchmark documents what is required.

pub mod client;
pub mod counted;
pub mod server;

use std::convert::Infallible;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use annals_tests::changes::change;
use anyhow::{Context, Result, ensure};

/// The number of measured rounds of a pair, after one warm-up round.
pub const ROUNDS: usize = 7;

/// Whether to use the small sizes: `cargo bench -p annals-benches -- --small`.
pub fn is_small() -> bool {
    std::env::args().any(|argument| argument == "--small")
}

/// One measured side: the times of the rounds, in the order of their measurement.
#[derive(Debug, Clone)]
pub struct Times(Vec<Duration>);

impl Times {
    /// The times of these rounds.
    pub fn new(rounds: Vec<Duration>) -> Self {
        Self(rounds)
    }

    /// The median.
    pub fn median(&self) -> Duration {
        self.sorted()[self.0.len() / 2]
    }

    /// The median of the ratios of each round, since other load on the machine slows both sides of a round.
    pub fn over(&self, other: &Self) -> f64 {
        let mut ratios: Vec<f64> =
            self.0.iter().zip(&other.0).map(|(a, b)| a.as_secs_f64() / b.as_secs_f64()).collect();
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    }

    /// The median with the minimum and maximum.
    pub fn spread(&self) -> String {
        let sorted = self.sorted();
        let (least, most) = (sorted[0], sorted[sorted.len() - 1]);
        format!("{:>10} ({} to {})", show(self.median()), show(least), show(most))
    }

    fn sorted(&self) -> Vec<Duration> {
        let mut sorted = self.0.clone();
        sorted.sort();
        sorted
    }
}

/// A time with three digits and its unit.
fn show(time: Duration) -> String {
    let nanos = time.as_nanos() as f64;
    match nanos {
        n if n < 1e3 => format!("{n:.0} ns"),
        n if n < 1e6 => format!("{:.2} µs", n / 1e3),
        n if n < 1e9 => format!("{:.2} ms", n / 1e6),
        n => format!("{:.2} s", n / 1e9),
    }
}

/// Measures `floor` and `subject` in turns and prints both with their ratio. Each call returns its own
/// measured time.
pub fn pair(name: &str, mut floor: impl FnMut() -> Duration, mut subject: impl FnMut() -> Duration) -> (Times, Times) {
    let Ok(times) = try_pair::<Infallible>(name, || Ok(floor()), || Ok(subject()));
    times
}

/// The same for calls that may fail: the first failure ends the measurement.
pub fn try_pair<E>(
    name: &str,
    floor: impl FnMut() -> Result<Duration, E>,
    subject: impl FnMut() -> Result<Duration, E>,
) -> Result<(Times, Times), E> {
    try_pair_in(ROUNDS, name, floor, subject)
}

/// The same in more rounds, for short calls: a moment of other load on the machine would decide over a few.
pub fn try_pair_in<E>(
    rounds: usize,
    name: &str,
    mut floor: impl FnMut() -> Result<Duration, E>,
    mut subject: impl FnMut() -> Result<Duration, E>,
) -> Result<(Times, Times), E> {
    // The first round fills caches and is not counted.
    let _ = (floor()?, subject()?);
    let (mut floors, mut subjects) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        floors.push(floor()?);
        subjects.push(subject()?);
    }
    let (floor, subject) = (Times::new(floors), Times::new(subjects));
    println!("{name}");
    println!("  subject {}", subject.spread());
    println!("  floor   {}", floor.spread());
    println!("  subject/floor {:.2}", subject.over(&floor));
    Ok((floor, subject))
}

/// The time of one call, averaged over about 20 ms of calls.
pub fn per_call<T>(mut call: impl FnMut() -> T) -> Duration {
    let start = Instant::now();
    let mut calls = 0_u32;
    while calls == 0 || start.elapsed() < Duration::from_millis(20) {
        black_box(call());
        calls += 1;
    }
    start.elapsed() / calls
}

/// Runs a command to its end. Returns its time and its peak memory in bytes.
pub fn run_measured(command: &mut Command) -> Result<(Duration, u64)> {
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("{command:?} starts"))?;
    let mut peak = 0;
    let exit = loop {
        peak = peak.max(peak_memory(child.id()));
        if let Some(exit) = child.try_wait()? {
            break exit;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    ensure!(exit.success(), "{command:?} ended with {exit}");
    Ok((start.elapsed(), peak))
}

/// Writes the changes of all records to a file, round by round.
pub fn write_changes(path: &Path, records: usize, rounds: usize) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for round in 0..rounds {
        for record in 0..records {
            serde_json::to_writer(&mut file, &change(round, record))?;
            file.write_all(b"\n")?;
        }
    }
    Ok(file.flush()?)
}

/// Removes a local process's database and the file of its published events.
pub fn remove_database(db: &Path) {
    for suffix in ["", "-wal", "-shm", ".changes.jsonl"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", db.display()));
    }
}

/// The highest resident memory that the kernel has seen of a process so far, in bytes; 0 once it is gone.
pub fn peak_memory(process: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|number| number.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
