//! The summary of a run: counts by outcome, and how it ended.

use std::collections::BTreeMap;

use annals_application::commands::Outcome;
use serde_json::{Map, Value, json};

use super::input::SourceLocation;
use crate::exit::{Exit, Failure};
use crate::output::Out;
use crate::style::{Paint, paint_of};
use crate::table::Table;

#[derive(Debug, Default)]
pub(crate) struct Summary {
    outcomes: BTreeMap<Outcome, u64>,
    failed: u64,
    ending: Ending,
}

#[derive(Debug, Default)]
pub(crate) enum Ending {
    /// Everything was read and handled.
    #[default]
    Complete,
    Interrupted,
    /// The store failed for good at this location.
    Stopped(SourceLocation, Failure),
    /// Not everything was read, or what is stored is not projected yet.
    Failed(Failure),
}

impl Summary {
    pub(super) fn count(&mut self, outcome: Outcome) {
        *self.outcomes.entry(outcome).or_default() += 1;
    }

    pub(super) fn count_failed(&mut self) {
        self.failed += 1;
    }

    /// Sets how the run ended. The first call wins.
    pub(super) fn end(&mut self, ending: Ending) {
        if matches!(self.ending, Ending::Complete) {
            self.ending = ending;
        }
    }

    /// Whether everything was read and handled.
    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.ending, Ending::Complete)
    }

    fn records(&self) -> u64 {
        self.outcomes.values().sum()
    }

    fn count_of(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(&outcome).copied().unwrap_or(0)
    }

    fn early_end(&self) -> Option<&'static str> {
        match self.ending {
            Ending::Complete => None,
            Ending::Interrupted => Some("interrupted"),
            Ending::Stopped(..) => Some("stopped"),
            Ending::Failed(_) => Some("failed"),
        }
    }

    pub(super) fn write_table(&self, out: &mut Out) {
        let mut table = Table::new(&["outcome", "records"]);
        for outcome in Outcome::ALL.into_iter().filter(|outcome| self.count_of(*outcome) > 0) {
            let count = (Paint::Plain, self.count_of(outcome).to_string());
            table.row([(paint_of(outcome), outcome.as_str().to_owned()), count]);
        }
        if self.failed > 0 {
            table.row([(Paint::Red, "failed".to_owned()), (Paint::Plain, self.failed.to_string())]);
        }
        table.row([(Paint::Bold, "all".to_owned()), (Paint::Plain, (self.records() + self.failed).to_string())]);
        out.table(&table);
        self.write_ending(out);
    }

    pub(super) fn write_line(&self, out: &mut Out) {
        let counted = Outcome::ALL.into_iter().filter(|outcome| self.count_of(*outcome) > 0);
        let mut parts: Vec<String> =
            counted.map(|outcome| format!("{} {}", self.count_of(outcome), outcome.as_str())).collect();
        if self.failed > 0 {
            parts.push(format!("{} failed", self.failed));
        }
        let records = self.records();
        out.line(format_args!("{records} {}: {}", if records == 1 { "record" } else { "records" }, parts.join(", ")));
        self.write_ending(out);
    }

    fn write_ending(&self, out: &mut Out) {
        if let Some(end) = self.early_end() {
            let end = out.paint(Paint::Yellow, end);
            out.line(format_args!("{end}: stored events stay stored; run the same command again to continue"));
        }
        if self.count_of(Outcome::Quarantined) > 0 {
            out.line("quarantined inputs are kept: `annals quarantine list` lists them");
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let count = |outcome: Outcome| (outcome.as_str().to_owned(), json!(self.count_of(outcome)));
        let mut summary: Map<String, Value> = Outcome::ALL.into_iter().map(count).collect();
        summary.insert("failed".to_owned(), json!(self.failed));
        summary.insert("ended".to_owned(), json!(self.early_end().unwrap_or("whole")));
        json!({ "summary": summary })
    }

    /// The exit code, or why the run was stopped.
    pub(crate) fn exit(self) -> Result<Exit, Failure> {
        let has_problems = self.failed > 0 || self.count_of(Outcome::Quarantined) > 0;
        match self.ending {
            Ending::Stopped(location, failure) => {
                let message = format!("stopped at {location}: {}", failure.message());
                Err(Failure::new(message).hint("run the same command again: no event is stored twice"))
            }
            Ending::Failed(failure) => Err(failure),
            Ending::Interrupted => Ok(Exit::Problems),
            Ending::Complete => Ok(if has_problems { Exit::Problems } else { Exit::Success }),
        }
    }
}
