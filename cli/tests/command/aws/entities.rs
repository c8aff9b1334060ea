//! `ingest`, `get`, `list`, `history` and `quarantine` with `--target aws`.

use serde_json::json;

use super::installation::Installation;
use crate::changes::{created, lines, updated};
use crate::folder::Folder;

#[test]
fn an_ingested_event_is_stored_at_once_and_found_when_it_is_projected() {
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
        "error: `001000000000001` is stored but not projected yet\n\
         hint: `annals history client 001000000000001` shows it\n"
    );
    aws.annals(&["get", "client", "001000000000002"]).exits(1).prints(&["error: no client `001000000000002`"]);
    assert_eq!(aws.json(&["list", "clients", "--json"])["count"], json!(0));
    assert!(!aws.folder.path().join("annals.db").exists(), "nothing is stored on this machine");
}

#[test]
fn a_sample_event_is_ingested_as_event_bridge_sends_it() {
    let aws = Installation::new();
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../events/ingest/salesforce/01-client-created.json");
    let run = aws.annals(&["ingest", sample, "--json"]).exits(0);
    assert_eq!(run.counted("stored"), 1);
    let first: serde_json::Value = serde_json::from_str(run.stdout.lines().next().unwrap()).unwrap();
    let id = first["external_id"].as_str().unwrap();
    assert_eq!(aws.json(&["history", "client", id, "--json"])["results"][0]["event_type"], json!("Created"));
}

#[test]
fn a_refused_input_is_quarantined_and_can_be_shown_redriven_and_dismissed() {
    let aws = Installation::new();
    let mut change = created(1);
    change["ChangeEventHeader"]["commitNumber"] = json!("seven");
    aws.folder.file("in.json", change.to_string());
    aws.annals(&["ingest", "in.json"]).exits(1).prints(&["ChangeEventHeader.commitNumber"]);
    let list = aws.json(&["quarantine", "list", "--json"]);
    let id = list["results"][0]["id"].as_str().unwrap().to_owned();
    let body = aws.annals(&["quarantine", "show", &id[..8], "--body"]).exits(0);
    assert_eq!(body.stdout_bytes, change.to_string().as_bytes());
    aws.annals(&["quarantine", "redrive", &id]).exits(1).prints(&["ChangeEventHeader.commitNumber"]);
    let run = aws.annals(&["quarantine", "dismiss", &id[..8]]).exits(0);
    assert_eq!(run.stdout, format!("dismissed {id}\n"));
    assert_eq!(aws.json(&["quarantine", "list", "--json"])["count"], json!(0));
}

#[test]
fn all_missing_settings_are_one_error_and_a_command_needs_only_what_it_calls() {
    let folder = Folder::new();
    let run = folder.annals(&["get", "client", "1", "--target", "aws"]).exits(2);
    assert_eq!(
        run.stderr,
        "error: `--target aws` needs --events-table (ANNALS_EVENTS_TABLE), --state-table (ANNALS_STATE_TABLE), \
         --opensearch (ANNALS_OPENSEARCH_ENDPOINT or ANNALS_OPENSEARCH_DOMAIN)\n\
         hint: the environment variables of the installation's functions have these values\n"
    );
    let mut aws = Installation::new();
    aws.set("ANNALS_OPENSEARCH_ENDPOINT", "");
    aws.folder.file("in.json", created(1).to_string());
    aws.annals(&["ingest", "in.json"]).exits(0);
    aws.annals(&["history", "client", "001000000000001"]).exits(2).prints(&["needs --opensearch"]);
}

#[test]
fn arguments_for_a_local_database_are_refused_and_its_variables_are_not() {
    let mut aws = Installation::new();
    aws.folder.file("in.json", created(1).to_string());
    aws.annals(&["ingest", "in.json", "--publish", "none"]).exits(2).prints(&["`--publish`: on AWS"]);
    aws.annals(&["ingest", "in.json", "--db", "x.db"]).exits(2).prints(&["`--db` names a database on this machine"]);
    aws.annals(&["serve"]).exits(2).prints(&["`serve` serves a database on this machine"]);
    aws.set("ANNALS_DB", "x.db");
    aws.set("ANNALS_PUBLISH", "published.jsonl");
    aws.annals(&["ingest", "in.json"]).exits(0);
}

#[test]
fn a_missing_table_is_named() {
    let aws = Installation::new();
    let arguments = ["--events-table", "cli-no-such-table"];
    let run = aws.annals(&[&["history", "client", "001000000000001"], &arguments[..]].concat()).exits(1);
    run.prints(&["cli-no-such-table: ResourceNotFoundException"]);
}

#[test]
fn the_past_is_shown_compared_and_exported_from_the_events() {
    let aws = Installation::new();
    let deletion = crate::changes::change(2, 20, "DELETE", &json!({}));
    aws.folder
        .file("in.jsonl", lines([created(1), updated(1, 30), updated(1, 10), created(2), deletion, updated(3, 5)]));
    aws.annals(&["ingest", "in.jsonl"]).exits(0);
    let id = "001000000000001";
    let as_of = aws.json(&["get", "client", id, "--as-of", "2024-01-01T00:00:10Z"]);
    assert_eq!((&as_of["description"], &as_of["version"]), (&json!("as of 10"), &json!(3)));
    let explained = aws.json(&["get", "client", id, "--explain", "--json"]);
    assert_eq!(explained["explain"]["description"]["version"], json!(2));
    let diff = aws.json(&["diff", "client", id, "--from", "version:1", "--json"]);
    assert_eq!(diff["changes"]["description"]["to"], json!("as of 30"));
    let history = aws.json(&["history", "client", id, "--field", "description", "--newest-first", "--json"]);
    assert_eq!(history["results"].as_array().unwrap().len(), 1);

    for as_of in ["2024-01-01T00:00:10Z", "2024-01-01"] {
        let run = aws.annals(&["export", "clients", "--as-of", as_of, "--format", "ndjson"]).exits(0);
        let exported: Vec<serde_json::Value> =
            run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(exported.len(), 2, "{as_of}");
        assert!(exported.is_sorted_by_key(|entity| entity["aggregate_id"].as_str().unwrap().to_owned()));
        for entity in &exported {
            let id = entity["id"].as_str().unwrap();
            assert_eq!(*entity, aws.json(&["get", "client", id, "--as-of", as_of]), "{as_of}");
        }
    }
}

#[test]
fn an_export_of_now_comes_from_the_read_model() {
    let aws = Installation::new();
    let deletion = crate::changes::change(2, 20, "DELETE", &json!({}));
    aws.folder.file("in.jsonl", lines((1..=230).map(created).chain([updated(1, 30), deletion])));
    aws.annals(&["ingest", "in.jsonl"]).exits(0);
    let export = || aws.annals(&["export", "clients", "--format", "ndjson"]).exits(0).stdout;
    assert_eq!(export(), "", "nothing is projected yet");
    aws.annals(&["rebuild", "--known-after", "0"]).exits(0);
    let exported = export();
    assert_eq!(exported.lines().count(), 230);
    assert_eq!(
        exported,
        aws.annals(&["export", "clients", "--as-of", "2024-01-01", "--format", "ndjson"]).exits(0).stdout
    );
}
