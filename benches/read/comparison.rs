//! A request and its floor, in turns.

use std::time::{Duration, Instant};

use annals_benches::is_small;
use anyhow::{Result, ensure};

use crate::api::Api;
use crate::requests::MeasuredRequest;

/// The same requests sent straight to a store.
pub(crate) trait Floor {
    /// Sends the request of a step. Returns the number of its results, or the count if it has none.
    async fn send(&mut self, step: usize) -> Result<usize>;
}

/// The requests of each side that are measured.
fn samples() -> usize {
    if is_small() { 50 } else { 1_000 }
}

/// Measures a request and prints both sides. The paths are the steps of the floor.
pub(crate) async fn compare(
    store: &str,
    request: &MeasuredRequest,
    (api, paths): (&Api, &[String]),
    floor: &mut impl Floor,
) -> Result<()> {
    // Both sides find the same, and fill caches.
    for (step, path) in paths.iter().enumerate() {
        let (found, expected) = (api.number(path).await?, floor.send(step).await?);
        // One result more shows whether there is a next page.
        ensure!((found..=found + 1).contains(&expected), "{path}: {found} results, the floor has {expected}");
    }
    let (mut subjects, mut floors) = (Vec::new(), Vec::new());
    for sample in 0..samples().max(paths.len()) {
        let step = sample % paths.len();
        let start = Instant::now();
        floor.send(step).await?;
        floors.push(start.elapsed());
        let start = Instant::now();
        api.get(&paths[step]).await?;
        subjects.push(start.elapsed());
    }
    subjects.sort();
    floors.sort();
    println!("{store}: {}", request.name);
    println!("  subject {}", percentiles(&subjects));
    println!("  floor   {}", percentiles(&floors));
    let added = millis(percentile(&subjects, 50)) - millis(percentile(&floors, 50));
    println!("  added at p50 {added:.3} ms (must be at most 1)");
    Ok(())
}

fn percentiles(sorted: &[Duration]) -> String {
    let [p50, p99] = [50, 99].map(|percent| millis(percentile(sorted, percent)));
    format!("p50 {p50:>8.3} ms   p99 {p99:>8.3} ms")
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
