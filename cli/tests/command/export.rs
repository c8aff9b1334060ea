//! `export`: the file of every entity of a type.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::changes::{change, created, lines, updated};
use crate::folder::Folder;

/// Three clients, one deleted, one with a name that a spreadsheet would compute; they arrive in no order.
fn with_clients() -> Folder {
    let folder = Folder::new();
    let mut formula = created(3);
    formula["Name"] = json!("=HYPERLINK(\"x\")\r\n,y");
    let deletion = change(2, 20, "DELETE", &json!({}));
    let waiting = updated(4, 5);
    folder.file("in.jsonl", lines([formula, deletion, created(2), updated(1, 30), created(1), waiting]));
    folder.annals(&["ingest", "in.jsonl"]).exits(0);
    folder
}

fn rows(ndjson: &str) -> Vec<Value> {
    ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_entity_is_a_line_of_json_now_and_as_of_a_moment() {
    let folder = with_clients();
    let export = |arguments: &[&str]| {
        let run = folder.annals(&[&["export", "clients", "--format", "ndjson"], arguments].concat()).exits(0);
        rows(&run.stdout)
    };
    let now = export(&[]);
    assert_eq!(now.len(), 3);
    assert!(now.is_sorted_by_key(|entity| entity["aggregate_id"].as_str().unwrap().to_owned()));
    for entity in &now {
        assert_eq!(*entity, folder.json(&["get", "client", entity["id"].as_str().unwrap()]));
    }
    // What is exported is what `get` shows.
    for as_of in ["2024-01-01T00:00:00Z", "2024-01-01T00:00:20Z", "2024-01-01"] {
        let entities = export(&["--as-of", as_of]);
        assert_eq!(entities.len(), 3, "{as_of}");
        assert!(entities.is_sorted_by_key(|entity| entity["aggregate_id"].as_str().unwrap().to_owned()));
        for entity in &entities {
            let id = entity["id"].as_str().unwrap();
            assert_eq!(*entity, folder.json(&["get", "client", id, "--as-of", as_of]), "{as_of}");
        }
    }
    assert_eq!(export(&["--as-of", "2024-01-01"]), now);
    assert_eq!(export(&["--as-of", "2023-12-31"]), Vec::<Value>::new());
    let run = folder.annals(&["export", "client", "--as-of", "2024-01-01"]).exits(0);
    assert_eq!(run.stderr, "3 entities exported\n");
}

#[test]
fn an_export_of_now_has_every_page_of_the_read_model() {
    let folder = Folder::new();
    folder.file("in.jsonl", lines((1..=450).map(created)));
    folder.annals(&["ingest", "in.jsonl"]).exits(0);
    let run = folder.annals(&["export", "clients", "--format", "ndjson"]).exits(0);
    let ids: BTreeSet<String> = rows(&run.stdout).iter().map(|entity| entity["id"].to_string()).collect();
    assert_eq!((run.stdout.lines().count(), ids.len()), (450, 450));
    assert_eq!(run.stderr, "450 entities exported\n");
    assert_eq!(
        run.stdout,
        folder.annals(&["export", "clients", "--as-of", "2024-01-01", "--format", "ndjson"]).exits(0).stdout
    );
}

#[test]
fn a_file_has_a_line_of_names_and_defused_cells() {
    let folder = with_clients();
    let path = folder.path().join("clients.csv");
    let path = path.to_str().unwrap();
    for moment in [&[][..], &["--as-of", "2024-01-01"]] {
        let arguments = [&["export", "clients", "--output", path], moment].concat();
        assert_eq!(folder.annals(&arguments).exits(0).stdout, "");
        let csv = fs::read_to_string(path).unwrap();
        assert!(csv.starts_with("id,name,parent_id,"), "{csv}");
        assert!(csv.contains("001000000000003AAA,\"'=HYPERLINK(\"\"x\"\")\r\n,y\","), "{csv}");
        assert_eq!(csv.matches("\r\n").count(), 5, "a line each, and one in a name: {csv}");
        folder.annals(&[&arguments[..], &["--raw"]].concat()).exits(0);
        assert!(fs::read_to_string(path).unwrap().contains(",\"=HYPERLINK("));
    }
}

#[test]
fn an_object_without_a_definition_has_the_columns_that_its_records_have() {
    let folder = Folder::new();
    let invoice = |record: u64, body: &Value| {
        let mut change = change(record, 0, "CREATE", body);
        change["ChangeEventHeader"]["entityName"] = json!("Invoice__c");
        change
    };
    let total: Value = serde_json::from_str("{\"Total__c\": -12.5, \"version\": 7}").unwrap();
    folder.file("in.jsonl", lines([invoice(1, &json!({"Name": "A"})), invoice(2, &total)]));
    folder.annals(&["ingest", "in.jsonl"]).exits(0);
    for moment in [&[][..], &["--as-of", "2024-01-01"]] {
        let csv = folder.annals(&[&["export", "invoice__c"], moment].concat()).exits(0).stdout;
        let mut lines: Vec<&str> = csv.lines().map(|line| line.split(",salesforce,").next().unwrap()).collect();
        assert_eq!(lines.remove(0).split(",aggregate_id").next(), Some("id,is_deleted,Name,Total__c"));
        lines.sort_unstable();
        assert!(lines[0].starts_with("001000000000001AAA,false,A,,"), "{csv}");
        assert!(lines[1].starts_with("001000000000002AAA,false,,-12.5,"), "{csv}");
    }
}

#[test]
fn a_file_that_cannot_be_written_and_an_unknown_type_are_named() {
    let folder = with_clients();
    folder.annals(&["export", "clients", "--output", "no/such/folder.csv"]).exits(2).prints(&["no/such/folder.csv"]);
    folder.annals(&["export", "nonsense"]).exits(2).prints(&["no entity type `nonsense`"]);
    folder.annals(&["export", "clients", "--as-of", "2024-01-01T00:00:00"]).exits(2).prints(&["or a date in UTC"]);
}
