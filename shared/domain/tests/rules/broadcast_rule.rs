//! Which changes are published.

use annals_domain::services::broadcast::{BroadcastDecision, decide};
use annals_domain::testing::{ChangeBuilder, Scenario, created, deleted, given, restored_whole, updated};

const STATUS: &str = "Account_Status__c";

fn publishes(before: Option<&Scenario>, after: &Scenario) -> bool {
    let before = before.map(Scenario::entity);
    decide(&after.schema(), before.as_ref(), &after.entity()) == BroadcastDecision::Publish
}

#[track_caller]
fn check(before: Vec<ChangeBuilder>, change: ChangeBuilder, expected: bool) {
    let known = (!before.is_empty()).then(|| given(before.clone()));
    let after = given(before).when(change);
    assert_eq!(publishes(known.as_ref(), &after), expected, "{after:?}");
}

#[test]
fn a_quiet_status_is_not_published() {
    for status in ["Inactive", "PENDING", "draft"] {
        check(vec![], created(1).with(STATUS, status), false);
        check(vec![created(1).with(STATUS, status)], updated(2).with("Name", "n"), false);
    }
    check(vec![], created(1).with(STATUS, "Active"), true);
    check(vec![created(1).with(STATUS, "Draft")], updated(2).with(STATUS, "Active"), true);
}

#[test]
fn a_deletion_and_a_restoration_are_published_whatever_the_status() {
    for status in ["Inactive", "Active"] {
        let created = || created(1).with(STATUS, status);
        check(vec![created()], deleted(2), true);
        check(vec![created(), deleted(2)], restored_whole(3), true);
        check(vec![], created(), status == "Active");
    }
    check(vec![created(1).with(STATUS, "Inactive"), deleted(2)], deleted(3), false);
}
