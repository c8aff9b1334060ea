//! Parses the log lines and metrics of the functions.

use serde_json::Value;

/// The log lines as JSON. Panics if a line is not JSON.
#[track_caller]
pub fn logged<'a>(lines: impl IntoIterator<Item = &'a String>) -> Vec<Value> {
    read(lines).into_iter().filter(|line| line.get("_aws").is_none()).collect()
}

/// The metric lines.
#[track_caller]
pub fn metrics<'a>(lines: impl IntoIterator<Item = &'a String>) -> Vec<Value> {
    read(lines).into_iter().filter(|line| line.get("_aws").is_some()).collect()
}

/// The sum of a metric.
#[track_caller]
pub fn total<'a>(lines: impl IntoIterator<Item = &'a String>, name: &str) -> u64 {
    metrics(lines).iter().filter_map(|line| line.get(name)?.as_f64()).sum::<f64>() as u64
}

#[track_caller]
fn read<'a>(lines: impl IntoIterator<Item = &'a String>) -> Vec<Value> {
    let read = |line: &String| serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON: {error}: {line}"));
    lines.into_iter().map(read).collect()
}
