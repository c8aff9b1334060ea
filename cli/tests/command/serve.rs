//! `serve`: what it prints and serves, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::changes::{created, lines, updated};
use crate::folder::{Folder, Run, signal};

/// A running server, and the lines that it has printed up to its URL.
struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    printed: String,
    address: String,
}

impl Server {
    fn start(folder: &Folder, arguments: &[&str]) -> Self {
        let all = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut child = folder.spawn(&mut folder.command(&all));
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (mut printed, mut line) = (String::new(), String::new());
        while !line.contains("/health") {
            line.clear();
            assert!(stdout.read_line(&mut line).unwrap() > 0, "it ended:\n{printed}");
            printed += &line;
        }
        let address = line.trim().rsplit_once("http://").unwrap().1.strip_suffix("/health").unwrap().to_owned();
        Self { child, stdout, printed, address }
    }

    /// The status and the body of a response.
    fn get(&self, path: &str, header: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{header}\r\n", self.address).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        let body = body.split("\r\n").find(|part| part.starts_with('{')).unwrap_or(body);
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    fn stop(mut self, name: &str) -> Run {
        signal(&self.child, name);
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        let mut run = Run::of(self.child.wait_with_output().unwrap());
        run.stdout = self.printed + &rest;
        run
    }
}

#[test]
fn it_ingests_prints_the_result_of_each_record_serves_and_stops_cleanly() {
    let folder = Folder::new();
    let mut bad = created(2);
    bad["ChangeEventHeader"]["changeType"] = json!("SNAPSHOT");
    folder.file("in/1.jsonl", lines([created(1), updated(1, 5), updated(1, 5), bad]));
    folder.file("in/2.json", "");
    let server = Server::start(&folder, &["in"]);
    let (status, list) = server.get("/clients", "");
    assert_eq!((status, &list["count"]), (200, &json!(1)));
    assert_eq!(server.get("/clients/001000000000001/history", "").1["count"], json!(2));
    let address = server.address.clone();
    let run = server.stop("INT").exits(0);
    assert_eq!(run.stderr, "");
    insta::assert_snapshot!(run.stdout.replace(&address, "<address>"), @r#"
    stored              client        001000000000001AAA  Created   v1     in/1.jsonl:1
    stored              client        001000000000001AAA  Updated   v2     in/1.jsonl:2
    duplicate           client        001000000000001AAA  Updated   -      in/1.jsonl:3
    quarantined         -             -                   -         -      in/1.jsonl:4  ChangeEventHeader.changeType: invalid value `"SNAPSHOT"`: expected CREATE, UPDATE, DELETE, UNDELETE, GAP_CREATE, GAP_UPDATE, GAP_DELETE, GAP_UNDELETE or GAP_OVERFLOW
    failed              -             -                   -         -      in/2.json  the file is empty
    4 records: 2 stored, 1 duplicate, 1 quarantined, 1 failed
    quarantined inputs are kept: `annals quarantine list` lists them

    serving http://<address> until Ctrl-C; try
      curl http://<address>/clients
      curl http://<address>/clients/001000000000001AAA
      curl http://<address>/clients/001000000000001AAA/history
      curl http://<address>/health
    stopped
    "#);
}

#[test]
fn it_stops_on_sigterm_too() {
    let folder = Folder::new();
    let run = Server::start(&folder, &[]).stop("TERM").exits(0);
    assert!(run.stdout.ends_with("stopped\n"), "{}", run.stdout);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name == "annals.db-wal"), "the database is more than one file: {left:?}");
}

#[test]
fn events_that_another_process_ingests_are_served() {
    let folder = Folder::new();
    folder.file("in.json", created(1).to_string());
    let server = Server::start(&folder, &[]);
    assert_eq!(server.get("/clients", "").1["count"], json!(0));
    folder.annals(&["ingest", "in.json"]).exits(0);
    let deadline = Instant::now() + Duration::from_secs(20);
    while server.get("/clients", "").1["count"] != json!(1) {
        assert!(Instant::now() < deadline, "it is not served");
        std::thread::sleep(Duration::from_millis(50));
    }
    server.stop("INT").exits(0);
}

/// What a newcomer sees: an org that is read, and whose changes arrive.
#[test]
fn the_demo_reads_an_org_and_ingests_its_changes() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--demo-crm"]);
    let deadline = Instant::now() + Duration::from_secs(60);
    let client_with = |what: &str, is_there: &dyn Fn() -> bool| {
        while !is_there() {
            assert!(Instant::now() < deadline, "{what}");
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    client_with("the accounts are not read", &|| server.get("/clients", "").1["count"].as_u64() >= Some(120));
    client_with("no deal is read", &|| server.get("/deals", "").1["count"] == json!(60));
    let run = server.stop("INT").exits(0);
    assert!(run.stdout.contains("export ANNALS_SALESFORCE_URL=http://127.0.0.1:"), "{}", run.stdout);
    folder.annals(&["serve", "--demo-crm"]).exits(2).prints(&["the demo needs a new database", "--db demo.db"]);
}

#[test]
fn with_a_token_file_every_request_needs_one_of_its_tokens() {
    let folder = Folder::new();
    folder.file("tokens", "0123456789abcdef0123\n");
    let server = Server::start(&folder, &["--token-file", "tokens"]);
    assert!(server.printed.contains("curl -H \"Authorization: Bearer $TOKEN\" http://"), "{}", server.printed);
    assert_eq!(server.get("/clients", "").0, 401);
    assert_eq!(server.get("/clients", "Authorization: Bearer 0123456789abcdef0123\r\n").0, 200);
    server.stop("INT").exits(0);
}
