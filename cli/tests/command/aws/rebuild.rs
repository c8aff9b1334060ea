//! `rebuild --target aws`: documents from the events, one type or all, continued after a stop.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use super::installation::Installation;
use crate::changes::{change, created, lines, updated};
use crate::folder::{Run, signal};

/// No projection function runs here that would have to know of the rebuild.
const REBUILD: [&str; 3] = ["rebuild", "--known-after", "0"];

fn with_two_clients() -> Installation {
    let aws = Installation::new();
    let deleted = change(2, 5, "DELETE", &json!({}));
    aws.folder.file("in.jsonl", lines([created(1), updated(1, 30), created(2), deleted]));
    aws.annals(&["ingest", "in.jsonl"]).exits(0);
    aws
}

/// The row of a type: its documents and indices.
fn row(run: &Run, aggregate_type: &str) -> String {
    let row = run.stdout.lines().find(|line| line.starts_with(&format!("{aggregate_type} ")));
    row.unwrap_or_default().split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
}

#[test]
fn documents_are_built_from_the_events_and_again_into_the_next_index() {
    let aws = with_two_clients();
    let run = aws.annals(&REBUILD).exits(0);
    let alias = format!("{}client_index", aws.prefix);
    assert_eq!(row(&run, "client"), format!("0 → 2 none → {alias}-000001"));
    assert!(run.stdout.contains("\n4 events of 2 records read, 2 documents in "), "{}", run.stdout);
    let entity = aws.json(&["get", "client", "001000000000001"]);
    assert_eq!((&entity["version"], &entity["description"]), (&json!(2), &json!("as of 30")));
    let list = aws.json(&["list", "clients", "--include-deleted", "--json"]);
    assert_eq!(list["count"], json!(2));

    let run = aws.annals(&["rebuild", "clients", "--known-after", "0"]).exits(0);
    assert_eq!(row(&run, "client"), format!("2 → 2 {alias}-000001 → {alias}-000002"));
    assert_eq!(row(&run, "deal"), "", "another type is not changed");
    assert_eq!(aws.json(&["list", "clients", "--include-deleted", "--json"]), list);
    assert_eq!(aws.raw("GET", "client_index-000001", "").0, 404, "the old index is removed");
}

#[test]
fn a_detached_rebuild_is_continued() {
    let aws = with_two_clients();
    let begin = ["rebuild", "client", "--known-after", "1", "--detach"];
    aws.annals(&begin).exits(0).prints(&["client_index-000001", "the backfill function continues it"]);
    aws.annals(&begin).exits(1).prints(&["a rebuild of client, started at", "run the same command to continue it"]);
    assert_eq!(aws.json(&["list", "clients", "--json"])["count"], json!(0));
    let run = aws.annals(&["rebuild", "client"]).exits(0).prints(&["has not ended; continuing it"]);
    assert!(row(&run, "client").starts_with("0 → 2"), "{}", run.stdout);
    assert_eq!(aws.json(&["list", "clients", "--json"])["count"], json!(1));
}

#[test]
fn the_requested_rebuild_starts_after_an_unfinished_one_of_another_type() {
    let aws = with_two_clients();
    aws.annals(&["rebuild", "client", "--known-after", "0", "--detach"]).exits(0);
    let run = aws.annals(&["rebuild", "deals", "--known-after", "0"]).exits(0);
    let run = run.prints(&["has not ended; continuing it", "previous rebuild finished; starting yours"]);
    assert!(row(&run, "deal").starts_with("0 → 0 none → "), "{}", run.stdout);
    assert_eq!(aws.json(&["list", "clients", "--json"])["count"], json!(1));
}

#[test]
fn an_unfinished_rebuild_can_be_given_up() {
    let aws = with_two_clients();
    aws.annals(&["rebuild", "client", "--known-after", "0", "--detach"]).exits(0);
    aws.annals(&["rebuild", "--abandon"]).exits(0).prints(&["rebuild given up; the previous index stays in use"]);
    assert_eq!(aws.raw("GET", "client_index-000001", "").0, 404, "its index is removed");
    aws.annals(&["rebuild", "--abandon"]).exits(0).prints(&["no rebuild to give up"]);
}

/// A rebuild of the clients that has begun and waits for so many seconds, with the rest of its stderr.
#[track_caller]
fn begun(aws: &Installation, known_after: &str) -> (Child, Lines<BufReader<ChildStderr>>) {
    let mut child = aws.folder.spawn(&mut aws.command(&["rebuild", "client", "--known-after", known_after]));
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let begun = stderr.next().unwrap().unwrap();
    assert!(
        begun.starts_with("rebuilding into ") && begun.contains("client_index-000001; reading events in "),
        "{begun}"
    );
    (child, stderr)
}

#[test]
fn ctrl_c_leaves_a_rebuild_that_the_same_command_continues() {
    let aws = with_two_clients();
    let (mut child, stderr) = begun(&aws, "20");
    signal(&child, "INT");
    let printed: Vec<String> = stderr.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{printed:?}");
    assert!(printed.iter().any(|line| line.starts_with("interrupted; what is rebuilt so far is kept")), "{printed:?}");
    let run = aws.annals(&["rebuild", "client"]).exits(0).prints(&["continuing it"]);
    assert!(row(&run, "client").starts_with("0 → 2"), "{}", run.stdout);
}

#[test]
fn a_rebuild_of_another_process_is_followed_to_its_end() {
    let aws = with_two_clients();
    let (mut first, _stderr) = begun(&aws, "4");
    let second = aws.annals(&["rebuild", "client"]).exits(0);
    let second = second.prints(&["continuing it", "waiting for it", "another process finished it"]);
    assert_eq!(second.stdout, "");
    assert!(first.wait().unwrap().success());
    assert_eq!(aws.json(&["list", "clients", "--json"])["count"], json!(1));
}

#[test]
fn events_of_an_unregistered_object_are_reported() {
    let aws = with_two_clients();
    let mut other = created(4);
    other["ChangeEventHeader"]["entityName"] = json!("Gadget__c");
    aws.folder.file("other.json", other.to_string());
    aws.annals(&["ingest", "other.json"]).exits(0);
    // No projection ran, as if the state table were newer than the events.
    let hint = "there are events of `gadget__c`, which was not registered: run `annals rebuild gadget__c --target aws`";
    let run = aws.annals(&REBUILD).exits(1).prints(&[hint]);
    assert_eq!((row(&run, "gadget__c"), row(&run, "client").split(' ').nth(2)), (String::new(), Some("2")));
    let run = aws.annals(&["rebuild", "gadget__c", "--known-after", "0"]).exits(0);
    assert!(row(&run, "gadget__c").starts_with("0 → 1 none → "), "{}", run.stdout);
    let run = aws.annals(&REBUILD).exits(0);
    assert!(row(&run, "gadget__c").starts_with("1 → 1 "), "{}", run.stdout);
}

#[test]
fn a_record_that_cannot_be_rebuilt_is_named_and_the_old_index_stays_in_use() {
    let aws = with_two_clients();
    aws.annals(&REBUILD).exits(0);
    aws.folder.file("more.json", created(3).to_string());
    aws.annals(&["ingest", "more.json"]).exits(0);
    aws.on_tables(async |client| {
        let items = client.scan().table_name(&aws.events).send().await.unwrap().items.unwrap();
        let is_update = |item: &&HashMap<String, AttributeValue>| item["version"].as_n().unwrap() == "2";
        let item = items.iter().find(is_update).unwrap();
        let key = ["entity_key", "version"].map(|name| (name.to_owned(), item[name].clone()));
        // No code of the project can write such an item.
        client.put_item().table_name(&aws.events).set_item(Some(key.into())).send().await.unwrap();
    });
    let run = aws.annals(&REBUILD).exits(1);
    let why = "1 records that readers find could not be rebuilt; the old index continues to serve";
    let run = run.prints(&[why, "version 2 cannot be read", "leave them out with --leave-out-failed"]);
    assert_eq!(run.stdout, "");
    assert_eq!(aws.json(&["list", "clients", "--include-deleted", "--json"])["count"], json!(2));
    let run = aws.annals(&["rebuild", "client", "--known-after", "0", "--leave-out-failed"]).exits(1);
    assert!(row(&run.prints(&["version 2 cannot be read"]), "client").starts_with("2 → 2 "), "one less, and a new one");
}

#[test]
fn an_unknown_type_is_refused_and_a_local_database_is_rebuilt_as_a_whole() {
    let aws = Installation::new();
    aws.annals(&["rebuild", "nonsense"]).exits(2).prints(&["error: no entity type `nonsense`"]);
    assert_eq!(aws.raw("GET", "*/_alias", "").1, Value::Object(serde_json::Map::new()), "no index is left");
    aws.folder.file("in.json", created(1).to_string());
    aws.annals(&["ingest", "in.json", "--target", "local"]).exits(0);
    let run = aws.annals(&["rebuild", "client", "--target", "local"]).exits(2);
    run.prints(&["`client` alone cannot be rebuilt: a database on this machine is rebuilt as a whole"]);
    let run = aws.annals(&["rebuild", "all", "--target", "local"]).exits(0);
    assert_eq!(run.stdout, "1 events replayed, 1 entities indexed\n");
}
