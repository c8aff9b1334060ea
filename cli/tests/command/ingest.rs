//! `ingest` of valid inputs: files, folders, stdin, twice, and by two processes at once.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::changes::{change, created, lines, updated};
use crate::folder::{Folder, Run, signal};

#[test]
fn the_event_files_of_a_folder_are_read_by_name_at_any_depth_and_others_are_ignored() {
    let folder = Folder::new();
    folder.file("in/b/2.jsonl", lines([updated(1, 5)]));
    folder.file("in/a/1.json", format!("{:#}", created(1)));
    folder.file("in/c.ndjson", lines([updated(1, 7)]));
    folder.file("in/README.md", "no event");
    let run = folder.annals(&["ingest", "in", "--json"]).exits(0);
    let places: Vec<Value> =
        run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["place"].take()).collect();
    assert_eq!(places, [json!("in/a/1.json:1"), json!("in/b/2.jsonl:1"), json!("in/c.ndjson:1"), Value::Null]);
    assert_eq!(run.counted("stored"), 3);
}

#[test]
fn the_summary_is_a_table_and_success_prints_nothing_to_stderr() {
    let folder = Folder::new();
    folder.file("in.json", format!("[{}, {}]", created(1), created(2)));
    let run = folder.annals(&["ingest", "in.json"]).exits(0);
    insta::assert_snapshot!(run.stdout, @r"
    outcome  records
    stored   2
    all      2
    ");
    assert_eq!(run.stderr, "");
}

#[test]
fn ingesting_twice_gives_duplicates_only() {
    let folder = Folder::new();
    folder.file("in.jsonl", lines((1..=50).map(created).chain((1..=50).map(|record| updated(record, 9)))));
    let first = folder.annals(&["ingest", "in.jsonl", "--json"]).exits(0);
    assert_eq!((first.counted("stored"), first.counted("duplicate")), (100, 0));
    let before = folder.json(&["list", "clients", "--page-size", "200", "--json"]);
    let second = folder.annals(&["ingest", "in.jsonl", "--json"]).exits(0);
    assert_eq!((second.counted("stored"), second.counted("duplicate")), (0, 100));
    assert_eq!(folder.json(&["list", "clients", "--page-size", "200", "--json"]), before);
}

#[test]
fn every_format_of_a_file_gives_the_same_events_each_with_its_line() {
    let (first, second) = (created(1), updated(1, 5));
    let after_first = format!("pretty.json:{}", 2 + format!("{first:#}").lines().count());
    for (name, text, places) in [
        ("pretty.json", format!("[\n{first:#},\n{second:#}\n]"), ["pretty.json:2", after_first.as_str()]),
        ("compact.json", format!("[{first},{second}]"), ["compact.json:1", "compact.json:1"]),
        ("lines.json", lines([first.clone(), second.clone()]), ["lines.json:1", "lines.json:2"]),
        ("blank.jsonl", format!("\r\n{first}\r\n\n  {second}"), ["blank.jsonl:2", "blank.jsonl:4"]),
        ("arrays.jsonl", format!("[{first}]\n[{second}]\n[]\n"), ["arrays.jsonl:1", "arrays.jsonl:2"]),
        ("marked.json", format!("\u{feff}{first}\n{second}\n"), ["marked.json:1", "marked.json:2"]),
    ] {
        let folder = Folder::new();
        folder.file(name, text);
        let run = folder.annals(&["ingest", name, "--json"]).exits(0);
        let reads: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let found: Vec<&str> = reads.iter().filter_map(|read| read["place"].as_str()).collect();
        assert_eq!(found, places, "{name}");
        assert_eq!(run.counted("stored"), 2, "{name}");
    }
}

#[test]
fn json_lines_from_stdin_are_ingested_as_they_arrive() {
    let folder = Folder::new();
    let mut child = folder.spawn(folder.command(&["ingest", "-", "--json"]).stdin(Stdio::piped()));
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    // Each has its result before the next is sent: nothing waits for a full batch.
    for (number, line) in [created(1), updated(1, 5), updated(1, 5)].into_iter().enumerate() {
        writeln!(stdin, "{line}").unwrap();
        let result: Value = serde_json::from_str(&stdout.next().unwrap().unwrap()).unwrap();
        assert_eq!(result["place"], json!(format!("stdin:{}", number + 1)));
        assert_eq!(result["outcome"], json!(if number == 2 { "duplicate" } else { "stored" }));
    }
    drop(stdin);
    let summary: Value = serde_json::from_str(&stdout.next().unwrap().unwrap()).unwrap();
    assert_eq!(summary["summary"]["stored"], json!(2));
    Run::of(child.wait_with_output().unwrap()).exits(0);
}

#[test]
fn two_processes_can_ingest_into_one_database_at_once() {
    let folder = Folder::new();
    // The same records, and half of the events in both files.
    let events =
        |range: std::ops::Range<u64>| lines((1..=40).flat_map(|record| range.clone().map(move |s| updated(record, s))));
    folder.file("a.jsonl", lines((1..=40).map(created)) + &events(1..20));
    folder.file("b.jsonl", lines((1..=40).map(created)) + &events(10..30));
    let mut children: Vec<_> =
        ["a.jsonl", "b.jsonl"].map(|file| folder.spawn(&mut folder.command(&["ingest", file, "--json"]))).into();
    let runs: Vec<Run> = children.drain(..).map(|child| Run::of(child.wait_with_output().unwrap()).exits(0)).collect();
    let sum = |outcome| runs.iter().map(|run| run.counted(outcome)).sum::<u64>();
    assert_eq!((sum("stored") + sum("awaiting_base"), sum("duplicate")), (40 * 30, 40 * 11));
    let list = folder.json(&["list", "clients", "--page-size", "200", "--json"]);
    let versions: Vec<&Value> = list["results"].as_array().unwrap().iter().map(|entity| &entity["version"]).collect();
    assert_eq!(versions, vec![&json!(30); 40]);
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let folder = Folder::new();
    folder.file("in.jsonl", lines((1..=3000).map(created)));
    let mut child = folder.spawn(&mut folder.command(&["ingest", "in.jsonl", "--json"]));
    drop(child.stdout.take());
    Run::of(child.wait_with_output().unwrap()).exits(0);
    let count = folder.json(&["list", "clients", "--json"])["count"].take();
    assert_eq!(count, json!(3000));
}

/// An ingest from a stdin that stays open, with the first record stored.
struct Live {
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Live {
    fn with_one_stored(folder: &Folder) -> Self {
        let mut child = folder.spawn(folder.command(&["ingest", "-", "--json"]).stdin(Stdio::piped()));
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        writeln!(stdin, "{}", created(1)).unwrap();
        stdout.next().unwrap().unwrap();
        Self { child, stdin, stdout }
    }
}

fn interrupt(child: &Child) {
    signal(child, "INT");
}

#[test]
fn ctrl_c_ends_after_a_complete_batch_and_the_run_can_be_started_again() {
    let folder = Folder::new();
    let Live { child, stdin, mut stdout } = Live::with_one_stored(&folder);
    interrupt(&child);
    // Stdin is still open: the command must not wait for it.
    let summary: Value = serde_json::from_str(&stdout.next().unwrap().unwrap()).unwrap();
    assert_eq!(summary["summary"]["ended"], json!("interrupted"));
    assert_eq!(summary["summary"]["stored"], json!(1));
    Run::of(child.wait_with_output().unwrap()).exits(1);
    drop(stdin);
    let again = folder.annals_with_input(&["ingest", "-", "--json"], lines([created(1)]).as_bytes()).exits(0);
    assert_eq!(again.counted("duplicate"), 1);
}

#[test]
fn ctrl_c_works_inside_a_line_that_never_ends() {
    let folder = Folder::new();
    let Live { child, mut stdin, mut stdout } = Live::with_one_stored(&folder);
    // More than fits in memory: the line is being quarantined, and its end never comes.
    for _ in 0..20 {
        stdin.write_all(&vec![b'x'; 1024 * 1024]).unwrap();
    }
    stdin.flush().unwrap();
    interrupt(&child);
    let summary: Value = serde_json::from_str(&stdout.next().unwrap().unwrap()).unwrap();
    assert_eq!(summary["summary"]["ended"], json!("interrupted"));
    Run::of(child.wait_with_output().unwrap()).exits(1);
    drop(stdin);
    let quarantine = folder.json(&["quarantine", "list", "--json"]);
    assert_eq!(quarantine["count"], json!(0), "an interrupted line is not quarantined");
}

#[test]
fn changes_are_published_to_the_named_target() {
    let folder = Folder::new();
    folder.file("1.json", change(1, 0, "CREATE", &json!({ "Name": "One" })).to_string());
    folder.file("2.json", change(2, 0, "CREATE", &json!({ "Name": "Two" })).to_string());
    folder.file("3.json", change(3, 0, "CREATE", &json!({ "Name": "Three" })).to_string());
    folder.annals(&["ingest", "1.json"]).exits(0);
    let published = std::fs::read_to_string(folder.path().join("annals.published.jsonl")).unwrap();
    assert_eq!(published.lines().count(), 1);
    assert_eq!(serde_json::from_str::<Value>(&published).unwrap()["data"]["name"], json!("One"));
    let run = folder.annals(&["ingest", "2.json", "--publish", "-"]).exits(0).prints(&["stored"]);
    assert_eq!(serde_json::from_str::<Value>(&run.stdout).unwrap()["data"]["name"], json!("Two"));
    folder.annals(&["ingest", "3.json", "--publish", "none"]).exits(0);
    assert_eq!(std::fs::read_to_string(folder.path().join("annals.published.jsonl")).unwrap(), published);
    folder.annals(&["ingest", "3.json", "--publish", "-", "--json"]).exits(2).prints(&["both write to stdout"]);
}
