//! Which changes are published.

use annals_domain::definition::Catalog;
use annals_domain::services::broadcast::{BroadcastDecision, decide};
use annals_domain::testing::{ChangeBuilder, Scenario, created, deleted, given, given_as, restored_whole, updated};

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

/// The shipped definition of a client with another rule.
fn decision(rule: &str, before: &str, after: &str) -> BroadcastDecision {
    let definition = include_str!("../../entities/client.toml");
    let definition = definition.replace("announce_leaving = false", rule);
    let known = given_as(&definition, [created(1).with(STATUS, before)]);
    let entity = known.entity();
    let changed = known.when(updated(2).with(STATUS, after));
    decide(&changed.schema(), Some(&entity), &changed.entity())
}

#[test]
fn the_change_into_a_quiet_status_is_published_if_the_definition_says_so() {
    let (publishes, keeps_quiet) = ("announce_leaving = true", "announce_leaving = false");
    let quiet = |status: &str| BroadcastDecision::Quiet { status: status.to_owned() };
    assert_eq!(decision(publishes, "Active", "Inactive"), BroadcastDecision::Publish);
    assert_eq!(decision(keeps_quiet, "Active", "Inactive"), quiet("Inactive"));
    for rule in [publishes, keeps_quiet] {
        assert_eq!(decision(rule, "Draft", "Inactive"), quiet("Inactive"));
        assert_eq!(decision(rule, "Draft", "Active"), BroadcastDecision::Publish);
        assert_eq!(decision(rule, "Active", "Other"), BroadcastDecision::Publish);
    }
}

#[test]
fn an_entity_that_was_not_visible_before_leaves_no_status() {
    let definition = include_str!("../../entities/client.toml").replace("leaving = false", "leaving = true");
    let first = given_as(&definition, [created(1).with(STATUS, "Inactive")]);
    let quiet = BroadcastDecision::Quiet { status: "Inactive".to_owned() };
    assert_eq!(decide(&first.schema(), None, &first.entity()), quiet);
}

#[test]
fn an_object_without_a_definition_is_published() {
    let entity = given([created(1).with(STATUS, "Inactive")]).entity();
    let open = Catalog::default().open(&entity.entity_name);
    assert_eq!(decide(&open, None, &entity), BroadcastDecision::Publish);
}
