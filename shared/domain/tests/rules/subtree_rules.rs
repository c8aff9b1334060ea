//! A write at a path counts for its whole subtree; and texts that arrive as differences.

use annals_domain::testing::{created, given, image, updated};
use serde_json::Value;

const COUNTRY: &str = "BillingAddress.Country";

#[test]
fn a_null_parent_ends_older_children_and_newer_children_end_it() {
    let _ = given([created(1).with(COUNTRY, "US")])
        .when(updated(2).with("BillingAddress", Value::Null))
        .then_field("billing_country", Value::Null)
        .when(updated(3).with(COUNTRY, "FR"))
        .then_field("billing_country", "FR");
}

#[test]
fn the_same_holds_if_the_null_parent_arrives_late() {
    let _ = given([created(1).with(COUNTRY, "US"), updated(3).with("BillingAddress.City", "Paris")])
        .when(updated(2).with("BillingAddress", Value::Null))
        .then_field("billing_country", Value::Null)
        .when(updated(1).numbered(7).with(COUNTRY, "DE"))
        .then_field("billing_country", Value::Null);
}

#[test]
fn a_parent_listed_without_a_value_makes_its_children_unknown() {
    let _ = given([created(1).with(COUNTRY, "US")])
        .when(updated(2).naming("BillingAddress"))
        .then_unknown(&["billing_country"])
        .when(updated(3).with(COUNTRY, "FR"))
        .then_unknown(&[])
        .then_field("billing_country", "FR");
}

#[test]
fn a_struct_for_a_text_field_is_left_out_with_a_warning() {
    let scenario = given([created(1).with("Name.LastName", "Brown")]).then_field("name", Value::Null);
    let warnings = scenario.entity().warnings;
    assert_eq!(warnings.len(), 1);
    assert_eq!((&*warnings[0].field, warnings[0].message.as_str()), ("name", "Name: a struct is not a string"));
}

/// `a\nb` becomes `a\nB`; the hash is of the latter.
const TO_UPPER_B: &str = "--- \n+++ HASH_AB\n@@ -2,1 +2,1 @@\n-b\n+B";
/// `a\nB` becomes `A\nB`.
const TO_UPPER_A: &str = "--- \n+++ HASH_UP\n@@ -1,1 +1,1 @@\n-a\n+A";

fn diff(template: &str) -> String {
    use sha2::{Digest, Sha256};
    let hex = |text: &str| base16ct::lower::encode_string(&Sha256::digest(text));
    template.replace("HASH_AB", &hex("a\nB")).replace("HASH_UP", &hex("A\nB"))
}

#[test]
fn differences_are_applied_in_the_order_of_the_source() {
    let (first, second) = (diff(TO_UPPER_B), diff(TO_UPPER_A));
    let _ = given([created(1).with("Description", "a\nb")])
        .when(updated(3).diffing("Description", &second))
        .then_unknown(&["description"])
        .when(updated(2).diffing("Description", &first))
        .then_unknown(&[])
        .then_field("description", "A\nB");
}

#[test]
fn a_broken_chain_of_differences_is_unknown_until_a_full_value_arrives() {
    let _ = given([created(1).with("Description", "other")])
        .when(updated(2).diffing("Description", &diff(TO_UPPER_B)))
        .then_unknown(&["description"])
        .when(image(2).with("Description", "a\nB"))
        .then_field("description", "a\nB")
        .when(updated(3).diffing("Description", &diff(TO_UPPER_A)))
        .then_field("description", "A\nB");
}

#[test]
fn a_text_that_a_difference_gives_is_known_until_a_newer_change_leaves_it_out() {
    let _ = given([created(1).with("Description", "a\nb")])
        .when(updated(2).naming("Description"))
        .then_unknown(&["description"])
        .when(updated(3).diffing("Description", &diff(TO_UPPER_B)))
        .then_unknown(&[])
        .then_field("description", "a\nB")
        .when(updated(4).naming("Description"))
        .then_unknown(&["description"]);
}
