//! Copies of one change event that differ, and changes that only their type puts in order.

use annals_domain::position::EventId;
use annals_domain::testing::{
    ChangeBuilder, created, deleted, gap, given, image, restored_in_part, restored_whole, updated,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Another copy of a change: at the same place in the order of the source, with an id of its own.
fn copy(change: ChangeBuilder, id: &str) -> ChangeBuilder {
    change.identified(EventId::of(&[id]))
}

/// The difference between two texts of one line.
fn diff(from: &str, to: &str) -> String {
    let hash = base16ct::lower::encode_string(&Sha256::digest(to));
    format!("--- \n+++ {hash}\n@@ -1,1 +1,1 @@\n-{from}\n+{to}")
}

/// The field has the value in both orders, whichever copy has the greater id.
#[track_caller]
fn both_orders(first: &ChangeBuilder, second: &ChangeBuilder, field: &str, expected: impl Into<Value> + Clone) {
    let base = || created(0).with("Description", "old");
    for (one, other) in [("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")] {
        let [first, second] = [copy(first.clone(), one), copy(second.clone(), other)];
        let _ = given([base(), first.clone(), second.clone()]).then_field(field, expected.clone());
        let _ = given([base(), second, first]).then_field(field, expected.clone());
    }
}

#[test]
fn each_copy_adds_what_only_it_says() {
    let (first, second) = (updated(1).with("Name", "n"), updated(1).with("Account_Status__c", "Active"));
    both_orders(&first, &second, "name", "n");
    both_orders(&first, &second, "status", "Active");
}

#[test]
fn a_known_value_wins_over_an_unknown_one() {
    both_orders(&updated(1).naming("Name"), &updated(1).with("Name", "n"), "name", "n");
    both_orders(&updated(1).with("Name", Value::Null), &updated(1).with("Name", "n"), "name", "n");
    let unknown = given([created(0), updated(1).with("Name", "n"), updated(2).naming("Name")]);
    let _ = unknown.then_unknown(&["name"]);
}

#[test]
fn a_difference_wins_over_an_unknown_value_and_a_text_over_both() {
    let difference = updated(1).diffing("Description", &diff("old", "new"));
    both_orders(&difference, &updated(1).naming("Description"), "description", "new");
    both_orders(&difference, &difference, "description", "new");
    both_orders(&difference, &updated(1).with("Description", "whole"), "description", "whole");
}

#[test]
fn of_the_differences_of_two_copies_the_one_with_the_greater_id_counts() {
    for (one, other) in [("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")] {
        let first = copy(updated(1).diffing("Description", &diff("old", "new")), one);
        let second = copy(updated(1).diffing("Description", &diff("old", "newer")), other);
        let expected = if EventId::of(&[one]) > EventId::of(&[other]) { "new" } else { "newer" };
        let base = || created(0).with("Description", "old");
        let _ = given([base(), first.clone(), second.clone()]).then_field("description", expected);
        let _ = given([base(), second, first]).then_field("description", expected);
    }
}

#[test]
fn parts_with_values_win_over_their_null_parent_in_one_event() {
    let parts = updated(1)
        .with("BillingAddress", Value::Null)
        .with("BillingAddress.Country", "Malta")
        .with("BillingAddress.City", Value::Null);
    let scenario = given([created(0).with("BillingAddress.City", "Paris"), parts]);
    assert_eq!(scenario.raw()["BillingAddress"], serde_json::json!({"Country": "Malta", "City": null}));
    let _ = scenario.then_field("billing_country", "Malta");
    let nulls = updated(1).with("BillingAddress", Value::Null).with("BillingAddress.City", Value::Null);
    let scenario = given([created(0).with("BillingAddress.City", "Paris"), nulls]);
    assert_eq!(scenario.raw()["BillingAddress"], Value::Null);
}

#[test]
fn of_changes_with_one_timestamp_the_type_decides() {
    for id in 0..40 {
        let named = |change: ChangeBuilder, kind: &str| copy(change, &format!("{kind} {id}"));
        let create = || named(created(1).with("Name", "created"), "create");
        let update = || named(updated(1).with("Name", "updated"), "update");
        let undelete = || named(restored_whole(1).with("Name", "restored"), "undelete");
        let delete = || named(deleted(1), "delete");
        let _ = given([create(), update()]).then_field("name", "updated");
        let _ = given([update(), create()]).then_field("name", "updated");
        let _ = given([undelete(), create(), update()]).then_field("name", "restored");
        let _ = given([delete(), create(), update()]).then_deleted(true);
        let _ = given([create(), delete(), undelete()]).then_deleted(true);
        let _ = given([create(), delete(), named(gap(1), "gap")]).then_deleted(true);
    }
}

#[test]
fn of_lifecycles_at_one_place_in_the_order_of_the_source_a_deletion_counts() {
    for (one, other) in [("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")] {
        let [gap, deletion] = [copy(gap(1), one), copy(gap(1).deleting(), other)];
        let _ = given([created(0), gap.clone(), deletion.clone()]).then_deleted(true);
        let _ = given([created(0), deletion, gap]).then_deleted(true);
    }
}

#[test]
fn a_record_is_stale_from_a_gap_until_an_event_states_it_whole() {
    let stale = |changes: Vec<ChangeBuilder>| given(changes).entity().stale.map(|stale| stale.since);
    let since = |seconds: i64| Some(annals_domain::testing::at(seconds));
    assert_eq!(stale(vec![created(1)]), None);
    assert_eq!(stale(vec![created(1), gap(2)]), since(2));
    assert_eq!(stale(vec![gap(2), created(1)]), since(2));
    assert_eq!(stale(vec![created(1), gap(2), gap(4), updated(5).with("Name", "n")]), since(4));
    assert_eq!(stale(vec![created(1), gap(2), image(2)]), None);
    assert_eq!(stale(vec![created(1), image(3), gap(2)]), None);
    assert_eq!(stale(vec![created(1), image(2), gap(3)]), since(3));
    assert_eq!(stale(vec![created(1), gap(2), restored_in_part(3)]), since(2));
    assert_eq!(stale(vec![created(1), gap(2), restored_whole(3)]), None);
    assert_eq!(stale(vec![created(1), gap(2).deleting()]), None);
    assert_eq!(stale(vec![created(1), updated(2).naming("Name")]), None, "only that field is unknown");
}
