//! Real payloads collected from public sources, ingested in the order of their names into an empty database.
//! [`table`] has the expected result of each, derived from the CRM's documentation.
//!
//! The payloads are not part of this repository. The tests run if `ANNALS_SAMPLES` names the folder with the
//! subfolder `salesforce-cdc`; otherwise each test prints that it did not run.

mod check;
mod table;

use std::collections::BTreeMap;

use annals_application::commands::{EventRead, Outcome};
use annals_application::ports::QuarantineState;
use annals_tests::samples::{Run, Sample, collected, numbered, without_version};

use self::check::{Checker, outcomes};
use self::table::TABLE;

/// The number of a sample in the table.
fn number(sample: &Sample) -> &str {
    sample.name.split('-').next().unwrap_or_default()
}

#[test]
fn every_file_is_in_the_table_and_every_row_has_its_file() {
    let Some(samples) = collected() else { return };
    let files: Vec<&str> = samples.iter().map(number).collect();
    let rows: Vec<&str> = TABLE.iter().map(|row| row.file).collect();
    assert_eq!(files, rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_file_has_the_outcome_in_the_table() {
    let Some(samples) = collected() else { return };
    assert_eq!(samples.len(), TABLE.len());
    let mut checker = Checker::new().await;
    for (sample, row) in samples.iter().zip(TABLE) {
        assert_eq!(number(sample), row.file);
        checker.check(sample, row).await;
    }
    checker.faults.extend(totals(&checker.run, &checker.reads).await);
    assert!(checker.faults.is_empty(), "\n{}", checker.faults.join("\n"));
}

/// The differences in the totals of all files.
async fn totals(run: &Run, reads: &[EventRead]) -> Vec<String> {
    use Outcome::{AwaitingBase, BackfillRequested, Ignored, Quarantined, Stored};
    let mut faults = Vec::new();
    let mut check = |what: &str, is: String, should: &str| {
        if is != should {
            faults.push(format!("all: {what}: {is}, not {should}"));
        }
    };
    let expected =
        BTreeMap::from([(Stored, 18), (AwaitingBase, 14), (BackfillRequested, 1), (Ignored, 2), (Quarantined, 5)]);
    check("outcomes", format!("{:?}", outcomes(reads)), &format!("{expected:?}"));
    let entities = run.entities().await;
    check("records", entities.len().to_string(), "26");
    let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, aggregate_type) in
        entities.iter().filter(|(_, entity)| entity.is_object()).filter_map(|(r, _)| run.records.get(r))
    {
        *shown.entry(aggregate_type).or_default() += 1;
    }
    let expected =
        BTreeMap::from([("client", 5), ("contact", 2), ("deal", 2), ("employee__c", 2), ("event", 1), ("user", 1)]);
    check("entities", format!("{shown:?}"), &format!("{expected:?}"));
    check("refetch tasks", run.refetch().await.len().to_string(), "13");
    check("jobs", run.jobs().await.len().to_string(), "1");
    let open = run.quarantine().await.into_iter().filter(|entry| entry.state == QuarantineState::Open).count();
    check("open in quarantine", open.to_string(), "5");
    faults
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_delivery_of_all_files_changes_nothing() {
    let Some(samples) = collected() else { return };
    let mut run = Run::new().await;
    let first = run.take_all(&samples).await.concat();
    let before = (run.entities().await, run.refetch().await, run.jobs().await, run.published_events());
    let second = run.take_all(&samples).await.concat();
    assert_eq!(outcomes(&second)[&Outcome::Duplicate], 32);
    for ((sample, first), second) in samples.iter().zip(&first).zip(&second) {
        let expected = match first.outcome {
            Outcome::Stored | Outcome::AwaitingBase => Outcome::Duplicate,
            kept => kept,
        };
        let same = |read: &EventRead| (read.event_id, read.job_id, read.quarantine_id.clone(), read.errors.clone());
        assert_eq!((second.outcome, same(second)), (expected, same(first)), "{}", sample.name);
    }
    assert_eq!(before, (run.entities().await, run.refetch().await, run.jobs().await, run.published_events()));
    assert_eq!(run.quarantine().await.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_in_reverse_order_give_the_same_entities() {
    let Some(samples) = collected() else { return };
    let (mut run, mut reverse) = (Run::new().await, Run::new().await);
    let events = numbered(&run.take_all(&samples).await);
    let answers = reverse.take_all(samples.iter().rev()).await.concat();

    let counts = outcomes(&answers);
    assert_eq!((counts[&Outcome::Stored], counts[&Outcome::AwaitingBase]), (13, 19));
    for (sample, read) in samples.iter().rev().zip(&answers) {
        match number(sample) {
            "23" | "31" | "32" | "41" | "42" => assert_eq!(read.outcome, Outcome::AwaitingBase, "{}", sample.name),
            "22" | "30" | "40" => assert_eq!(read.outcome, Outcome::Stored, "{}", sample.name),
            _ => {}
        }
        let lives = read.warnings.iter().find(|warning| warning.message.contains("after its deletion"));
        assert_eq!(lives, None, "{}: an update older than a deletion is no sign of life", sample.name);
    }

    let (entities, reversed) = (run.entities().await, reverse.entities().await);
    assert_eq!(entities.len(), reversed.len());
    for (record, entity) in entities {
        assert_eq!(without_version(entity), without_version(reversed[&record].clone()), "{record}");
    }
    let (views, reversed) = (run.views(&events).await, reverse.views(&events).await);
    for (record, view) in views {
        assert_eq!(view, reversed[&record], "{record}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_wrapped_in_an_array_gets_the_same_response() {
    let Some(samples) = collected() else { return };
    let (mut alone, mut wrapped) = (Run::new().await, Run::new().await);
    for sample in &samples {
        let mut expected = alone.take(sample.provider, &sample.text).await;
        let in_array = wrapped.take(sample.provider, &format!("[{}]", sample.text)).await;
        for (expected, read) in expected.iter_mut().zip(&in_array) {
            expected.processed_at = read.processed_at;
        }
        assert_eq!(expected, in_array, "{}", sample.name);
    }
    assert_eq!(alone.entities().await, wrapped.entities().await);
}
