//! Runs steps one after the other and reports on them.
//!
//! Nothing is skipped silently: the table shows each step that failed, was not reached or could not check, and the
//! lines below it repeat failures and missing checks.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;

/// A named piece of work that may fail.
pub(crate) struct Step {
    name: String,
    work: Box<dyn Fn() -> Result<Outcome>>,
}

/// The outcome of a step without a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// With a note for the report.
    DoneWith(String),
    /// The step could not check what it is for. The text is the reason.
    NotChecked(String),
}

/// What happens to the remaining steps after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnFailure {
    Stop,
    Continue,
}

/// The outcomes of all steps.
pub(crate) struct Report {
    rows: Vec<Row>,
    total: Duration,
}

struct Row {
    name: String,
    ending: Ending,
    took: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Ending {
    Ended(Outcome),
    Failed(String),
    NotReached,
}

impl Step {
    pub(crate) fn new(name: impl Into<String>, work: impl Fn() -> Result<Outcome> + 'static) -> Self {
        Self { name: name.into(), work: Box::new(work) }
    }

    #[cfg(test)]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn run(&self, number: usize, of: usize) -> Row {
        println!("\n=== {number}/{of} {}", self.name);
        let started = Instant::now();
        let ending = match (self.work)() {
            Ok(outcome) => Ending::Ended(outcome),
            Err(error) => Ending::Failed(format!("{error:#}")),
        };
        let row = Row { name: self.name.clone(), ending, took: started.elapsed() };
        println!("=== {number}/{of} {}", row.line(0));
        row
    }

    fn not_reached(&self) -> Row {
        Row { name: self.name.clone(), ending: Ending::NotReached, took: Duration::ZERO }
    }
}

/// Runs the steps in order.
pub(crate) fn run(steps: &[Step], on_failure: OnFailure) -> Report {
    let started = Instant::now();
    let mut rows: Vec<Row> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let stopped = on_failure == OnFailure::Stop && rows.iter().any(|row| row.ending.is_failure());
        rows.push(if stopped { step.not_reached() } else { step.run(index + 1, steps.len()) });
    }
    Report { rows, total: started.elapsed() }
}

impl Report {
    /// Whether no step failed.
    pub(crate) fn passed_all(&self) -> bool {
        !self.rows.iter().any(|row| row.ending.is_failure())
    }

    fn failed(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.ending.is_failure())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        for row in &self.rows {
            writeln!(f, "{}", row.line(width))?;
        }
        for row in &self.rows {
            if let Ending::Ended(Outcome::NotChecked(reason)) = &row.ending {
                writeln!(f, "\n!!! NOT CHECKED: {}: {reason}", row.name)?;
            }
        }
        for row in self.failed() {
            writeln!(f, "\nfailed: {}", row.name)?;
        }
        let verdict = if self.passed_all() { "all steps passed" } else { "there are failures" };
        writeln!(f, "\n{verdict}, in {:.1} s", self.total.as_secs_f64())?;
        let count = |word: &str| self.rows.iter().filter(|row| row.ending.words().0 == word).count();
        let (passed, failed) = (count("passed"), self.failed().count());
        writeln!(f, "steps: {passed} passed, {failed} failed, {} skipped", self.rows.len() - passed - failed)
    }
}

impl Row {
    fn line(&self, width: usize) -> String {
        let (word, note) = self.ending.words();
        let line = format!("{:width$}  {word:11}  {:7.1} s  {note}", self.name, self.took.as_secs_f64());
        line.trim_end().to_owned()
    }
}

impl Ending {
    fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_))
    }

    fn words(&self) -> (&'static str, &str) {
        match self {
            Self::Ended(Outcome::Done) => ("passed", ""),
            Self::Ended(Outcome::DoneWith(note)) => ("passed", note),
            Self::Ended(Outcome::NotChecked(reason)) => ("NOT CHECKED", reason),
            Self::Failed(error) => ("FAILED", error),
            Self::NotReached => ("not reached", ""),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    /// Four steps, of which the second fails, and the number of steps that ran.
    fn steps() -> (Vec<Step>, Rc<Cell<usize>>) {
        let count = Rc::new(Cell::new(0));
        let step = |name: &str, end: fn() -> Result<Outcome>| {
            let count = Rc::clone(&count);
            Step::new(name, move || {
                count.set(count.get() + 1);
                end()
            })
        };
        let steps = vec![
            step("first", || Ok(Outcome::DoneWith("1.2.3".to_owned()))),
            step("second", || Err(anyhow::anyhow!("it broke"))),
            step("third", || Ok(Outcome::NotChecked("no network".to_owned()))),
            step("fourth", || Ok(Outcome::Done)),
        ];
        (steps, count)
    }

    /// The rows of the report without the durations.
    fn words(report: &Report) -> Vec<(&str, &str, &str)> {
        report.rows.iter().map(|row| (row.name.as_str(), row.ending.words().0, row.ending.words().1)).collect()
    }

    #[test]
    fn the_first_failure_stops_the_rest() {
        let (steps, count) = steps();
        let report = run(&steps, OnFailure::Stop);
        assert_eq!(count.get(), 2);
        assert!(!report.passed_all());
        let expected = [
            ("first", "passed", "1.2.3"),
            ("second", "FAILED", "it broke"),
            ("third", "not reached", ""),
            ("fourth", "not reached", ""),
        ];
        assert_eq!(words(&report), expected);
    }

    #[test]
    fn keep_going_runs_the_rest_and_still_fails() {
        let (steps, count) = steps();
        let report = run(&steps, OnFailure::Continue);
        assert_eq!(count.get(), 4);
        assert!(!report.passed_all());
        assert_eq!(words(&report)[2], ("third", "NOT CHECKED", "no network"));
    }

    #[test]
    fn failures_and_missing_checks_are_repeated_below_the_table() {
        let (steps, _) = steps();
        let text = run(&steps, OnFailure::Continue).to_string();
        let (_, below) = text.split_once("\n\n").expect("a blank line ends the table");
        assert!(below.contains("!!! NOT CHECKED: third: no network\n"), "{below}");
        assert!(below.contains("failed: second\n"), "{below}");
        assert!(below.contains("there are failures, in "), "{below}");
    }

    #[test]
    fn a_step_that_cannot_check_is_not_a_failure() {
        let steps = [Step::new("only", || Ok(Outcome::NotChecked("no network".to_owned())))];
        assert!(run(&steps, OnFailure::Stop).passed_all());
    }
}
