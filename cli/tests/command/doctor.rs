//! `doctor` of a database on this machine.

use serde_json::{Value, json};

use crate::changes::{created, updated};
use crate::folder::Folder;

/// Name and verdict of each check.
fn verdicts(report: &Value) -> Vec<(&str, &str)> {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().map(|check| (check["check"].as_str().unwrap(), check["verdict"].as_str().unwrap())).collect()
}

#[test]
fn every_check_of_a_sound_database_is_ok() {
    let folder = Folder::new();
    folder.file("in.jsonl", format!("{}\n{}\n", created(1), updated(2, 5)));
    folder.annals(&["ingest", "in.jsonl"]).exits(0);
    let report = folder.json(&["doctor", "--json"]);
    assert_eq!(report["ok"], json!(true));
    let parts = ["settings", "definitions", "database", "read model", "events", "state", "entities", "disk space"];
    assert_eq!(verdicts(&report), parts.map(|part| (part, "ok")));
    assert_eq!(
        report["checks"][5]["found"],
        json!(
            "1 records to refetch from their CRM, 0 backfill jobs waiting, 0 projections parked, 0 inputs in quarantine"
        )
    );
    let table = folder.annals(&["doctor"]).exits(0).stdout;
    assert!(table.starts_with("verdict  check        found; what to do\nok       settings     valid\n"), "{table}");
}

#[test]
fn events_of_two_orgs_are_named() {
    let folder = Folder::new();
    let of_org = |org: &str, record: u64| {
        let source = format!("aws.partner/salesforce.com/{org}/0YL");
        json!({ "source": source, "detail-type": "AccountChangeEvent", "detail": { "payload": created(record) } })
    };
    folder.file("in.jsonl", format!("{}\n{}\n", of_org("00DRM000000Fxts", 1), of_org("00DRM000000Fxtt", 2)));
    folder.annals(&["ingest", "in.jsonl"]).exits(0);
    let report = folder.json(&["doctor", "--json"]);
    let check = report["checks"].as_array().unwrap().iter().find(|check| check["check"] == "accounts").unwrap();
    let found = "events of several salesforce accounts are stored: `00DRM000000Fxts2AC`, `00DRM000000Fxtt2AC`";
    assert_eq!((&check["verdict"], &check["found"]), (&json!("warning"), &json!(found)));
    assert!(check["remedy"].as_str().unwrap().contains("--salesforce-org"), "{check}");
}

#[test]
fn a_wrong_part_is_named_with_what_to_do_and_the_next_are_not_known() {
    let folder = Folder::new();
    folder.file("in.json", created(1).to_string());
    folder.annals(&["ingest", "in.json"]).exits(0);
    folder.file("entities/client.toml", "nonsense");
    let run = folder.annals(&["doctor", "--entities", "entities", "--json"]).exits(1);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["ok"], json!(false));
    let expected =
        [("settings", "ok"), ("definitions", "wrong"), ("database", "not known"), ("read model", "not known")];
    assert_eq!(verdicts(&report)[..4], expected);
    assert!(report["checks"][1]["found"].as_str().unwrap().contains("client.toml"), "{report:#}");

    folder.file("annals.db", "this is no database, whatever its name says: it is a text");
    let run = folder.annals(&["doctor"]).exits(1);
    assert!(run.stdout.contains("wrong      database     "), "{}", run.stdout);
    assert!(run.stdout.contains("; name another file with --db"), "{}", run.stdout);
    folder.annals(&["doctor", "--db", "none.db"]).exits(2).prints(&["none.db: no such database"]);
}
