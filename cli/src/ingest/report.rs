//! What is said while inputs are taken in.
//!
//! Promises that every record that is quarantined and every file that fails is named with its
//! place, in every mode. Bodies of inputs are never printed.

use annals_application::commands::{EventRead, Outcome};
use annals_application::ports::QuarantineEntry;
use annals_domain::validation_issue::ValidationIssue;
use indicatif::ProgressBar;
use serde_json::{Map, Value, json};

use super::place::Place;
use super::tally::Tally;
use crate::output::{Out, notice};
use crate::style::{Paint, paint_of, plain, short};

/// How it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Problems on stderr, a table at the end.
    Table,
    /// A JSON line a record, problems on stderr as well.
    Json,
    /// A line a record.
    Lines,
}

/// The longest issue on a line.
const LONGEST_FINDING: usize = 200;

/// What says it.
pub(crate) struct Report {
    mode: Mode,
    out: Out,
    bar: ProgressBar,
}

impl Report {
    /// In that mode.
    pub(crate) fn new(mode: Mode, out: Out, bar: ProgressBar) -> Self {
        Self { mode, out, bar }
    }

    /// What became of a record.
    pub(super) fn read(&mut self, place: &Place, read: &EventRead) {
        match self.mode {
            Mode::Table => {}
            Mode::Json => self.json(place, serde_json::to_value(read).unwrap_or_default()),
            Mode::Lines => self.record(place, read),
        }
        if read.outcome == Outcome::Quarantined {
            self.problem(place, &read.errors);
        }
    }

    /// What was no input, and is kept.
    pub(super) fn refused(&mut self, place: &Place, entry: &QuarantineEntry) {
        match self.mode {
            Mode::Table => {}
            Mode::Json => self.json(place, json_of_refused(entry)),
            Mode::Lines => {
                let columns =
                    Columns { outcome: Outcome::Quarantined.as_str(), paint: Paint::Red, ..Columns::default() };
                self.columns(columns, place, entry.errors.first());
            }
        }
        self.problem(place, &entry.errors);
    }

    /// What could not be read.
    pub(super) fn failed(&mut self, place: &Place, reason: &str) {
        let issue = ValidationIssue::new("", reason);
        match self.mode {
            Mode::Table => {}
            Mode::Json => self.json(place, json!({ "outcome": "failed", "errors": [issue] })),
            Mode::Lines => {
                let columns = Columns { outcome: "failed", paint: Paint::Red, ..Columns::default() };
                self.columns(columns, place, Some(&issue));
            }
        }
        self.problem(place, &[issue]);
    }

    /// Makes visible what was said so far.
    pub(super) fn flush(&mut self) {
        self.bar.suspend(|| self.out.flush());
    }

    /// Sums up, and gives back where to.
    pub(crate) fn finish(mut self, tally: &Tally) -> Out {
        self.bar.finish_and_clear();
        match self.mode {
            Mode::Table => tally.write_table(&mut self.out),
            Mode::Json => self.out.line(tally.to_json()),
            Mode::Lines => tally.write_line(&mut self.out),
        }
        self.out.flush();
        self.out
    }

    fn json(&mut self, place: &Place, record: Value) {
        let mut line = Map::new();
        line.insert("place".to_owned(), Value::String(place.to_string()));
        if let Value::Object(fields) = record {
            line.extend(fields);
        }
        self.out.line(Value::Object(line));
    }

    fn problem(&self, place: &Place, errors: &[ValidationIssue]) {
        if self.mode == Mode::Lines {
            return;
        }
        let reasons: Vec<String> = errors.iter().map(|error| plain(&place.told(&error.to_string()))).collect();
        self.bar.suspend(|| notice(format_args!("{place}: {}", reasons.join("; "))));
    }

    fn record(&mut self, place: &Place, read: &EventRead) {
        let name = |name: Option<&str>| name.unwrap_or("-").to_owned();
        let columns = Columns {
            outcome: read.outcome.as_str(),
            paint: paint_of(read.outcome),
            entity: name(read.aggregate_type.as_ref().map(|name| name.as_str())),
            id: name(read.external_id.as_ref().map(|id| id.as_str())),
            event: name(read.event_type.map(|event| event.as_str())),
            version: read.version.map_or("-".to_owned(), |version| format!("v{version}")),
        };
        self.columns(columns, place, read.errors.first().or(read.warnings.first()));
    }

    /// A line whose columns stand below each other in nearly all runs, without waiting for the widest.
    fn columns(&mut self, columns: Columns, place: &Place, issue: Option<&ValidationIssue>) {
        let Columns { outcome, paint, entity, id, event, version } = columns;
        let outcome = self.out.paint(paint, &format!("{outcome:<18}"));
        let (entity, id) = (plain(&entity), plain(&id));
        let issue = issue.map(|issue| short(&place.told(&issue.to_string()), LONGEST_FINDING));
        let issue = issue.map(|issue| format!("  {}", self.out.paint(Paint::Yellow, &issue))).unwrap_or_default();
        self.out.line(format_args!("{outcome}  {entity:<12}  {id:<18}  {event:<8}  {version:<5}  {place}{issue}"));
    }
}

/// The columns of a line before its place.
struct Columns {
    outcome: &'static str,
    paint: Paint,
    entity: String,
    id: String,
    event: String,
    version: String,
}

impl Default for Columns {
    fn default() -> Self {
        let none = || "-".to_owned();
        Self { outcome: "", paint: Paint::Plain, entity: none(), id: none(), event: none(), version: none() }
    }
}

/// With the keys of every record's answer.
fn json_of_refused(entry: &QuarantineEntry) -> Value {
    json!({
        "event_id": null,
        "provider": entry.provider,
        "entity_name": null,
        "external_id": null,
        "aggregate_type": null,
        "aggregate_id": null,
        "event_type": null,
        "version": null,
        "timestamp": null,
        "outcome": Outcome::Quarantined,
        "errors": entry.errors,
        "warnings": [],
        "processed_at": entry.received_at,
        "quarantine_id": entry.id,
    })
}
