//! The sample events, ingested in the order of their names into an empty database. The result of each is a
//! snapshot, none is left out, and neither repetition nor order changes the entities.
//!
//! The snapshots omit what differs between runs: times of this machine and ids of commands.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use annals_application::commands::{EventRead, Outcome};
use annals_application::queries::{HistoryEvent, HistoryRequest, Page};
use annals_domain::validation_issue::ValidationIssue;
use annals_tests::samples::{Run, Sample, files_below, numbered, repository, sample_events, seen, without_version};
use serde_json::{Map, Value, json};

/// The client with the most events: files 01, 04, 11, 12 and 39.
const HALCYON: &str = "001Qz00000Hal1cIAB";
/// The client whose creation arrives after its first update: files 02, 03, 05 and 06.
const BLUE_LANTERN: &str = "001Qz00000BlLn2IAF";

fn snapshots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/sample_events")
}

/// Asserts that a value equals the snapshot with this name.
#[track_caller]
fn check(folder: &Path, name: &str, value: &Value) {
    check_text(folder, name, &serde_json::to_string_pretty(value).expect("a value is JSON"));
}

/// The same for a text.
#[track_caller]
fn check_text(folder: &Path, name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Whether an issue is about this machine's clock, which may be slower than that of the samples.
fn is_about_the_clock(issue: &ValidationIssue) -> bool {
    issue.field == "timestamp" && issue.message.contains("is in the future")
}

fn issues(issues: &[ValidationIssue]) -> Vec<String> {
    issues.iter().filter(|issue| !is_about_the_clock(issue)).map(ToString::to_string).collect()
}

/// A result without its timestamp.
fn answer(read: &EventRead) -> Value {
    json!({
        "outcome": read.outcome,
        "entity_name": read.entity_name,
        "external_id": read.external_id,
        "aggregate_type": read.aggregate_type,
        "event_type": read.event_type,
        "version": read.version,
        "timestamp": read.timestamp,
        "errors": issues(&read.errors),
        "warnings": issues(&read.warnings),
        "has_job": read.job_id.is_some(),
        "is_in_quarantine": read.quarantine_id.is_some(),
    })
}

/// The results of a file and the mapped and raw state of its records after it.
async fn results_of(run: &Run, reads: &[EventRead]) -> Value {
    let mut records = Map::new();
    for read in reads {
        if let (Some(aggregate_type), Some(id)) = (&read.aggregate_type, &read.external_id) {
            let entity = seen(&run.test.process, aggregate_type.as_str(), id.as_str()).await;
            let (key, _) = &run.records[&format!("{} {id}", read.entity_name.as_ref().expect("a record's object"))];
            let raw = run.test.load(key).await.raw();
            records.insert(format!("{aggregate_type} {id}"), json!({ "entity": entity, "raw": raw }));
        }
    }
    json!({ "results": reads.iter().map(answer).collect::<Vec<_>>(), "records": records })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_file_matches_its_snapshot() {
    let mut run = Run::new().await;
    let mut outcomes = Vec::new();
    for sample in sample_events() {
        let reads = run.take(sample.provider, &sample.text).await;
        outcomes.push((results_of(&run, &reads).await, sample));
    }
    for (outcome, sample) in &outcomes {
        check(&snapshots().join(sample.provider.as_str()), sample.stem(), outcome);
    }
}

#[test]
fn every_file_is_ingested_and_files_and_snapshots_correspond() {
    let file = |sample: &Sample| format!("{}/{}", sample.provider, sample.name).into();
    let run: BTreeSet<PathBuf> = sample_events().iter().map(file).collect();
    let mut there = files_below(&repository().join("events/ingest"));
    there.retain(|path| path.file_name().is_some_and(|name| name != "README.md"));
    assert!(run.len() > 40, "only {} samples", run.len());
    assert_eq!(run, there, "each provider's file below events/ingest is a sample that is run");

    let snapshot = |sample: &Sample| format!("{}/{}.snap", sample.provider, sample.stem()).into();
    let mut expected: BTreeSet<PathBuf> = sample_events().iter().map(snapshot).collect();
    expected.extend(
        ["history.snap", "history_with_a_late_creation.snap", "kept_beside_the_events.snap", "published_events.snap"]
            .map(PathBuf::from),
    );
    let mut there = files_below(&snapshots());
    // A file that a failed check proposes is not a snapshot.
    there.retain(|path| path.extension().is_some_and(|extension| extension == "snap"));
    assert_eq!(expected, there, "snapshots and samples go together");
}

#[test]
fn the_readme_has_a_line_for_every_file_and_for_no_other() {
    let readme = std::fs::read_to_string(repository().join("events/ingest/README.md")).expect("the README");
    let named = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let named: Vec<String> = named.map(|(name, _)| name.to_owned()).collect();
    let files: Vec<String> = sample_events().into_iter().map(|sample| sample.name).collect();
    assert_eq!(named, files);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_delivery_of_all_files_changes_nothing() {
    let samples = sample_events();
    let mut run = Run::new().await;
    let first = run.take_all(&samples).await;
    let before = (run.entities().await, run.refetch().await, run.jobs().await, run.published_events());
    let quarantined = run.quarantine().await.len();
    let second = run.take_all(&samples).await;
    for ((sample, first), second) in samples.iter().zip(first).zip(second) {
        assert_eq!(first.len(), second.len(), "{}", sample.name);
        for (first, second) in first.iter().zip(&second) {
            let expected = match first.outcome {
                Outcome::Stored | Outcome::AwaitingBase => Outcome::Duplicate,
                kept => kept,
            };
            assert_eq!(second.outcome, expected, "{}", sample.name);
            assert_eq!(second.version, None, "{}: nothing is stored", sample.name);
            let same = |read: &EventRead| (read.event_id, read.job_id, read.quarantine_id.clone(), read.errors.clone());
            assert_eq!(same(first), same(second), "{}", sample.name);
        }
    }
    assert_eq!(before, (run.entities().await, run.refetch().await, run.jobs().await, run.published_events()));
    assert_eq!(run.quarantine().await.len(), quarantined);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_in_reverse_order_give_the_same_entities() {
    let samples = sample_events();
    let (mut run, mut reverse) = (Run::new().await, Run::new().await);
    let events = numbered(&run.take_all(&samples).await);
    reverse.take_all(samples.iter().rev()).await;
    let (entities, reversed) = (run.entities().await, reverse.entities().await);
    assert_eq!(entities.keys().collect::<Vec<_>>(), reversed.keys().collect::<Vec<_>>());
    for (record, entity) in entities {
        assert_eq!(without_version(entity), without_version(reversed[&record].clone()), "{record}");
    }
    let (views, reversed) = (run.views(&events).await, reverse.views(&events).await);
    for (record, view) in views {
        assert_eq!(view, reversed[&record], "{record}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_events_match_the_snapshot() {
    let mut run = Run::new().await;
    run.take_all(&sample_events()).await;
    let short = |line: Map<String, Value>| {
        let mut short = Map::new();
        for name in ["aggregate_type", "external_id", "event_type", "from_version", "version"] {
            short.insert(name.to_owned(), line[name].clone());
        }
        let changed = line["changes"].as_object().expect("changes by field").keys().cloned().collect::<Vec<_>>();
        short.insert("changed".to_owned(), json!(changed));
        Value::Object(short).to_string()
    };
    let lines: Vec<String> = run.published_events().into_iter().map(short).collect();
    check_text(&snapshots(), "published_events", &lines.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stored_state_matches_the_snapshot() {
    let mut run = Run::new().await;
    run.take_all(&sample_events()).await;
    let tasks = run.refetch().await;
    let refetch = run.records.iter().filter_map(|(record, (key, _))| Some((record, json!(tasks.get(key)?.reasons))));
    let refetch: Map<String, Value> = refetch.map(|(record, reasons)| (record.clone(), reasons)).collect();
    assert_eq!(refetch.len(), tasks.len(), "a task belongs to a record of the samples");
    let jobs = run.jobs().await.into_iter().map(|job| {
        let input: Value = serde_json::from_str(&job.input).expect("an input is kept unchanged");
        let header = ["/ChangeEventHeader", "/payload/ChangeEventHeader"].iter().find_map(|at| input.pointer(at));
        let record_ids = header.map(|header| header["recordIds"].clone());
        json!({ "entity_name": job.entity_name, "state": job.state, "reason": job.reason, "record_ids": record_ids })
    });
    let mut jobs: Vec<Value> = jobs.collect();
    jobs.sort_by_key(ToString::to_string);
    let quarantined = run.quarantine().await.into_iter().map(|entry| {
        json!({ "provider": entry.provider, "state": entry.state, "errors": issues(&entry.errors), "size": entry.size })
    });
    let mut quarantined: Vec<Value> = quarantined.collect();
    quarantined.sort_by_key(ToString::to_string);
    let kept = json!({ "refetch": refetch, "jobs": jobs, "quarantine": quarantined });
    check(&snapshots(), "kept_beside_the_events", &kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_matches_the_snapshot_and_keeps_numbers_and_inputs_exactly() {
    let samples = sample_events();
    let mut run = Run::new().await;
    run.take_all(&samples).await;
    let request = HistoryRequest { raw: true, ..HistoryRequest::default() };
    let page = run.test.process.queries.history("client", HALCYON, &request).await.expect("the client has a history");

    let past_2_53 = &page.results[1];
    assert_eq!(past_2_53.position.commit_number.as_deref(), Some("1778192987716501506"));
    let raw = past_2_53.data.as_ref().expect("the data was requested").get();
    assert!(raw.contains(r#""commitNumber": 1778192987716501506,"#), "{raw}");
    for (event, file) in page.results.iter().zip(["01", "04", "11", "12"]) {
        let sample = samples.iter().find(|sample| sample.name.starts_with(file)).expect("a sample of that number");
        assert_eq!(event.data.as_ref().expect("the data was requested").get(), sample.text.trim_end(), "{file}");
    }

    check(&snapshots(), "history", &without_run_values(&page));
    let page =
        run.test.process.queries.history("client", BLUE_LANTERN, &request).await.expect("the client has a history");
    check(&snapshots(), "history_with_a_late_creation", &without_run_values(&page));
}

/// A history without the values of one run and without the inputs, which are the samples.
fn without_run_values(page: &Page<HistoryEvent>) -> Value {
    let mut json = json!({ "results": page.results, "count": page.count });
    for event in json["results"].as_array_mut().expect("events") {
        let event = event.as_object_mut().expect("an event");
        for of_one_run in ["recorded_at", "causation_id", "data"] {
            assert!(event.shift_remove(of_one_run).is_some(), "{of_one_run}");
        }
        let warnings = event["warnings"].as_array_mut().expect("warnings");
        warnings.retain(|warning| warning["field"] != "timestamp");
    }
    json
}
