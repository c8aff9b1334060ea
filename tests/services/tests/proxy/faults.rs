//! Each fault has its documented effect on the client and on the service.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use annals_services::{Fault, Match, Rule};
use axum::http::StatusCode;

use crate::fixture::{Ended, Fixture, SILENCE, operation_request};

fn answered(status: u16, body: &str) -> Ended {
    Ended::Answered(status, body.to_owned())
}

/// Checks how a request with the fault ends for its client and how often it reaches the service.
/// The next request passes, and the proxy records both.
#[track_caller]
fn check(fault: Fault, ends: Ended, reaches: usize, status: Option<u16>) {
    let fixture = Fixture::new();
    fixture.proxy.rule(Rule::first(1, Match::Any, fault));
    assert_eq!(fixture.send("PutItem"), ends);
    assert_eq!(fixture.received().len(), reaches);
    assert_eq!(fixture.send("GetItem"), answered(200, "2 bytes"));
    assert_eq!(fixture.received().len(), reaches + 1);
    let seen = fixture.proxy.requests();
    assert_eq!(seen.len(), 2);
    assert_eq!((seen[0].forwarded, seen[0].status.map(|status| status.as_u16())), (reaches == 1, status));
    assert_eq!((seen[1].forwarded, seen[1].status), (true, Some(StatusCode::OK)));
}

#[test]
fn a_passed_request_is_answered_by_the_service() {
    check(Fault::Pass, answered(200, "2 bytes"), 1, Some(200));
}

#[test]
fn a_rule_can_respond_in_place_of_the_service() {
    let teapot = Fault::answer(StatusCode::IM_A_TEAPOT, "text/plain", "short and stout");
    check(teapot, answered(418, "short and stout"), 0, Some(418));
}

#[test]
fn drop_before_resets_without_forwarding() {
    check(Fault::DropBefore, Ended::Reset, 0, None);
}

#[test]
fn drop_after_forwards_and_then_resets() {
    check(Fault::DropAfter, Ended::Reset, 1, Some(200));
}

#[test]
fn hang_before_neither_forwards_nor_responds() {
    check(Fault::HangBefore, Ended::Silence, 0, None);
}

#[test]
fn hang_after_forwards_and_does_not_respond() {
    check(Fault::HangAfter, Ended::Silence, 1, Some(200));
}

#[test]
fn delay_forwards_and_responds_later() {
    let started = Instant::now();
    check(Fault::Delay(SILENCE / 2), answered(200, "2 bytes"), 1, Some(200));
    assert!(started.elapsed() >= SILENCE / 2);
}

#[test]
fn delay_forwards_even_if_the_client_has_disconnected() {
    let fixture = Fixture::new();
    fixture.proxy.rule(Rule::always(Match::Any, Fault::Delay(SILENCE * 2)));
    assert_eq!(fixture.send("PutItem"), Ended::Silence);
    assert_eq!(fixture.received().len(), 0);
    let deadline = Instant::now() + Duration::from_secs(10);
    while fixture.received().is_empty() {
        assert!(Instant::now() < deadline, "the request never reached the service");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(fixture.received(), ["POST / {}"]);
}

#[test]
fn a_hanging_request_hangs_after_the_rules_are_cleared_and_ends_with_the_proxy() {
    let fixture = Fixture::new();
    fixture.proxy.rule(Rule::always(Match::Any, Fault::HangBefore));
    let mut stream = fixture.connect();
    stream.write_all(operation_request("PutItem").as_bytes()).unwrap();
    assert_eq!(crate::fixture::ended(&mut stream), Ended::Silence);
    fixture.proxy.heal();
    assert_eq!(fixture.send("PutItem"), answered(200, "2 bytes"));
    assert_eq!(crate::fixture::ended(&mut stream), Ended::Silence);
    let address = fixture.proxy.endpoint();
    drop(fixture);
    let end = stream.read(&mut [0; 16]);
    assert!(matches!(end, Ok(0)) || end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    assert!(
        std::net::TcpStream::connect(address.trim_start_matches("http://")).is_err(),
        "the proxy no longer listens"
    );
}

#[test]
fn the_predefined_responses_equal_those_of_the_services() {
    let check = |fault: Fault, status: u16, words: &str| {
        let fixture = Fixture::new();
        fixture.proxy.rule(Rule::always(Match::Any, fault));
        let Ended::Answered(code, body) = fixture.send("PutItem") else { panic!("expected a response") };
        let parsed: serde_json::Value = serde_json::from_str(&body).expect("the body is JSON");
        assert_eq!(code, status, "{parsed}");
        assert!(body.contains(words), "{body}");
        assert!(fixture.received().is_empty());
    };
    check(
        Fault::throttled(),
        400,
        r#""__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException""#,
    );
    check(Fault::access_denied(), 400, r##""__type":"com.amazon.coral.service#AccessDeniedException""##);
    check(Fault::unavailable(), 503, "Service Unavailable");
    check(Fault::too_many_requests(), 429, r#""type":"rejected_execution_exception""#);
}
