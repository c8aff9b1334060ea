//! `get`, `list`, `history` and `rebuild`: what they print.

use serde_json::{Value, json};

use crate::changes::{change, created, lines, updated};
use crate::folder::Folder;

/// Three clients: one with a history, one deleted, one with control characters in its name.
fn with_clients() -> Folder {
    let folder = Folder::new();
    let status = change(1, 20, "UPDATE", &json!({ "Account_Status__c": "Inactive" }));
    let mut odd = created(3);
    odd["Name"] = json!("Three\u{1b}[31m\nred");
    let changes =
        [created(1), updated(1, 30), status, updated(1, 10), created(2), change(2, 5, "DELETE", &json!({})), odd];
    folder.file("in.jsonl", lines(changes));
    folder.annals(&["ingest", "in.jsonl"]).exits(0);
    folder
}

/// Replaces what differs from run to run.
fn stable(text: &str) -> String {
    let is_now = |column: &str| column.len() >= 20 && column.starts_with("20") && !column.starts_with("2024-01-01");
    let row = |line: &str| {
        // The width of a column depends on what is replaced: a timestamp has as many digits as it needs.
        let columns = line.split("  ").map(str::trim).filter(|column| !column.is_empty());
        columns.map(|column| if is_now(column) { "<now>" } else { column }).collect::<Vec<_>>().join("  ")
    };
    let stable = |line: &str| if line.starts_with(' ') { line.to_owned() } else { row(line) };
    text.lines().map(|line| stable(line) + "\n").collect()
}

#[test]
fn a_list_is_a_table_without_control_characters() {
    let folder = with_clients();
    let sorted = ["list", "clients", "--sort", "name"];
    insta::assert_snapshot!(folder.annals(&sorted).exits(0).stdout, @r"
    id                  name                  status    version  updated_at
    001000000000001AAA  Account 1             Inactive  4        2024-01-01T00:00:30Z
    001000000000003AAA  Three\u{1b}[31m\nred  Active    1        2024-01-01T00:00:00Z
    page 1, 2 of 2
    ");
    let all = folder.annals(&["list", "clients", "--sort", "name", "--include-deleted", "--page-size", "2"]).exits(0);
    insta::assert_snapshot!(all.stdout, @r"
    id                  name       status    version  updated_at
    001000000000001AAA  Account 1  Inactive  4        2024-01-01T00:00:30Z
    001000000000002AAA  Account 2  Active    2        2024-01-01T00:00:05Z
    page 1, 2 of 3
    ");
}

#[test]
fn a_list_is_searched_filtered_and_paged() {
    let folder = with_clients();
    let ids = |arguments: &[&str]| {
        let list = folder.json(&[&["list", "client", "--json"], arguments].concat());
        let results = list["results"].as_array().unwrap().clone();
        results.iter().map(|entity| entity["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&["--search", "of 30"]), ["Account 1"]);
    assert_eq!(ids(&["--filter", "status=Inactive"]), ["Account 1"]);
    assert_eq!(ids(&["--filter", "status=Inactive", "--filter", "name=x"]), Vec::<String>::new());
    assert_eq!(ids(&["--filter", "name:prefix:account", "--filter", "version:gt:3"]), ["Account 1"]);
    assert_eq!(ids(&["--include-deleted", "--sort", "-name", "--page", "2", "--page-size", "2"]), ["Account 1"]);
}

#[test]
fn a_list_shows_the_selected_fields_and_is_walked_by_cursor() {
    let folder = with_clients();
    let selected = ["list", "clients", "--sort", "-id", "--fields", "version,id"];
    insta::assert_snapshot!(folder.annals(&selected).exits(0).stdout, @r"
    version  id
    1        001000000000003AAA
    4        001000000000001AAA
    page 1, 2 of 2
    ");
    let walk = |cursor: &str| {
        let words =
            ["list", "clients", "--fields", "id", "--page-size", "1", "--sort", "id", "--json", "--cursor", cursor];
        folder.json(&words)
    };
    let first = walk("");
    let second = walk(first["next"]["cursor"].as_str().unwrap());
    assert_eq!(
        [&first["results"], &second["results"]],
        [&json!([{"id": "001000000000001AAA"}]), &json!([{"id": "001000000000003AAA"}]),]
    );
    assert_eq!((&second["next"], &second["page"]), (&Value::Null, &Value::Null));
}

#[test]
fn one_entity_is_pretty_json() {
    let folder = with_clients();
    let by_short_id = folder.annals(&["get", "clients", "001000000000001"]).exits(0).stdout;
    assert_eq!(folder.annals(&["get", "Account", "001000000000001AAA"]).exits(0).stdout, by_short_id);
    insta::assert_snapshot!(by_short_id, @r#"
    {
      "id": "001000000000001AAA",
      "name": "Account 1",
      "parent_id": null,
      "business_types": null,
      "status": "Inactive",
      "currency": null,
      "billing_country": null,
      "priority": null,
      "sso_id": null,
      "sso_id_c": null,
      "sso_id_r": null,
      "description": "as of 30",
      "is_deleted": false,
      "last_modified_date": null,
      "system_modified_stamp": null,
      "last_activity_date": null,
      "created_date": "2024-01-01T00:00:00Z",
      "aggregate_id": "8baf1c47-4bef-5c96-8750-fb1464765786",
      "aggregate_type": "client",
      "provider": "salesforce",
      "version": 4,
      "created_at": "2024-01-01T00:00:00Z",
      "updated_at": "2024-01-01T00:00:30Z",
      "stale": null,
      "warnings": [],
      "unknown": []
    }
    "#);
}

#[test]
fn a_history_shows_what_changed_and_what_came_late() {
    let folder = with_clients();
    let history = folder.annals(&["history", "client", "001000000000001"]).exits(0).stdout;
    insta::assert_snapshot!(stable(&history), @r"
    version  event  timestamp  recorded_at  source  notes
    1  Created  2024-01-01T00:00:00Z  <now>  cdc  -
        id: null → 001000000000001AAA
        name: null → Account 1
        status: null → Active
        is_deleted: null → false
        created_date: null → 2024-01-01T00:00:00Z
    2  Updated  2024-01-01T00:00:30Z  <now>  cdc  -
        description: null → as of 30
    3  Updated  2024-01-01T00:00:20Z  <now>  cdc  late
        status: Active → Inactive
    4  Updated  2024-01-01T00:00:10Z  <now>  cdc  late
    page 1, 4 of 4
    ");
    let page = folder.json(&["history", "client", "001000000000001", "--page", "2", "--page-size", "1", "--json"]);
    let event = &page["results"][0];
    assert_eq!((&page["count"], &event["version"]), (&json!(4), &json!(2)));
    assert_eq!(event["position"]["commit_number"], json!("1778192987716501536"));
}

#[test]
fn a_raw_history_has_the_inputs_as_they_were_received() {
    let folder = with_clients();
    let history = folder.annals(&["history", "client", "001000000000001", "--raw"]).exits(0).stdout;
    assert!(history.contains(&format!("\n    {}\n", updated(1, 30))), "{history}");
    assert!(history.contains("\"commitNumber\":1778192987716501536"), "{history}");
}

#[test]
fn an_object_without_a_definition_is_listed_by_its_name() {
    let folder = Folder::new();
    let mut contact = created(1);
    contact["ChangeEventHeader"]["entityName"] = json!("Contact");
    folder.file("in.json", contact.to_string());
    folder.annals(&["ingest", "in.json"]).exits(0);
    insta::assert_snapshot!(folder.annals(&["list", "contact"]).exits(0).stdout, @r"
    id                  version  updated_at
    001000000000001AAA  1        2024-01-01T00:00:00Z
    page 1, 1 of 1
    ");
    assert_eq!(folder.json(&["get", "Contact", "001000000000001"])["Name"], json!("Account 1"));
}

#[test]
fn invalid_arguments_are_refused_with_the_expected_values() {
    let folder = with_clients();
    let check = |arguments: &[&str], code, printed: &str| folder.annals(arguments).exits(code).prints(&[printed]);
    check(&["list", "nonsense"], 2, "error: no entity type `nonsense`");
    check(
        &["list", "clients", "--filter", "colour=red"],
        2,
        "error: colour: a client has no such field; expected one of ",
    );
    check(&["list", "clients", "--sort", "colour"], 2, "error: sort: ");
    check(&["list", "clients", "--page", "0"], 2, "error: page: invalid value `0`: expected a number from 1");
    check(
        &["list", "clients", "--page-size", "201"],
        2,
        "error: page_size: invalid value `201`: expected a number from 1 to 200",
    );
    check(&["get", "client", "001000000000099"], 1, "error: no client `001000000000099`");
    check(&["history", "client", "nonsense"], 1, "error: no client `nonsense`");
}

#[test]
fn an_entity_that_waits_for_its_creation_has_only_a_history() {
    let folder = Folder::new();
    folder.file("in.json", updated(1, 5).to_string());
    let run = folder.annals(&["ingest", "in.json", "--json"]).exits(0);
    assert_eq!(run.counted("awaiting_base"), 1);
    let run = folder.annals(&["get", "client", "001000000000001"]).exits(1);
    assert_eq!(
        run.stderr,
        "error: the creation of the client `001000000000001` has not arrived yet; its history is available\n\
         hint: `annals history client 001000000000001` shows the events stored so far\n"
    );
    let page = folder.json(&["history", "client", "001000000000001", "--json"]);
    assert_eq!(page["results"][0]["event_type"], json!("Updated"));
}

#[test]
fn a_rebuild_gives_the_same_entities() {
    let folder = with_clients();
    let list = ["list", "clients", "--include-deleted", "--json"];
    let before: Value = folder.json(&list);
    let run = folder.annals(&["rebuild"]).exits(0);
    assert_eq!(run.stdout, "7 events replayed, 3 entities indexed\n");
    assert_eq!(folder.json(&list), before);
}
