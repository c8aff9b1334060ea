//! `serve`: what it prints and serves, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Stdio};
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
        Self::of(folder.spawn(&mut folder.command(&all)))
    }

    /// With another stderr.
    fn logging_to(folder: &Folder, stderr: Stdio, arguments: &[&str]) -> Self {
        let all = [&["serve", "--listen", "127.0.0.1:0", "--log", "trace"], arguments].concat();
        Self::of(folder.command(&all).stdout(Stdio::piped()).stderr(stderr).spawn().unwrap())
    }

    fn of(mut child: Child) -> Self {
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
        self.request("GET", path, header, "")
    }

    /// Ingests a body.
    fn post(&self, body: &str) -> (u16, Value) {
        self.request("POST", "/events/salesforce", &format!("Content-Length: {}\r\n", body.len()), body)
    }

    fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let host = &self.address;
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n{body}").unwrap();
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

/// The status and the detail of a part in the health report.
fn health(server: &Server, part: &str) -> (Value, String) {
    let report = server.get("/health", "").1;
    let parts = report["dependencies"].as_array().unwrap();
    let part = parts.iter().find(|found| found["name"] == part).unwrap();
    (part["status"].clone(), part["detail"].as_str().unwrap().to_owned())
}

#[test]
fn a_publisher_that_fails_holds_up_nothing_and_health_says_why() {
    let folder = Folder::new();
    folder.file("in.json", created(1).to_string());
    // Already at the start.
    let server = Server::start(&folder, &["in.json", "--publish", "/dev/full"]);
    for record in 2..5 {
        let (status, body) = server.post(&created(record).to_string());
        assert_eq!((status, &body["results"][0]["outcome"]), (200, &json!("stored")));
        assert_eq!(body["results"][0]["warnings"], json!([]), "it is projected");
    }
    assert_eq!(server.get("/clients", "").1["count"], json!(4));
    let (status, detail) = health(&server, "publisher");
    assert_eq!(status, "degraded");
    assert!(detail.starts_with("4 events not published, the oldest for "), "{detail}");
    assert!(detail.contains("the last attempt failed") && detail.contains("cannot be written"), "{detail}");
    assert_eq!(health(&server, "projection"), (json!("ok"), "0 events not projected".to_owned()));
    server.stop("INT").exits(0);

    let server = Server::start(&folder, &["--publish", "out.jsonl"]);
    assert_eq!(health(&server, "publisher"), (json!("ok"), "0 events not published".to_owned()));
    server.stop("INT").exits(0);
    assert_eq!(std::fs::read_to_string(folder.path().join("out.jsonl")).unwrap().lines().count(), 4);
}

#[test]
fn nobody_waits_for_the_log_or_fails_by_it() {
    let full = || Stdio::from(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    // Nobody reads the last one, and it has room for a few lines only.
    let (_unread, stuck) = std::io::pipe().unwrap();
    for stderr in [full(), Stdio::from(closed), Stdio::from(stuck)] {
        let folder = Folder::new();
        let server = Server::logging_to(&folder, stderr, &[]);
        for record in 1..40 {
            assert_eq!(server.post(&created(record).to_string()).0, 200);
        }
        assert_eq!(server.get("/clients", "").1["count"], json!(39));
        server.stop("INT").exits(0);
    }
}

#[test]
fn a_token_is_checked_before_the_body_is_read() {
    let folder = Folder::new();
    folder.file("tokens", "0123456789abcdef0123\n");
    let server = Server::start(&folder, &["--token-file", "tokens"]);
    // The body never comes.
    assert_eq!(server.request("POST", "/events/salesforce", "Content-Length: 1000000\r\n", "").0, 401);
    server.stop("INT").exits(0);
}

#[test]
fn half_sent_requests_do_not_end_the_service_under_a_small_file_limit() {
    let folder = Folder::new();
    let annals = env!("CARGO_BIN_EXE_annals");
    let mut limited = std::process::Command::new("sh");
    let command = format!("ulimit -n 80; exec {annals} serve --listen 127.0.0.1:0");
    limited.args(["-c", &command]).current_dir(folder.path());
    let server = Server::of(folder.spawn(&mut limited));
    let half_sent: Vec<TcpStream> = (0..24)
        .map(|_| {
            let mut stream = TcpStream::connect(&server.address).unwrap();
            write!(stream, "GET /clients HTTP/1.1\r\nHost: ").unwrap();
            stream
        })
        .collect();
    assert_eq!(server.get("/clients", "").0, 200);
    drop(half_sent);
    server.stop("INT").exits(0);
}

#[test]
fn a_byte_order_mark_is_read_alike_from_a_file_and_from_a_request() {
    let folder = Folder::new();
    folder.file("in.json", format!("\u{feff}{}", created(1)));
    let server = Server::start(&folder, &["in.json"]);
    let (status, body) = server.post(&format!("\u{feff}{}", created(2)));
    assert_eq!((status, &body["results"][0]["outcome"]), (200, &json!("stored")));
    assert_eq!(server.get("/clients", "").1["count"], json!(2));
    server.stop("INT").exits(0);
}
