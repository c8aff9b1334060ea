//! What is behind each mapped field.

use annals_domain::mapping::FieldExplanation;
use annals_domain::position::Position;
use annals_domain::testing::{ChangeBuilder, Scenario, created, deleted, given, updated};
use serde_json::{Value, json};

fn of(scenario: &Scenario, field: &str) -> FieldExplanation {
    let found = scenario.explanations().into_iter().find(|explanation| &*explanation.field == field);
    found.expect("every field has an explanation")
}

fn at(change: &ChangeBuilder) -> Option<Position> {
    Some(change.clone().change().position)
}

/// The operation, the provider's field, the raw value, and who set and decided it.
#[track_caller]
fn check(
    scenario: &Scenario,
    field: &str,
    (operation, provider_field, raw): (&str, &str, Option<Value>),
    set_by: Option<Position>,
    decided_by: Option<Position>,
) {
    let found = of(scenario, field);
    assert_eq!(
        (found.operation, found.provider_field.as_deref(), found.raw),
        (Some(operation), Some(provider_field), raw)
    );
    assert_eq!((found.set_by, found.decided_by), (set_by, decided_by), "{field}");
}

#[test]
fn a_copied_field_has_the_raw_value_and_the_event_of_its_newest_write() {
    let (first, second) =
        (created(1).with("Name", "A").with("Account_Priority__c", "P1"), updated(2).with("Name", "B"));
    let scenario = given([first.clone(), second.clone()]);
    check(&scenario, "name", ("copy", "Name", Some(json!("B"))), at(&second), at(&second));
    check(&scenario, "priority", ("copy", "Account_Priority__c", Some(json!("P1"))), at(&first), at(&first));
}

#[test]
fn a_late_event_explains_what_no_newer_one_set() {
    let late = updated(2).with("Name", "late").with("Account_Priority__c", "P2");
    let newer = updated(3).with("Name", "newer");
    let scenario = given([created(1).with("Name", "A"), newer.clone(), late.clone()]);
    check(&scenario, "name", ("copy", "Name", Some(json!("newer"))), at(&newer), at(&newer));
    check(&scenario, "priority", ("copy", "Account_Priority__c", Some(json!("P2"))), at(&late), at(&late));
}

#[test]
fn a_value_that_counts_since_an_earlier_choice_was_emptied_is_decided_by_that() {
    let both = created(1).with("BillingCountry", "Greece").with("BillingAddress.Country", "GR");
    let scenario = given([both.clone()]);
    check(&scenario, "billing_country", ("first_of", "BillingCountry", Some(json!("Greece"))), at(&both), at(&both));
    let emptied = updated(2).with("BillingCountry", "");
    let scenario = scenario.when(emptied.clone());
    let expected = ("first_of", "BillingAddress.Country", Some(json!("GR")));
    check(&scenario, "billing_country", expected, at(&both), at(&emptied));
    let none = updated(3).with("BillingAddress.Country", Value::Null);
    let scenario = scenario.when(none.clone());
    let expected = ("first_of", "BillingAddress.Country", Some(Value::Null));
    check(&scenario, "billing_country", expected, at(&none), at(&none));
}

#[test]
fn a_struct_that_is_null_explains_its_parts() {
    let null = updated(2).with("BillingAddress", Value::Null);
    let scenario = given([created(1).with("BillingAddress.Country", "US"), null.clone()]);
    let expected = ("first_of", "BillingAddress.Country", Some(Value::Null));
    check(&scenario, "billing_country", expected, at(&null), at(&null));
}

#[test]
fn an_unknown_value_has_no_raw_value_but_the_event_that_left_it_out() {
    let unknown = updated(2).naming("Name");
    let scenario = given([created(1).with("Name", "A"), unknown.clone()]);
    check(&scenario, "name", ("copy", "Name", None), at(&unknown), at(&unknown));
}

#[test]
fn a_field_that_was_never_set_has_its_source_and_no_event() {
    check(&given([created(1)]), "name", ("copy", "Name", None), None, None);
}

#[test]
fn the_id_is_set_by_no_event_and_a_deletion_by_its_own() {
    let deletion = deleted(2);
    let scenario = given([created(1), deletion.clone()]);
    check(&scenario, "id", ("copy", "Id", Some(json!("001A"))), None, None);
    check(&scenario, "is_deleted", ("bool", "IsDeleted", Some(json!(true))), at(&deletion), at(&deletion));
}
