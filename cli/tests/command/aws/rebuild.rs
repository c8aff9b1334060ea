//! `rebuild --target aws`: documents from the events, one type or all, gone on with when stopped.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use super::installation::Installation;
use crate::changes::{change, created, lines, updated};
use crate::folder::{Run, signal};

/// No projection function runs here that would have to notice.
const AT_ONCE: [&str; 3] = ["rebuild", "--known-after", "0"];

fn with_two_clients() -> Installation {
    let aws = Installation::new();
    let deleted = change(2, 5, "DELETE", &json!({}));
    aws.folder.file("in.jsonl", lines([created(1), updated(1, 30), created(2), deleted]));
    aws.annals(&["ingest", "in.jsonl"]).exits(0);
    aws
}

/// The rows of the table for a type: what it says of documents and indices.
fn row(run: &Run, aggregate_type: &str) -> String {
    let row = run.stdout.lines().find(|line| line.starts_with(&format!("{aggregate_type} ")));
    row.unwrap_or_default().split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
}

#[test]
fn documents_are_made_from_the_events_and_again_into_the_next_index() {
    let aws = with_two_clients();
    let run = aws.annals(&AT_ONCE).exits(0);
    let alias = format!("{}client_index", aws.prefix);
    assert_eq!(row(&run, "client"), format!("0 → 2 none → {alias}-000001"));
    assert!(run.stdout.contains("\n4 events of 2 records read, 2 documents in "), "{}", run.stdout);
    let entity = aws.json(&["get", "client", "001000000000001"]);
    assert_eq!((&entity["version"], &entity["description"]), (&json!(2), &json!("as of 30")));
    let list = aws.json(&["list", "clients", "--include-deleted", "--json"]);
    assert_eq!(list["count"], json!(2));

    let run = aws.annals(&["rebuild", "clients", "--known-after", "0"]).exits(0);
    assert_eq!(row(&run, "client"), format!("2 → 2 {alias}-000001 → {alias}-000002"));
    assert_eq!(row(&run, "deal"), "", "another type is left as it is");
    assert_eq!(aws.json(&["list", "clients", "--include-deleted", "--json"]), list);
    assert_eq!(aws.raw("GET", "client_index-000001", "").0, 404, "the old index is gone");
}

#[test]
fn a_rebuild_that_was_only_begun_is_gone_on_with() {
    let aws = with_two_clients();
    let begin = ["rebuild", "client", "--known-after", "1", "--detach"];
    aws.annals(&begin).exits(0).says(&["client_index-000001", "the backfill function goes on with it"]);
    aws.annals(&begin).exits(1).says(&["a rebuild of client that began at", "the same command goes on with it"]);
    assert_eq!(aws.json(&["list", "clients", "--json"])["count"], json!(0));
    let run = aws.annals(&["rebuild", "client"]).exits(0).says(&["has not ended: going on with it"]);
    assert!(row(&run, "client").starts_with("0 → 2"), "{}", run.stdout);
    assert_eq!(aws.json(&["list", "clients", "--json"])["count"], json!(1));
}

#[test]
fn what_is_asked_for_is_done_behind_one_of_another_type_that_was_begun() {
    let aws = with_two_clients();
    aws.annals(&["rebuild", "client", "--known-after", "0", "--detach"]).exits(0);
    let run = aws.annals(&["rebuild", "deals", "--known-after", "0"]).exits(0);
    let run = run.says(&["has not ended: going on with it", "that is done; now what was asked for"]);
    assert!(row(&run, "deal").starts_with("0 → 0 none → "), "{}", run.stdout);
    assert_eq!(aws.json(&["list", "clients", "--json"])["count"], json!(1));
}

#[test]
fn one_that_was_begun_can_be_given_up() {
    let aws = with_two_clients();
    aws.annals(&["rebuild", "client", "--known-after", "0", "--detach"]).exits(0);
    aws.annals(&["rebuild", "--abandon"]).exits(0).says(&["given up: the index that answered goes on"]);
    assert_eq!(aws.raw("GET", "client_index-000001", "").0, 404, "what it filled is gone");
    aws.annals(&["rebuild", "--abandon"]).exits(0).says(&["there is none to give up"]);
}

/// A rebuild of the clients that has begun and waits for so many seconds; what it says from then on.
#[track_caller]
fn begun(aws: &Installation, known_after: &str) -> (Child, Lines<BufReader<ChildStderr>>) {
    let mut child = aws.folder.spawn(&mut aws.command(&["rebuild", "client", "--known-after", known_after]));
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let begun = stderr.next().unwrap().unwrap();
    assert!(
        begun.starts_with("rebuilding into ") && begun.contains("client_index-000001; events are read in "),
        "{begun}"
    );
    (child, stderr)
}

#[test]
fn ctrl_c_leaves_a_rebuild_that_the_same_command_goes_on_with() {
    let aws = with_two_clients();
    let (mut child, stderr) = begun(&aws, "20");
    signal(&child, "INT");
    let said: Vec<String> = stderr.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{said:?}");
    assert!(said.iter().any(|line| line.starts_with("interrupted: what is done stays done")), "{said:?}");
    let run = aws.annals(&["rebuild", "client"]).exits(0).says(&["going on with it"]);
    assert!(row(&run, "client").starts_with("0 → 2"), "{}", run.stdout);
}

#[test]
fn one_that_another_process_works_on_is_followed_to_its_end() {
    let aws = with_two_clients();
    let (mut first, _stderr) = begun(&aws, "4");
    let second = aws.annals(&["rebuild", "client"]).exits(0);
    let second = second.says(&["going on with it", "waiting for it", "another process brought it to its end"]);
    assert_eq!(second.stdout, "");
    assert!(first.wait().unwrap().success());
    assert_eq!(aws.json(&["list", "clients", "--json"])["count"], json!(1));
}

#[test]
fn records_of_an_object_that_nothing_had_noted_are_told_of() {
    let aws = with_two_clients();
    let mut other = created(4);
    other["ChangeEventHeader"]["entityName"] = json!("Gadget__c");
    aws.folder.file("other.json", other.to_string());
    aws.annals(&["ingest", "other.json"]).exits(0);
    // No projection ran: as where a state table is younger than the events.
    let hint = "there are events of `gadget__c`, which nothing had noted: `annals rebuild gadget__c --target aws`";
    let run = aws.annals(&AT_ONCE).exits(1).says(&[hint]);
    assert_eq!((row(&run, "gadget__c"), row(&run, "client").split(' ').nth(2)), (String::new(), Some("2")));
    let run = aws.annals(&["rebuild", "gadget__c", "--known-after", "0"]).exits(0);
    assert!(row(&run, "gadget__c").starts_with("0 → 1 none → "), "{}", run.stdout);
    let run = aws.annals(&AT_ONCE).exits(0);
    assert!(row(&run, "gadget__c").starts_with("1 → 1 "), "{}", run.stdout);
}

#[test]
fn a_record_that_cannot_be_rebuilt_is_named_and_keeps_the_old_index_in_its_place() {
    let aws = with_two_clients();
    aws.annals(&AT_ONCE).exits(0);
    aws.folder.file("more.json", created(3).to_string());
    aws.annals(&["ingest", "more.json"]).exits(0);
    aws.on_tables(async |client| {
        let items = client.scan().table_name(&aws.events).send().await.unwrap().items.unwrap();
        let is_update = |item: &&HashMap<String, AttributeValue>| item["version"].as_n().unwrap() == "2";
        let item = items.iter().find(is_update).unwrap();
        let key = ["entity_key", "version"].map(|name| (name.to_owned(), item[name].clone()));
        // No code of the project can do so: the item is broken past it.
        client.put_item().table_name(&aws.events).set_item(Some(key.into())).send().await.unwrap();
    });
    let run = aws.annals(&AT_ONCE).exits(1);
    let why = "1 records that readers find could not be rebuilt, so the old index goes on answering";
    let run = run.says(&[why, "version 2 cannot be read", "--leave-out-failed does without them"]);
    assert_eq!(run.stdout, "");
    assert_eq!(aws.json(&["list", "clients", "--include-deleted", "--json"])["count"], json!(2));
    let run = aws.annals(&["rebuild", "client", "--known-after", "0", "--leave-out-failed"]).exits(1);
    assert!(row(&run.says(&["version 2 cannot be read"]), "client").starts_with("2 → 2 "), "one less, and a new one");
}

#[test]
fn a_type_that_is_none_is_wrong_use_and_one_alone_is_not_for_this_machine() {
    let aws = Installation::new();
    aws.annals(&["rebuild", "nonsense"]).exits(2).says(&["error: there is no entity type `nonsense`"]);
    assert_eq!(aws.raw("GET", "*/_alias", "").1, Value::Object(serde_json::Map::new()), "no index is left behind");
    aws.folder.file("in.json", created(1).to_string());
    aws.annals(&["ingest", "in.json", "--target", "local"]).exits(0);
    let run = aws.annals(&["rebuild", "client", "--target", "local"]).exits(2);
    run.says(&["`client` alone cannot be rebuilt: a database of this machine is rebuilt as a whole"]);
    let run = aws.annals(&["rebuild", "all", "--target", "local"]).exits(0);
    assert_eq!(run.stdout, "1 events replayed, 1 entities indexed\n");
}
