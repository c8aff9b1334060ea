//! A request without a matching rule reaches the service unchanged and is recorded unchanged.

use std::io::Write;
use std::net::TcpStream;

use annals_services::{Fault, Match, Proxy, Rule};

use crate::fixture::{Ended, Fixture, ended, operation_request};

fn exchange(stream: &mut TcpStream, request: &str) -> Ended {
    stream.write_all(request.as_bytes()).unwrap();
    ended(stream)
}

#[test]
fn a_recorded_request_has_everything_that_tests_read() {
    let fixture = Fixture::new();
    assert_eq!(fixture.send("PutItem"), Ended::Answered(200, "2 bytes".to_owned()));
    let seen = &fixture.proxy.requests()[0];
    assert_eq!((seen.method.as_str(), seen.path.as_str(), seen.query.as_str()), ("POST", "/", ""));
    assert_eq!(seen.target.as_deref(), Some("DynamoDB_20120810.PutItem"));
    assert_eq!(seen.operation(), Some("PutItem"));
    assert_eq!(seen.body.as_ref(), b"{}");
}

#[test]
fn path_query_and_body_reach_the_service_on_one_connection() {
    let fixture = Fixture::new();
    let mut stream = fixture.connect();
    let bulk = "POST /index/_bulk?refresh=wait_for HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\none\n";
    assert_eq!(exchange(&mut stream, bulk), Ended::Answered(200, "4 bytes".to_owned()));
    let chunked =
        "PUT /index HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    assert_eq!(exchange(&mut stream, chunked), Ended::Answered(200, "5 bytes".to_owned()));
    assert_eq!(fixture.received(), ["POST /index/_bulk?refresh=wait_for one\n", "PUT /index abcde"]);
    assert_eq!((fixture.proxy.count("_bulk"), fixture.proxy.count("index"), fixture.proxy.count("ind")), (1, 2, 0));
    assert_eq!(fixture.proxy.requests()[0].query, "refresh=wait_for");
}

#[test]
fn a_connection_is_counted_once_for_all_its_requests() {
    let fixture = Fixture::new();
    let mut stream = fixture.connect();
    for _ in 0..3 {
        assert_eq!(exchange(&mut stream, &operation_request("PutItem")), Ended::Answered(200, "2 bytes".to_owned()));
    }
    assert_eq!(fixture.proxy.connections(), 1);
    fixture.send("PutItem");
    assert_eq!((fixture.proxy.connections(), fixture.proxy.count("PutItem")), (2, 4));
}

#[test]
fn the_host_header_signed_by_the_client_is_kept() {
    let fixture = Fixture::new();
    let mut stream = fixture.connect();
    stream.write_all(operation_request("PutItem").as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&answer).contains("2 bytes") {
        let count = std::io::Read::read(&mut stream, &mut buffer).unwrap();
        answer.extend_from_slice(&buffer[..count]);
    }
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("x-host: the.service\r\n"), "{answer}");
}

#[test]
fn a_head_request_gets_the_length_and_no_body() {
    let fixture = Fixture::new();
    let mut stream = fixture.connect();
    let head = "HEAD /index HTTP/1.1\r\nhost: a\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut buffer = [0; 4096];
    let count = std::io::Read::read(&mut stream, &mut buffer).unwrap();
    let answer = String::from_utf8_lossy(&buffer[..count]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("content-length: 7\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    assert_eq!(fixture.received(), ["HEAD /index "]);
}

#[test]
fn the_operation_of_a_query_protocol_is_in_its_form() {
    let fixture = Fixture::new();
    let form = "Version=2010-03-31&Action=Publish&Message=x";
    let request = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{form}", form.len());
    exchange(&mut fixture.connect(), &request);
    assert_eq!((fixture.proxy.count("Publish"), fixture.proxy.count("PublishBatch")), (1, 0));
}

#[test]
fn each_of_many_concurrent_requests_is_recorded_and_counted_once() {
    let fixture = Fixture::new();
    fixture.proxy.rule(Rule::first(20, Match::Target("PutItem"), Fault::DropBefore));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..10).for_each(|_| drop(fixture.send("PutItem"))));
        }
    });
    assert_eq!((fixture.proxy.count("PutItem"), fixture.received().len()), (80, 60));
}

#[test]
fn a_missing_service_resets_the_connection() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = Proxy::start(&format!("http://{nobody}"));
    let mut stream = TcpStream::connect(proxy.endpoint().trim_start_matches("http://")).unwrap();
    assert_eq!(exchange(&mut stream, &operation_request("PutItem")), Ended::Reset);
    assert_eq!(proxy.requests()[0].status, None);
}
