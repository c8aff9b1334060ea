//! `quarantine`: inputs are shown, ingested again and dismissed.

use serde_json::json;

use crate::changes::created;
use crate::folder::Folder;

/// A folder whose database has one quarantined input, and the id of the input.
fn with_one() -> (Folder, String) {
    let folder = Folder::new();
    let mut change = created(1);
    change["ChangeEventHeader"]["commitNumber"] = json!("seven");
    folder.file("in.json", change.to_string());
    folder.annals(&["ingest", "in.json"]).exits(1);
    let list = folder.json(&["quarantine", "list", "--json"]);
    assert_eq!(list["count"], json!(1));
    let id = list["results"][0]["id"].as_str().unwrap().to_owned();
    (folder, id)
}

#[test]
fn an_entry_is_shown_for_people_and_as_json() {
    let (folder, id) = with_one();
    let shown = folder.annals(&["quarantine", "show", &id[..8]]).exits(0).stdout;
    assert!(shown.starts_with(&format!("id           {id}\nprovider     salesforce\n")), "{shown}");
    assert!(shown.contains("error        ChangeEventHeader.commitNumber: invalid value `\"seven\"`"), "{shown}");
    let json = folder.json(&["quarantine", "show", &id, "--json"]);
    let input = std::fs::read_to_string(folder.path().join("in.json")).unwrap();
    assert_eq!((&json["body"], &json["size"], &json["state"]), (&json!(input), &json!(input.len()), &json!("open")));
    let listed = folder.annals(&["quarantine", "list"]).exits(0).stdout;
    assert!(listed.lines().nth(1).unwrap().starts_with(&id[..16]), "{listed}");
    assert!(listed.ends_with("page 1, 1 of 1\n"), "{listed}");
}

#[test]
fn an_input_that_is_refused_again_stays_open() {
    let (folder, id) = with_one();
    folder.annals(&["quarantine", "redrive", &id[..8]]).exits(1).prints(&["ChangeEventHeader.commitNumber"]);
    assert_eq!(folder.json(&["quarantine", "show", &id, "--json"])["state"], json!("open"));
}

#[test]
fn a_successful_redrive_stores_the_event() {
    let folder = Folder::new();
    let org = "00DQz0000004nNlMAI";
    let event = json!({
        "source": format!("aws.partner/salesforce.com/{org}/0YLQz0000000001OAA"),
        "detail-type": "AccountChangeEvent",
        "detail": { "payload": created(1) },
    });
    folder.file("in.json", event.to_string());
    let other = "00DQz0000004nNmMAI";
    folder.annals(&["--salesforce-org", other, "ingest", "in.json"]).exits(1).prints(&["in.json:1: source: "]);
    let id = folder.json(&["quarantine", "list", "--json"])["results"][0]["id"].as_str().unwrap().to_owned();
    let run = folder.annals(&["quarantine", "redrive", &id, "--salesforce-org", org]).exits(0);
    assert_eq!(run.stdout, "stored  client  001000000000001AAA\n");
    assert_eq!(folder.json(&["quarantine", "show", &id, "--json"])["state"], json!("redriven"));
    assert_eq!(folder.json(&["list", "clients", "--json"])["count"], json!(1));
}

#[test]
fn a_dismissed_entry_leaves_the_list_and_can_still_be_shown() {
    let (folder, id) = with_one();
    let run = folder.annals(&["quarantine", "dismiss", &id[..8]]).exits(0);
    assert_eq!(run.stdout, format!("dismissed {id}\n"));
    assert_eq!(folder.json(&["quarantine", "list", "--json"])["count"], json!(0));
    assert_eq!(folder.json(&["quarantine", "list", "--state", "dismissed", "--json"])["count"], json!(1));
    folder.annals(&["quarantine", "show", &id, "--body"]).exits(0);
}

#[test]
fn an_unknown_id_is_named() {
    let (folder, _) = with_one();
    for id in ["zzzzzz", "f", &"0".repeat(64)] {
        folder.annals(&["quarantine", "show", id]).exits(1).prints(&[&format!("no quarantined input `{id}`")]);
    }
}
