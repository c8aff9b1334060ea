//! `ingest`, `get`, `list`, `history` and `quarantine` with `--target aws`.

use serde_json::json;

use super::installation::Installation;
use crate::changes::{created, lines, updated};
use crate::folder::Folder;

#[test]
fn what_is_ingested_is_stored_at_once_and_found_when_it_is_projected() {
    let aws = Installation::new();
    aws.folder.file("in.jsonl", lines([created(1), updated(1, 30), updated(1, 10)]));
    let run = aws.annals(&["ingest", "in.jsonl", "--json"]).exits(0);
    assert_eq!(run.counted("stored"), 3);
    assert_eq!(aws.annals(&["ingest", "in.jsonl", "--json"]).exits(0).counted("duplicate"), 3);
    let page = aws.json(&["history", "client", "001000000000001", "--json"]);
    let events: Vec<_> = page["results"].as_array().unwrap().iter().map(|event| &event["event_type"]).collect();
    assert_eq!(events, [&json!("Created"), &json!("Updated"), &json!("Updated")]);

    // No projection function runs here.
    let run = aws.annals(&["get", "client", "001000000000001"]).exits(1);
    assert_eq!(
        run.stderr,
        "error: `001000000000001` is stored, and not found yet: the projection is behind\n\
         hint: `annals history client 001000000000001` shows it\n"
    );
    aws.annals(&["get", "client", "001000000000002"]).exits(1).says(&["error: there is no client `001000000000002`"]);
    assert_eq!(aws.json(&["list", "clients", "--json"])["count"], json!(0));
    assert!(!aws.folder.path().join("annals.db").exists(), "nothing is kept on this machine");
}

#[test]
fn a_sample_event_is_taken_as_it_comes_from_event_bridge() {
    let aws = Installation::new();
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../events/ingest/salesforce/01-client-created.json");
    let run = aws.annals(&["ingest", sample, "--json"]).exits(0);
    assert_eq!(run.counted("stored"), 1);
    let first: serde_json::Value = serde_json::from_str(run.stdout.lines().next().unwrap()).unwrap();
    let id = first["external_id"].as_str().unwrap();
    assert_eq!(aws.json(&["history", "client", id, "--json"])["results"][0]["event_type"], json!("Created"));
}

#[test]
fn what_is_refused_is_kept_and_can_be_looked_into_redriven_and_dismissed() {
    let aws = Installation::new();
    let mut change = created(1);
    change["ChangeEventHeader"]["commitNumber"] = json!("7");
    aws.folder.file("in.json", change.to_string());
    aws.annals(&["ingest", "in.json"]).exits(1).says(&["ChangeEventHeader.commitNumber"]);
    let list = aws.json(&["quarantine", "list", "--json"]);
    let id = list["results"][0]["id"].as_str().unwrap().to_owned();
    let body = aws.annals(&["quarantine", "show", &id[..8], "--body"]).exits(0);
    assert_eq!(body.stdout_bytes, change.to_string().as_bytes());
    aws.annals(&["quarantine", "redrive", &id]).exits(1).says(&["ChangeEventHeader.commitNumber"]);
    let run = aws.annals(&["quarantine", "dismiss", &id[..8]]).exits(0);
    assert_eq!(run.stdout, format!("dismissed {id}\n"));
    assert_eq!(aws.json(&["quarantine", "list", "--json"])["count"], json!(0));
}

#[test]
fn all_that_is_missing_is_one_error_and_a_command_asks_for_no_more_than_it_calls() {
    let folder = Folder::new();
    let run = folder.annals(&["get", "client", "1", "--target", "aws"]).exits(2);
    assert_eq!(
        run.stderr,
        "error: `--target aws` needs --events-table (ANNALS_EVENTS_TABLE), --state-table (ANNALS_STATE_TABLE), \
         --opensearch (ANNALS_OPENSEARCH_ENDPOINT or ANNALS_OPENSEARCH_DOMAIN)\n\
         hint: the functions of an installation have them in their environment\n"
    );
    let mut aws = Installation::new();
    aws.set("ANNALS_OPENSEARCH_ENDPOINT", "");
    aws.folder.file("in.json", created(1).to_string());
    aws.annals(&["ingest", "in.json"]).exits(0);
    aws.annals(&["history", "client", "001000000000001"]).exits(2).says(&["needs --opensearch"]);
}

#[test]
fn words_for_a_database_of_this_machine_are_refused_and_its_variables_are_not() {
    let mut aws = Installation::new();
    aws.folder.file("in.json", created(1).to_string());
    aws.annals(&["ingest", "in.json", "--publish", "none"]).exits(2).says(&["`--publish`: on AWS"]);
    aws.annals(&["ingest", "in.json", "--db", "x.db"]).exits(2).says(&["`--db` names a database of this machine"]);
    aws.annals(&["serve"]).exits(2).says(&["`serve` serves a database of this machine"]);
    aws.set("ANNALS_DB", "x.db");
    aws.set("ANNALS_PUBLISH", "announced.jsonl");
    aws.annals(&["ingest", "in.json"]).exits(0);
}

#[test]
fn a_table_that_is_not_there_is_named() {
    let aws = Installation::new();
    let arguments = ["--events-table", "cli-no-such-table"];
    let run = aws.annals(&[&["history", "client", "001000000000001"], &arguments[..]].concat()).exits(1);
    run.says(&["cli-no-such-table: ResourceNotFoundException"]);
}
