//! The local publisher, on files.

use std::fs;
use std::io::Write;
use std::path::Path;

use annals_application::contract::event_publisher::{check_event_publisher, published_event};
use annals_application::ports::EventPublisher;
use annals_sqlite::LocalPublisher;
use serde_json::Value;

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("the publisher made the file");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

#[tokio::test]
async fn the_contract_holds_on_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changes.jsonl");
    let publisher = LocalPublisher::file(&path).unwrap();
    check_event_publisher(&publisher, async || lines(&path)).await;
}

#[tokio::test]
async fn an_incomplete_last_line_of_the_file_is_ended_before_new_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changes.jsonl");
    LocalPublisher::file(&path).unwrap().publish(vec![published_event(1)]).await[0].as_ref().unwrap();
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"torn\":").unwrap();
    LocalPublisher::file(&path).unwrap().publish(vec![published_event(2)]).await[0].as_ref().unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let line = |number| serde_json::to_string(&published_event(number)).unwrap();
    assert_eq!(text.lines().collect::<Vec<_>>(), [&line(1), "{\"torn\":", &line(2)]);
}

#[test]
fn a_file_in_a_missing_folder_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    assert!(LocalPublisher::file(&folder.path().join("none/changes.jsonl")).is_err());
}
