//! What no rule is for reaches the service as it was sent, and is seen as it was sent.

use std::io::Write;
use std::net::TcpStream;

use annals_services::{Fault, Match, Proxy, Rule};

use crate::world::{Ended, World, ended, operation_request};

fn exchange(stream: &mut TcpStream, request: &str) -> Ended {
    stream.write_all(request.as_bytes()).unwrap();
    ended(stream)
}

#[test]
fn a_request_is_seen_with_all_that_tests_ask_of_it() {
    let world = World::new();
    assert_eq!(world.send("PutItem"), Ended::Answered(200, "2 bytes".to_owned()));
    let seen = &world.proxy.requests()[0];
    assert_eq!((seen.method.as_str(), seen.path.as_str(), seen.query.as_str()), ("POST", "/", ""));
    assert_eq!(seen.target.as_deref(), Some("DynamoDB_20120810.PutItem"));
    assert_eq!(seen.operation(), Some("PutItem"));
    assert_eq!(seen.body.as_ref(), b"{}");
}

#[test]
fn path_query_and_body_reach_the_service_on_one_connection() {
    let world = World::new();
    let mut stream = world.connect();
    let bulk = "POST /index/_bulk?refresh=wait_for HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\none\n";
    assert_eq!(exchange(&mut stream, bulk), Ended::Answered(200, "4 bytes".to_owned()));
    let chunked =
        "PUT /index HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    assert_eq!(exchange(&mut stream, chunked), Ended::Answered(200, "5 bytes".to_owned()));
    assert_eq!(world.received(), ["POST /index/_bulk?refresh=wait_for one\n", "PUT /index abcde"]);
    assert_eq!((world.proxy.count("_bulk"), world.proxy.count("index"), world.proxy.count("ind")), (1, 2, 0));
    assert_eq!(world.proxy.requests()[0].query, "refresh=wait_for");
}

#[test]
fn a_connection_is_counted_once_whatever_it_carries() {
    let world = World::new();
    let mut stream = world.connect();
    for _ in 0..3 {
        assert_eq!(exchange(&mut stream, &operation_request("PutItem")), Ended::Answered(200, "2 bytes".to_owned()));
    }
    assert_eq!(world.proxy.connections(), 1);
    world.send("PutItem");
    assert_eq!((world.proxy.connections(), world.proxy.count("PutItem")), (2, 4));
}

#[test]
fn the_signed_host_stays_the_clients() {
    let world = World::new();
    let mut stream = world.connect();
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
fn asking_for_the_head_alone_gets_its_length_and_no_body() {
    let world = World::new();
    let mut stream = world.connect();
    let head = "HEAD /index HTTP/1.1\r\nhost: a\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut buffer = [0; 4096];
    let count = std::io::Read::read(&mut stream, &mut buffer).unwrap();
    let answer = String::from_utf8_lossy(&buffer[..count]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("content-length: 7\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    assert_eq!(world.received(), ["HEAD /index "]);
}

#[test]
fn the_operation_of_a_query_protocol_is_in_its_form() {
    let world = World::new();
    let form = "Version=2010-03-31&Action=Publish&Message=x";
    let request = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{form}", form.len());
    exchange(&mut world.connect(), &request);
    assert_eq!((world.proxy.count("Publish"), world.proxy.count("PublishBatch")), (1, 0));
}

#[test]
fn each_of_many_requests_at_once_is_seen_and_counted_once() {
    let world = World::new();
    world.proxy.rule(Rule::first(20, Match::Target("PutItem"), Fault::DropBefore));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..10).for_each(|_| drop(world.send("PutItem"))));
        }
    });
    assert_eq!((world.proxy.count("PutItem"), world.received().len()), (80, 60));
}

#[test]
fn a_service_that_is_not_there_is_a_reset() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = Proxy::start(&format!("http://{nobody}"));
    let mut stream = TcpStream::connect(proxy.endpoint().trim_start_matches("http://")).unwrap();
    assert_eq!(exchange(&mut stream, &operation_request("PutItem")), Ended::Reset);
    assert_eq!(proxy.requests()[0].status, None);
}
