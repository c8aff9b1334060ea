//! What is printed during an ingest.
//!
//! Every quarantined record and every file that fails is named with its location, in every mode. Bodies of inputs are
//! never printed.

use annals_application::commands::{EventRead, Outcome};
use annals_application::ports::QuarantineEntry;
use annals_domain::validation_issue::ValidationIssue;
use indicatif::ProgressBar;
use serde_json::{Map, Value, json};

use super::input::SourceLocation;
use super::summary::Summary;
use crate::output::{Out, notice};
use crate::style::{Paint, paint_of, plain, short};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Problems on stderr, and a table at the end.
    Table,
    /// A JSON line for each record, and problems on stderr.
    Json,
    Lines,
}

/// An issue is cut to so many characters on a line.
const MAX_ISSUE_LENGTH: usize = 200;

pub(crate) struct Report {
    mode: Mode,
    out: Out,
    bar: ProgressBar,
}

impl Report {
    pub(crate) fn new(mode: Mode, out: Out, bar: ProgressBar) -> Self {
        Self { mode, out, bar }
    }

    pub(super) fn read(&mut self, location: &SourceLocation, read: &EventRead) {
        match self.mode {
            Mode::Table => {}
            Mode::Json => self.json(location, serde_json::to_value(read).unwrap_or_default()),
            Mode::Lines => self.record(location, read),
        }
        if read.outcome == Outcome::Quarantined {
            self.problem(location, &read.errors);
        }
    }

    pub(super) fn quarantined(&mut self, location: &SourceLocation, entry: &QuarantineEntry) {
        match self.mode {
            Mode::Table => {}
            Mode::Json => self.json(location, json_of_quarantined(entry)),
            Mode::Lines => {
                let columns =
                    Columns { outcome: Outcome::Quarantined.as_str(), paint: Paint::Red, ..Columns::default() };
                self.columns(columns, location, entry.errors.first());
            }
        }
        self.problem(location, &entry.errors);
    }

    /// A file that could not be read.
    pub(super) fn failed(&mut self, location: &SourceLocation, reason: &str) {
        let issue = ValidationIssue::new("", reason);
        match self.mode {
            Mode::Table => {}
            Mode::Json => self.json(location, json!({ "outcome": "failed", "errors": [issue] })),
            Mode::Lines => {
                let columns = Columns { outcome: "failed", paint: Paint::Red, ..Columns::default() };
                self.columns(columns, location, Some(&issue));
            }
        }
        self.problem(location, &[issue]);
    }

    /// Writes out what was printed so far.
    pub(super) fn flush(&mut self) {
        self.bar.suspend(|| self.out.flush());
    }

    /// Prints the summary, and returns the output for more.
    pub(crate) fn finish(mut self, summary: &Summary) -> Out {
        self.bar.finish_and_clear();
        match self.mode {
            Mode::Table => summary.write_table(&mut self.out),
            Mode::Json => self.out.line(summary.to_json()),
            Mode::Lines => summary.write_line(&mut self.out),
        }
        self.out.flush();
        self.out
    }

    fn json(&mut self, location: &SourceLocation, record: Value) {
        let mut line = Map::new();
        line.insert("place".to_owned(), Value::String(location.to_string()));
        if let Value::Object(fields) = record {
            line.extend(fields);
        }
        self.out.line(Value::Object(line));
    }

    fn problem(&self, location: &SourceLocation, errors: &[ValidationIssue]) {
        if self.mode == Mode::Lines {
            return;
        }
        let reasons: Vec<String> = errors.iter().map(|error| plain(&location.shorten(&error.to_string()))).collect();
        self.bar.suspend(|| notice(format_args!("{location}: {}", reasons.join("; "))));
    }

    fn record(&mut self, location: &SourceLocation, read: &EventRead) {
        let name = |name: Option<&str>| name.unwrap_or("-").to_owned();
        let columns = Columns {
            outcome: read.outcome.as_str(),
            paint: paint_of(read.outcome),
            entity: name(read.aggregate_type.as_ref().map(|name| name.as_str())),
            id: name(read.external_id.as_ref().map(|id| id.as_str())),
            event: name(read.event_type.map(|event| event.as_str())),
            version: read.version.map_or("-".to_owned(), |version| format!("v{version}")),
        };
        self.columns(columns, location, read.errors.first().or(read.warnings.first()));
    }

    /// A line with columns wide enough for nearly all records, so that no line waits for the widest.
    fn columns(&mut self, columns: Columns, location: &SourceLocation, issue: Option<&ValidationIssue>) {
        let Columns { outcome, paint, entity, id, event, version } = columns;
        let outcome = self.out.paint(paint, &format!("{outcome:<18}"));
        let (entity, id) = (plain(&entity), plain(&id));
        let issue = issue.map(|issue| short(&location.shorten(&issue.to_string()), MAX_ISSUE_LENGTH));
        let issue = issue.map(|issue| format!("  {}", self.out.paint(Paint::Yellow, &issue))).unwrap_or_default();
        self.out.line(format_args!("{outcome}  {entity:<12}  {id:<18}  {event:<8}  {version:<5}  {location}{issue}"));
    }
}

/// The columns of a line before its location.
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

/// With the keys of every record's result.
fn json_of_quarantined(entry: &QuarantineEntry) -> Value {
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
