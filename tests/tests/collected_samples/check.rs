//! Compares the results of a file with its row in the table.
//!
//! A difference does not end the run, so one run reports all differences from the table.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use annals_application::commands::{EventRead, Outcome};
use annals_application::ports::QuarantineState;
use annals_application::queries::{HistoryEvent, HistoryRequest, ListRequest};
use annals_domain::aggregate::{Aggregate, FieldReading};
use annals_domain::change::RefetchReason;
use annals_domain::event::EventType;
use annals_domain::identity::{EntityKey, EntityName, ExternalId};
use annals_domain::path::Path;
use annals_domain::validation_issue::ValidationIssue;
use annals_tests::samples::{Run, Sample, seen};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::table::{Expectation, Row};

/// The number of results for each outcome.
pub(crate) fn outcomes(reads: &[EventRead]) -> BTreeMap<Outcome, usize> {
    let mut counts = BTreeMap::new();
    for read in reads {
        *counts.entry(read.outcome).or_default() += 1;
    }
    counts
}

/// Runs the files and compares them with the table.
pub(crate) struct Checker {
    pub(crate) run: Run,
    /// All results so far.
    pub(crate) reads: Vec<EventRead>,
    /// The differences from the table.
    pub(crate) faults: Vec<String>,
    /// The transaction of each stored file.
    transactions: HashMap<&'static str, Option<String>>,
}

/// A stored change and the state of its record after it.
struct RecordAfter<'a> {
    row: &'a Row,
    read: &'a EventRead,
    key: EntityKey,
    entity: Value,
    state: Aggregate,
    /// Its newest event; `None`, with a difference recorded, if the history query fails.
    event: Option<HistoryEvent>,
}

impl Checker {
    /// A checker that has not run a file yet.
    pub(crate) async fn new() -> Self {
        Self { run: Run::new().await, reads: Vec::new(), faults: Vec::new(), transactions: HashMap::new() }
    }

    fn expect(&mut self, row: &Row, what: &str, is: impl Into<Value>, should: impl Into<Value>) {
        let (is, should) = (is.into(), should.into());
        if is != should {
            self.faults.push(format!("{}: {what}: {is}, not {should}", row.file));
        }
    }

    /// Runs a file and compares its results with its row.
    pub(crate) async fn check(&mut self, sample: &Sample, row: &Row) {
        let reads = self.run.take(sample.provider, &sample.text).await;
        self.expect(row, "answers", reads.len(), 1);
        let read = reads[0].clone();
        self.expect(row, "outcome", json!(read.outcome), json!(row.outcome));
        self.expect(row, "aggregate_type", json!(read.aggregate_type), json!(row.aggregate_type));
        self.expect(row, "event_type", json!(read.event_type), json!(row.event_type));
        self.expect(row, "version", json!(read.version), json!(row.version));
        match row.outcome {
            Outcome::Stored | Outcome::AwaitingBase => self.check_stored(sample, row, &read).await,
            Outcome::Quarantined => self.check_quarantined(sample, row, &read).await,
            Outcome::BackfillRequested => self.check_job(sample, row, &read).await,
            Outcome::Ignored => {
                self.expect(
                    row,
                    "kept",
                    json!([read.errors, read.event_id, read.quarantine_id]),
                    json!([[], null, null]),
                );
                self.expect(row, "words", read.warnings.len(), 1);
            }
            Outcome::Duplicate => self.faults.push(format!("{}: no row expects a duplicate", row.file)),
        }
        self.reads.extend(reads);
    }

    async fn check_quarantined(&mut self, sample: &Sample, row: &Row, read: &EventRead) {
        self.expect(row, "job", json!(read.job_id), Value::Null);
        for says in row.says {
            let Expectation::Errors(errors) = says else {
                panic!("{}: a refused input does not allow {says:?}", row.file)
            };
            let fields = |mut fields: Vec<String>| {
                fields.sort();
                fields
            };
            let at = fields(read.errors.iter().map(|error| error.field.clone()).collect());
            self.expect(row, "errors", at, fields(errors.iter().map(|(field, _)| (*field).to_owned()).collect()));
            for (field, words) in *errors {
                let says_so = read.errors.iter().any(|error| error.field == *field && error.message.contains(words));
                self.expect(row, &format!("`{words}` in {:?}", read.errors), says_so, true);
            }
        }
        let quarantine = self.run.test.process.handler.quarantine();
        let entry = quarantine.get(read.quarantine_id.as_deref().unwrap_or_default()).await.expect("the entry");
        let body = quarantine.body(&entry, usize::MAX).await.expect("the body");
        self.expect(row, "input", String::from_utf8(body).expect("UTF-8"), sample.text.trim_end());
        self.expect(row, "state", json!(entry.state), json!(QuarantineState::Open));
        self.expect(row, "errors kept", json!(entry.errors), json!(read.errors));
    }

    async fn check_job(&mut self, sample: &Sample, row: &Row, read: &EventRead) {
        assert!(matches!(row.says, [Expectation::JobKeepsInput]), "{}", row.file);
        let jobs = self.run.jobs().await;
        let job = jobs.iter().find(|job| Some(job.id) == read.job_id).expect("the job that the answer names");
        self.expect(row, "input", job.input.clone(), sample.text.trim_end());
        self.expect(row, "object", job.entity_name.as_str(), "Account");
        self.expect(row, "entity_name", json!(read.entity_name), "Account");
        self.expect(row, "external_id", json!(read.external_id), Value::Null);
        let empty = seen(&self.run.test.process, "client", "000000000000000AAA").await;
        self.expect(row, "the empty id", empty, "no client `000000000000000AAA`");
    }

    async fn check_stored(&mut self, sample: &Sample, row: &Row, read: &EventRead) {
        let Some(after) = self.record_after(row, read).await else { return };
        let waits = row.outcome == Outcome::AwaitingBase;
        self.expect(row, "errors", json!(read.errors), json!([]));
        let event_type = read.event_type.expect("a stored change has one");
        let message = format!("{event_type} before its creation: the entity waits for its base");
        let waiting = waits.then(|| ValidationIssue::new("event_type", message));
        let is_stale = after.state.stale().is_some();
        self.expect(row, "stale", is_stale, event_type == EventType::Gap);
        let about_order = |issue: &&ValidationIssue| issue.field == "event_type";
        let (order, others): (Vec<_>, Vec<_>) = read.warnings.iter().partition(about_order);
        self.expect(row, "warnings about order", json!(order), json!(Vec::from_iter(waiting)));
        self.expect(row, "other warnings", others.len(), usize::from(is_stale));
        if let Some(event) = &after.event {
            self.expect(row, "version in the history", json!(event.version), json!(row.version));
            self.expect(row, "event_type in the history", json!(event.event_type), json!(row.event_type));
            let data = event.data.as_ref().expect("the data was requested").get();
            self.expect(row, "input in the history", data, sample.text.trim_end());
            self.expect(row, "warnings in the history", json!(event.warnings), json!(read.warnings));
            self.transactions.insert(row.file, event.transaction_key.clone());
        }
        if waits {
            self.expect(row, "entity", after.entity.clone(), "awaiting base");
        } else {
            self.expect(row, "entity's version", after.entity["version"].clone(), json!(row.version));
            self.expect(row, "mapping warnings", after.entity["warnings"].clone(), json!([]));
            self.expect(row, "unknown fields", after.entity["unknown"].clone(), json!([]));
        }
        let unknown: Vec<&str> = after.state.unknown_paths().into_iter().map(Path::as_str).collect();
        let named =
            row.says.iter().find_map(|says| if let Expectation::Unknown(names) = says { Some(*names) } else { None });
        self.expect(row, "unknown leaves", unknown, named.unwrap_or_default());
        self.check_refetch(&after, waits).await;
        for says in row.says {
            self.check_expectation(&after, says).await;
        }
    }

    /// The record after a change; `None`, with a difference recorded, if the result names no record.
    async fn record_after<'a>(&mut self, row: &'a Row, read: &'a EventRead) -> Option<RecordAfter<'a>> {
        let (Some(name), Some(id), Some(aggregate_id)) = (&read.entity_name, &read.external_id, read.aggregate_id)
        else {
            self.faults.push(format!("{}: the answer names no record", row.file));
            return None;
        };
        let key = EntityKey { entity_name: EntityName::new(name.as_str()), aggregate_id };
        let aggregate_type = row.aggregate_type.expect("a row of a record has a type");
        let entity = seen(&self.run.test.process, aggregate_type, id.as_str()).await;
        let state = self.run.test.load(&key).await;
        let request = HistoryRequest { raw: true, ..HistoryRequest::default() };
        let page = self.run.test.process.queries.history(aggregate_type, id.as_str(), &request).await;
        let event = match page {
            Ok(mut page) => page.results.pop(),
            Err(error) => {
                self.faults.push(format!("{}: its history does not answer: {error}", row.file));
                None
            }
        };
        Some(RecordAfter { row, read, key, entity, state, event })
    }

    async fn check_refetch(&mut self, after: &RecordAfter<'_>, waits: bool) {
        let mut expected = BTreeSet::new();
        expected.extend(waits.then_some(RefetchReason::MissingBase));
        expected.extend(after.row.says.iter().filter_map(|says| match says {
            Expectation::Refetch(reason) => Some(*reason),
            _ => None,
        }));
        let task = self.run.refetch().await.remove(&after.key);
        let reasons = task.map(|task| task.reasons).unwrap_or_default();
        self.expect(after.row, "refetch", json!(reasons), json!(expected));
    }

    async fn check_expectation(&mut self, after: &RecordAfter<'_>, says: &Expectation) {
        let RecordAfter { row, read, entity, state, .. } = after;
        let what = format!("{says:?}");
        let field = |path: &str| entity.pointer(&format!("/{}", path.replace('.', "/"))).cloned();
        let text = |path: &str| field(path).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
        let parsed = |json: &str| serde_json::from_str::<Value>(json).expect("the table has JSON");
        match says {
            Expectation::Id(id) => self.expect(row, &what, json!(read.external_id), json!(ExternalId::new(*id))),
            Expectation::At(at) => self.expect(row, &what, json!(read.timestamp), *at),
            Expectation::Text(path, text) => self.expect(row, &what, json!(field(path)), *text),
            // In a list, so that null differs from a missing value.
            Expectation::Field(path, json) => {
                self.expect(row, &what, json!(field(path).map(|value| [value])), json!([parsed(json)]));
            }
            Expectation::Length(path, length) => self.expect(row, &what, text(path).chars().count(), *length),
            Expectation::Sha256(path, hash) => {
                let is = base16ct::lower::encode_string(&Sha256::digest(text(path)));
                self.expect(row, &what, is, *hash);
            }
            Expectation::Raw(path, json) => {
                let reading = state.read(&Path::new(*path));
                let shown =
                    if let FieldReading::Known(value) = reading { value.into_owned() } else { json!("not known") };
                self.expect(row, &what, shown, parsed(json));
            }
            Expectation::Writes(paths) => {
                self.expect(row, &what, state.paths().map(Path::as_str).collect::<Vec<_>>(), *paths);
            }
            Expectation::Leaves(above, count) => {
                self.expect(row, &what, state.paths().filter(|path| path.relative_to(above).is_some()).count(), *count);
            }
            Expectation::Life(life) => self.expect(row, &what, json!(state.lifecycle()), json!(life)),
            Expectation::OutOfLists => self.check_lists(after).await,
            // Checked with the whole row.
            Expectation::Unknown(_) | Expectation::Refetch(_) => {}
            Expectation::Errors(_) | Expectation::JobKeepsInput => {
                panic!("{}: a stored change does not allow {says:?}", row.file)
            }
            of_the_event => self.check_event(after, of_the_event),
        }
    }

    /// Compares the event in the history with its row.
    fn check_event(&mut self, after: &RecordAfter<'_>, says: &Expectation) {
        let RecordAfter { row, event: Some(event), .. } = after else { return };
        let what = format!("{says:?}");
        match says {
            Expectation::Commit(number) => self.expect(row, &what, json!(event.position.commit_number), *number),
            Expectation::Sequence(number) => self.expect(row, &what, json!(event.position.sequence_number), *number),
            Expectation::Changes(fields) => {
                let changed: BTreeSet<&str> = event.changes.keys().map(String::as_str).collect();
                self.expect(row, &what, json!(changed), json!(fields.iter().collect::<BTreeSet<_>>()));
            }
            Expectation::Origin(origin) => {
                self.expect(row, &what, event.change_origin.clone().unwrap_or_default(), *origin);
            }
            Expectation::Transaction(key) => self.expect(row, &what, json!(event.transaction_key), *key),
            Expectation::TransactionOf(file) => {
                let other = self.transactions.get(file).cloned().flatten().unwrap_or_else(|| format!("none of {file}"));
                self.expect(row, &what, json!(event.transaction_key), other);
            }
            Expectation::Data(text) => {
                let data = event.data.as_ref().expect("the data was requested").get();
                self.expect(row, &what, data.contains(text), true);
            }
            other => panic!("{}: {other:?} does not apply to an event", row.file),
        }
    }

    async fn check_lists(&mut self, after: &RecordAfter<'_>) {
        let row = after.row;
        for include_deleted in [false, true] {
            let request = ListRequest { include_deleted, ..ListRequest::default() };
            let aggregate_type = row.aggregate_type.expect("a row of a record has a type");
            let queries = &self.run.test.process.queries;
            let found = queries.list(aggregate_type, &request).await.expect("a list answers");
            let is_listed = found.results.iter().any(|document| document.aggregate_id == after.key.aggregate_id);
            self.expect(row, &format!("listed, include_deleted={include_deleted}"), is_listed, include_deleted);
        }
    }
}
