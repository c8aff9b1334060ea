//! The benchmarks' runner: a subject and its floor take turns, round by round.
//!
//! Promises medians of at least seven rounds with their spread, and ratios of what was measured in
//! the same minutes. Does not judge: what must hold is written beside each benchmark.

use std::convert::Infallible;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// How many rounds a pair is measured for, behind the one that warms.
pub const ROUNDS: usize = 7;

/// Whether the small sizes are asked for: `cargo bench -p annals-benches -- --small`.
pub fn is_small() -> bool {
    std::env::args().any(|argument| argument == "--small")
}

/// One measured side: the rounds' times, in the order in which they were measured.
#[derive(Debug, Clone)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Of those rounds.
    pub fn new(rounds: Vec<Duration>) -> Self {
        Self(rounds)
    }

    /// The median.
    pub fn median(&self) -> Duration {
        self.sorted()[self.0.len() / 2]
    }

    /// The median of each round as a multiple of the other's: what the machine was busy with beside it
    /// held up both.
    pub fn over(&self, other: &Self) -> f64 {
        let mut ratios: Vec<f64> =
            self.0.iter().zip(&other.0).map(|(a, b)| a.as_secs_f64() / b.as_secs_f64()).collect();
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    }

    /// The median, and from what to what.
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

/// Measures `floor` and `subject` in turns and prints both, with their ratio. Each call gives the
/// time that counts.
pub fn pair(name: &str, mut floor: impl FnMut() -> Duration, mut subject: impl FnMut() -> Duration) -> (Times, Times) {
    let Ok(times) = try_pair::<Infallible>(name, || Ok(floor()), || Ok(subject()));
    times
}

/// The same where a call may fail: the first failure ends it.
pub fn try_pair<E>(
    name: &str,
    mut floor: impl FnMut() -> Result<Duration, E>,
    mut subject: impl FnMut() -> Result<Duration, E>,
) -> Result<(Times, Times), E> {
    // The first round warms caches and is not counted.
    let _ = (floor()?, subject()?);
    let (mut floors, mut subjects) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
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

/// The time of one call, averaged over as many as fill about 20 ms.
pub fn per_call<T>(mut call: impl FnMut() -> T) -> Duration {
    let start = Instant::now();
    let mut calls = 0_u32;
    while calls == 0 || start.elapsed() < Duration::from_millis(20) {
        black_box(call());
        calls += 1;
    }
    start.elapsed() / calls
}

/// The highest resident memory that the kernel has seen of a process so far, in bytes; 0 once it is gone.
pub fn peak_memory(process: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|number| number.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}
