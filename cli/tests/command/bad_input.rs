//! Inputs that are no events: each is named with its location and quarantined to the byte, and the others are stored.

use serde_json::{Value, json};

use crate::changes::{change, created, lines};
use crate::folder::{Folder, Run};

/// The ids of the quarantined inputs, newest first.
fn quarantined(folder: &Folder) -> Vec<String> {
    let list = folder.json(&["quarantine", "list", "--page-size", "200", "--json"]);
    list["results"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn body(folder: &Folder, id: &str) -> Vec<u8> {
    folder.annals(&["quarantine", "show", id, "--body"]).exits(0).stdout_bytes
}

/// Ingests a file that is bad as a whole: its location and reason are printed, and its bytes are quarantined.
#[track_caller]
fn bad_file(name: &str, bytes: &[u8], printed: &str) -> Run {
    let folder = Folder::new();
    folder.file(name, bytes);
    let run = folder.annals(&["ingest", name]).exits(1);
    assert!(run.stderr.starts_with(printed), "{printed}\n{}", run.stderr);
    let ids = quarantined(&folder);
    assert_eq!(ids.len(), 1);
    assert_eq!(body(&folder, &ids[0]), bytes);
    run
}

/// Ingests a bad line between two good ones: it is named and quarantined, and they are stored.
#[track_caller]
fn bad_line(line: &[u8], issue: &str) {
    let folder = Folder::new();
    let text = [lines([created(1)]).as_bytes(), line, b"\n", lines([created(2)]).as_bytes()].concat();
    folder.file("in.jsonl", text);
    let run = folder.annals(&["ingest", "in.jsonl", "--json"]).exits(1);
    let printed = format!("in.jsonl:2: {issue}");
    assert!(run.stderr.contains(&printed), "{printed}\n{}", run.stderr);
    assert_eq!((run.counted("stored"), run.counted("quarantined")), (2, 1));
    let ids = quarantined(&folder);
    assert_eq!(ids.len(), 1);
    assert_eq!(body(&folder, &ids[0]), line);
}

#[test]
fn an_empty_file_is_named_and_the_others_are_ingested() {
    let folder = Folder::new();
    folder.file("in/1.json", "");
    folder.file("in/2.jsonl", " \n\n");
    folder.file("in/3.json", created(1).to_string());
    let run = folder.annals(&["ingest", "in", "--json"]).exits(1);
    assert_eq!(run.stderr, "in/1.json: the file is empty\nin/2.jsonl: the file is empty\n");
    assert_eq!((run.counted("failed"), run.counted("stored")), (2, 1));
    let stdin = folder.annals_with_input(&["ingest", "-"], b"").exits(1);
    assert_eq!(stdin.stderr, "stdin: the file is empty\n");
}

#[test]
fn truncated_json_is_quarantined_with_line_and_column() {
    bad_file("in.json", b"{\n  \"a\": [1,\n", "in.json:3: cannot be read as JSON: line 3, column 0: unexpected end");
    bad_file("in.json", b"[{},\n{\"a\":", "in.json:2: cannot be read as JSON: line 2, column 5: unexpected end");
    bad_line(b"{\"a\":", "cannot be read as JSON: column 5: unexpected end");
    bad_line(b"[{},", "cannot be read as JSON: column 4: unexpected end");
}

#[test]
fn text_that_is_no_json_is_quarantined_with_line_and_column() {
    bad_line(b"hello", "cannot be read as JSON: column 1: expected value");
    bad_line(b"{} {}", "cannot be read as JSON: column 4: trailing characters");
    bad_file("in.json", b"<xml>\n</xml>\n", "in.json:1: cannot be read as JSON: line 1, column 1: expected value");
}

#[test]
fn invalid_numbers_are_quarantined_with_line_and_column() {
    for number in ["NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "0x10"] {
        bad_line(format!("{{\"a\":{number}}}").as_bytes(), "cannot be read as JSON: column ");
    }
}

#[test]
fn a_duplicate_key_is_quarantined_with_line_and_column() {
    let twice = created(3).to_string().replacen('{', "{\"Name\":\"x\",", 1);
    bad_line(twice.as_bytes(), "cannot be read as JSON: column ");
    bad_line(b"{\"a\":1,\"a\":2}", "cannot be read as JSON: column 10: the key `a` is duplicated");
}

#[test]
fn nesting_too_deep_is_quarantined_with_line_and_column() {
    let deep = |open: &str, close: &str| format!("{{\"a\":{}{}}}", open.repeat(100_000), close.repeat(100_000));
    bad_line(deep("[", "]").as_bytes(), "cannot be read as JSON: column 132: recursion limit");
    bad_line(deep("{\"a\":", "}").replace(":}", ":1}").as_bytes(), "cannot be read as JSON: column ");
    bad_line("[".repeat(1_000_000).as_bytes(), "cannot be read as JSON: column ");
    bad_file("in.json", "[\n".repeat(100_000).as_bytes(), "in.json:");
}

#[test]
fn bytes_that_are_no_text_are_quarantined_with_the_position_of_the_first() {
    bad_line(b"{\"a\":\"\xFF\"}", "column 7: byte 6 (0xFF) is not UTF-8");
    bad_line(b"{\"a\":\"\xC3", "column 7: byte 6 (0xC3) is not UTF-8");
    bad_file("in.json", b"{\n\"a\": \"\xED\xA0\x80\"}", "in.json:2: line 2, column 7: byte 8 (0xED) is not UTF-8");
    let utf16: Vec<u8> = "\u{feff}{\"a\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    bad_file("in.json", &utf16, "in.json:1: line 1, column 1: byte 0 (0xFF) is not UTF-8");
}

#[test]
fn a_line_of_fifty_megabytes_is_quarantined_whole_and_the_next_ones_are_ingested() {
    const SIZE: usize = 50_000_000;
    let folder = Folder::new();
    let long = format!("{{\"Name\":\"{}\"}}", "x".repeat(SIZE - 11));
    folder.file("in.jsonl", format!("{}{long}\n{}", lines([created(1)]), lines([created(2)])));
    let run = folder.annals(&["ingest", "in.jsonl", "--json"]).exits(1);
    assert_eq!(run.stderr, format!("in.jsonl:2: the line has {SIZE} bytes; the limit is 16777216\n"));
    assert_eq!((run.counted("stored"), run.counted("quarantined")), (2, 1));
    let ids = quarantined(&folder);
    assert!(body(&folder, &ids[0]) == long.as_bytes(), "the line has changed");
    // The same line again is the same entry, from a file that is one line and from stdin.
    folder.file("one.json", &long);
    folder.annals(&["ingest", "one.json"]).exits(1).prints(&["one.json:1: the line has 50000000 bytes"]);
    folder
        .annals_with_input(&["ingest", "-"], long.as_bytes())
        .exits(1)
        .prints(&["stdin:1: the line has 50000000 bytes"]);
    assert_eq!(quarantined(&folder), ids);
    assert!(body(&folder, &ids[0]) == long.as_bytes(), "the line has changed");
}

#[test]
fn an_event_larger_than_any_real_event_is_quarantined() {
    let large = change(3, 0, "CREATE", &json!({ "Description": "x".repeat(2_000_000) }));
    bad_line(large.to_string().as_bytes(), "the input has 2000");
}

#[test]
fn a_document_larger_than_the_limit_is_read_as_lines() {
    let folder = Folder::new();
    let filler = " ".repeat(17 * 1024 * 1024 / 64);
    let text = format!("[\n{}\n{filler}\n]\n", vec![format!("{filler}{}", created(1)); 64].join("\n"));
    folder.file("in.json", text);
    let run = folder.annals(&["ingest", "in.json", "--json"]).exits(1);
    assert_eq!((run.counted("stored"), run.counted("duplicate")), (1, 63));
    run.prints(&[
        "in.json:1: cannot be read as JSON: column 1: unexpected end",
        "in.json:67: cannot be read as JSON: column 1",
    ]);
}

/// Every invalid value of a header field refuses the change, or is ignored with a warning.
#[test]
fn wrong_types_in_the_header_are_reported_field_by_field() {
    let wrong = [json!(true), json!(1.5), json!("?"), json!([1.5]), json!({ "a": 1 })];
    let fields = [
        ("entityName", "quarantined", "errors"),
        ("recordIds", "quarantined", "errors"),
        ("changeType", "quarantined", "errors"),
        ("changedFields", "quarantined", "errors"),
        ("commitTimestamp", "quarantined", "errors"),
        ("commitNumber", "quarantined", "errors"),
        ("sequenceNumber", "quarantined", "errors"),
        ("transactionKey", "stored", "warnings"),
        ("commitUser", "stored", "warnings"),
        ("changeOrigin", "stored", "warnings"),
        ("nulledFields", "stored", "warnings"),
        ("diffFields", "stored", "warnings"),
    ];
    let (folder, mut text, mut expected) = (Folder::new(), String::new(), Vec::new());
    for (field, outcome, list) in fields {
        for value in &wrong {
            if value.is_string() && list == "warnings" && !field.ends_with("Fields") {
                continue;
            }
            let mut change = created(expected.len() as u64 + 1);
            change["ChangeEventHeader"][field] = value.clone();
            text += &lines([change]);
            expected.push((field, value, outcome, list));
        }
    }
    folder.file("in.jsonl", text);
    let run = folder.annals(&["ingest", "in.jsonl", "--json"]).exits(1);
    let reads: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(reads.len(), expected.len() + 1);
    for (line, (read, (field, value, outcome, list))) in reads.iter().zip(expected).enumerate() {
        let path = format!("ChangeEventHeader.{field}");
        let named =
            read[list].as_array().unwrap().iter().any(|found| found["field"].as_str().unwrap().starts_with(&path));
        assert_eq!((read["outcome"].as_str().unwrap(), named), (outcome, true), "{field} {value}: {read}");
        let is_printed = run.stderr.contains(&format!("in.jsonl:{}: {path}", line + 1));
        assert_eq!(is_printed, outcome == "quarantined", "{field} {value}");
    }
    assert_eq!(quarantined(&folder).len() as u64, run.counted("quarantined"));
}

#[test]
fn json_that_is_no_event_is_quarantined() {
    for value in ["null", "1", "\"x\"", "{}", "{\"a\":1}"] {
        bad_line(value.as_bytes(), "not a Salesforce change event: expected ");
    }
}
