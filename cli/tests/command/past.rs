//! `get` at a moment, `get --explain` and `diff`: what they print.

use serde_json::{Value, json};

use crate::changes::{change, created, lines, updated};
use crate::folder::Folder;

const ID: &str = "001000000000001";

/// A client whose newest description arrived before an older status.
fn with_client() -> Folder {
    let folder = Folder::new();
    let status = change(1, 20, "UPDATE", &json!({ "Account_Status__c": "Inactive" }));
    folder.file("in.jsonl", lines([created(1), updated(1, 30), status]));
    folder.annals(&["ingest", "in.jsonl"]).exits(0);
    folder
}

#[test]
fn an_entity_is_shown_as_it_was() {
    let folder = with_client();
    let get = |arguments: &[&str]| folder.json(&[&["get", "client", ID], arguments].concat());
    let shown = |entity: &Value| (entity["status"].clone(), entity["description"].clone(), entity["version"].clone());
    let (active, inactive, as_of_30) = (json!("Active"), json!("Inactive"), json!("as of 30"));
    assert_eq!(shown(&get(&["--as-of", "2024-01-01T00:00:20Z"])), (inactive.clone(), Value::Null, json!(3)));
    assert_eq!(shown(&get(&["--as-of", "2024-01-01T00:00:19Z"])), (active.clone(), Value::Null, json!(1)));
    assert_eq!(shown(&get(&["--as-of", "2024-01-01"])), (inactive.clone(), as_of_30.clone(), json!(3)));
    assert_eq!(shown(&get(&["--version", "2", "--json"])), (active, as_of_30.clone(), json!(2)));
    assert_eq!(shown(&get(&["--known-at", "2999-01-01"])), (inactive, as_of_30, json!(3)));
    folder.annals(&["get", "client", ID, "--as-of", "2023-12-31"]).exits(1).prints(&["its first event is later"]);
}

#[test]
fn what_is_behind_each_field_is_a_table() {
    let folder = with_client();
    let explained = folder.annals(&["get", "client", ID, "--explain", "--version", "3"]).exits(0).stdout;
    let rows: Vec<Vec<&str>> = explained
        .lines()
        .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect();
    assert_eq!(rows[0], ["field", "value", "version", "timestamp", "user", "source", "from", "raw value"]);
    let row = |field: &str| rows.iter().find(|row| row[0] == field).unwrap().clone();
    assert_eq!(row("status")[1..4], ["Inactive", "3", "2024-01-01T00:00:20Z"]);
    assert_eq!(row("status")[5..], ["cdc", "copy Account_Status__c", "-"]);
    assert_eq!(row("description")[1..4], ["as of 30", "2", "2024-01-01T00:00:30Z"]);
    assert_eq!(row("billing_country")[1..], ["null", "-", "-", "-", "-", "first_of BillingAddress.Country", "-"]);
    let json = folder.json(&["get", "client", ID, "--explain", "--json"]);
    assert_eq!((&json["explain"]["status"]["version"], &json["status"]), (&json!(3), &json!("Inactive")));
}

#[test]
fn a_difference_is_a_table() {
    let folder = with_client();
    let diff = folder.annals(&["diff", "client", ID, "--from", "version:1"]).exits(0).stdout;
    let rows: Vec<Vec<&str>> =
        diff.lines().map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()).collect();
    assert_eq!(rows[0], ["field", "from", "to", "version", "timestamp", "user", "source"]);
    assert_eq!(rows[1][..5], ["status", "Active", "Inactive", "3", "2024-01-01T00:00:20Z"]);
    assert_eq!(rows[2][..5], ["description", "null", "as of 30", "2", "2024-01-01T00:00:30Z"]);
    assert_eq!(rows[3], ["2 fields differ, from version:1 to version:3"]);
    let none = folder.annals(&["diff", "client", ID, "--from", "version:3"]).exits(0).stdout;
    assert_eq!(none, "no field differs, from version:3 to version:3\n");
    let json = folder.json(&["diff", "client", ID, "--from", "2024-01-01T00:00:25Z", "--to", "2024-01-01", "--json"]);
    assert_eq!(json["changes"]["description"]["to"], "as of 30");
}

#[test]
fn a_history_is_filtered_by_fields_and_times_and_shown_the_newest_first() {
    let folder = with_client();
    let versions = |arguments: &[&str]| {
        let page = folder.json(&[&["history", "client", ID, "--json"], arguments].concat());
        page["results"].as_array().unwrap().iter().map(|event| event["version"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(versions(&[]), [1, 2, 3]);
    assert_eq!(versions(&["--newest-first"]), [3, 2, 1]);
    assert_eq!(versions(&["--field", "status"]), [1, 3]);
    assert_eq!(versions(&["--field", "status,description", "--newest-first"]), [3, 2, 1]);
    assert_eq!(versions(&["--since", "2024-01-01T00:00:10Z"]), [2, 3]);
    assert_eq!(versions(&["--since", "2024-01-01", "--until", "2024-01-01T00:00:20Z"]), [1, 3]);
    assert_eq!(versions(&["--since", "2024-01-02"]), Vec::<u64>::new());
    folder
        .annals(&["history", "client", ID, "--field", "colour"])
        .exits(2)
        .prints(&["a client has no field `colour`: expected id, name"]);
}

#[test]
fn an_invalid_moment_is_refused_with_what_is_expected() {
    let folder = with_client();
    let time = "expected a timestamp such as 2024-04-09T20:19:25Z, or a date in UTC";
    for (arguments, words) in [
        (&["get", "client", ID, "--as-of", "2024-01-01T00:00:00"][..], time),
        (&["get", "client", ID, "--known-at", "yesterday"], time),
        (&["get", "client", ID, "--version", "0"], "0 is not in 1.."),
        (&["get", "client", ID, "--version", "2", "--as-of", "2024-01-01"], "cannot be used with"),
        (&["diff", "client", ID, "--from", "12"], "or a version such as version:3"),
        (&["diff", "client", ID], "--from"),
    ] {
        folder.annals(arguments).exits(2).prints(&[words]);
    }
}
