//! What became of a run: counts by outcome, and how it ended.

use std::collections::BTreeMap;

use annals_application::commands::Outcome;
use serde_json::{Map, Value, json};

use super::place::Place;
use crate::exit::{Exit, Failure};
use crate::output::Out;
use crate::style::{Paint, paint_of};
use crate::table::Table;

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    outcomes: BTreeMap<Outcome, u64>,
    failed: u64,
    ending: Ending,
}

/// How a run ended.
#[derive(Debug, Default)]
pub(crate) enum Ending {
    /// All was read and handled.
    #[default]
    Whole,
    /// Someone asked to stop.
    Interrupted,
    /// The store failed for good at that place.
    Stopped(Place, Failure),
    /// Not all was read, or what was stored is not projected yet.
    Failed(Failure),
}

impl Tally {
    /// Counts a record.
    pub(super) fn count(&mut self, outcome: Outcome) {
        *self.outcomes.entry(outcome).or_default() += 1;
    }

    /// Counts a file that could not be read.
    pub(super) fn count_failed(&mut self) {
        self.failed += 1;
    }

    /// Sets how it ended; the first word stands.
    pub(super) fn end(&mut self, ending: Ending) {
        if matches!(self.ending, Ending::Whole) {
            self.ending = ending;
        }
    }

    /// Whether all was read and handled.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.ending, Ending::Whole)
    }

    fn records(&self) -> u64 {
        self.outcomes.values().sum()
    }

    fn of(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(&outcome).copied().unwrap_or(0)
    }

    /// What is to be said of how it ended, where it did not end whole.
    fn word(&self) -> Option<&'static str> {
        match self.ending {
            Ending::Whole => None,
            Ending::Interrupted => Some("interrupted"),
            Ending::Stopped(..) => Some("stopped"),
            Ending::Failed(_) => Some("failed"),
        }
    }

    /// The summary as a table.
    pub(super) fn write_table(&self, out: &mut Out) {
        let mut table = Table::new(&["outcome", "records"]);
        for outcome in Outcome::ALL.into_iter().filter(|outcome| self.of(*outcome) > 0) {
            let count = (Paint::Plain, self.of(outcome).to_string());
            table.row([(paint_of(outcome), outcome.as_str().to_owned()), count]);
        }
        if self.failed > 0 {
            table.row([(Paint::Red, "failed".to_owned()), (Paint::Plain, self.failed.to_string())]);
        }
        table.row([(Paint::Bold, "all".to_owned()), (Paint::Plain, (self.records() + self.failed).to_string())]);
        out.table(&table);
        self.write_ending(out);
    }

    /// The summary on one line.
    pub(super) fn write_line(&self, out: &mut Out) {
        let counted = Outcome::ALL.into_iter().filter(|outcome| self.of(*outcome) > 0);
        let mut parts: Vec<String> =
            counted.map(|outcome| format!("{} {}", self.of(outcome), outcome.as_str())).collect();
        if self.failed > 0 {
            parts.push(format!("{} failed", self.failed));
        }
        let records = self.records();
        out.line(format_args!("{records} {}: {}", if records == 1 { "record" } else { "records" }, parts.join(", ")));
        self.write_ending(out);
    }

    fn write_ending(&self, out: &mut Out) {
        if let Some(word) = self.word() {
            let line = out.paint(Paint::Yellow, word);
            out.line(format_args!("{line}: what is stored stays stored; the same command goes on from there"));
        }
        if self.of(Outcome::Quarantined) > 0 {
            out.line("quarantined inputs are kept: `annals quarantine list` names them");
        }
    }

    /// The summary as JSON.
    pub(super) fn to_json(&self) -> Value {
        let count = |outcome: Outcome| (outcome.as_str().to_owned(), json!(self.of(outcome)));
        let mut summary: Map<String, Value> = Outcome::ALL.into_iter().map(count).collect();
        summary.insert("failed".to_owned(), json!(self.failed));
        summary.insert("ended".to_owned(), json!(self.word().unwrap_or("whole")));
        json!({ "summary": summary })
    }

    /// The exit code, or why the run was stopped.
    pub(crate) fn exit(self) -> Result<Exit, Failure> {
        let has_problems = self.failed > 0 || self.of(Outcome::Quarantined) > 0;
        match self.ending {
            Ending::Stopped(place, failure) => {
                let message = format!("stopped at {place}: {}", failure.message());
                Err(Failure::new(message)
                    .hint("the same command can safely be run again: what is stored is not stored twice"))
            }
            Ending::Failed(failure) => Err(failure),
            Ending::Interrupted => Ok(Exit::Problems),
            Ending::Whole => Ok(if has_problems { Exit::Problems } else { Exit::Well }),
        }
    }
}
