//! A rule applies to the requests that it matches, as often as it says, after the rules before it.

use annals_services::{Fault, Match, Rule, Times};
use axum::http::StatusCode;

use crate::fixture::{Ended, Fixture};

/// A response that differs from the others by its status.
fn status(code: u16) -> Fault {
    Fault::answer(StatusCode::from_u16(code).unwrap(), "text/plain", "")
}

/// Checks that under these rules a series of operations gets these statuses.
#[track_caller]
fn check(rules: Vec<Rule>, operations: &[&str], statuses: &[u16]) {
    let fixture = Fixture::new();
    rules.into_iter().for_each(|rule| fixture.proxy.rule(rule));
    let answered: Vec<u16> = operations
        .iter()
        .map(|operation| match fixture.send(operation) {
            Ended::Answered(status, _) => status,
            other => panic!("{operation}: {other:?}"),
        })
        .collect();
    assert_eq!(answered, statuses);
}

#[test]
fn a_rule_applies_as_often_as_it_says() {
    let check = |times, statuses: &[u16]| {
        check(vec![Rule::new(Match::Any, times, status(503))], &["A"; 4], statuses);
    };
    check(Times::Always, &[503, 503, 503, 503]);
    check(Times::First(2), &[503, 503, 200, 200]);
    check(Times::Nth(3), &[200, 200, 503, 200]);
    check(Times::After(1), &[200, 503, 503, 503]);
}

#[test]
fn a_rule_counts_only_what_it_matches() {
    let second_put = Rule::nth(2, Match::Target("PutItem"), status(503));
    check(vec![second_put], &["PutItem", "GetItem", "GetItem", "PutItem", "PutItem"], &[200, 200, 200, 503, 200]);
}

#[test]
fn the_first_rule_that_is_not_used_up_applies() {
    let rules = vec![Rule::first(1, Match::Any, status(500)), Rule::first(2, Match::Any, status(501))];
    check(rules, &["A"; 4], &[500, 501, 501, 200]);
}

#[test]
fn a_request_that_a_rule_passes_skips_the_following_rules() {
    let rules = vec![Rule::always(Match::Target("GetItem"), Fault::Pass), Rule::always(Match::Any, status(503))];
    check(rules, &["GetItem", "PutItem"], &[200, 503]);
}

#[test]
fn a_function_of_the_test_can_match() {
    let rule =
        Rule::always(Match::when(|request| request.body.as_ref() == b"{}" && request.method == "POST"), status(503));
    check(vec![rule], &["A"], &[503]);
    check(vec![Rule::always(Match::when(|request| request.body.is_empty()), status(503))], &["A"], &[200]);
}

#[test]
fn clearing_forgets_requests_and_keeps_rules() {
    let fixture = Fixture::new();
    fixture.proxy.rule(Rule::nth(2, Match::Any, status(503)));
    fixture.send("PutItem");
    fixture.proxy.clear();
    assert_eq!(fixture.proxy.requests().len(), 0);
    assert_eq!(fixture.send("PutItem"), Ended::Answered(503, String::new()));
    assert_eq!(fixture.proxy.count("PutItem"), 1);
}
