//! What is behind each mapped field.

use annals_domain::aggregate::Aggregate;
use annals_domain::definition::Catalog;
use annals_domain::identity::{EntityKey, Provider};
use annals_domain::mapping::{FieldExplanation, explain};
use annals_domain::position::{Position, Version};
use annals_domain::testing::{
    ChangeBuilder, PlainAdapter, Scenario, client_with, created, deleted, given, given_as, updated,
};
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

#[test]
fn without_a_definition_each_field_of_the_record_is_a_copy() {
    let (created, updated) = (created(1).with("Name", "A").with("City", "Paris"), updated(2).with("City", "Nice"));
    let entity = given([]).entity();
    let key = EntityKey { entity_name: entity.entity_name.clone(), aggregate_id: entity.aggregate_id };
    let mut state = Aggregate::new(key, entity.provider, entity.external_id);
    for change in [&created, &updated] {
        state.apply(Version::FIRST, &change.clone().change());
    }
    let adapters = PlainAdapter::alone();
    let adapter = adapters.get(Provider::Salesforce).expect("the plain adapter");
    let explanations = explain(&state, &Catalog::default().open(&entity.entity_name), &**adapter);
    let copy = |field: &str, provider_field: &str, raw: Value, by: Option<Position>| FieldExplanation {
        field: field.into(),
        operation: Some("copy"),
        provider_field: Some(provider_field.into()),
        raw: Some(raw),
        set_by: by,
        decided_by: by,
    };
    let expected = [
        copy("id", "Id", json!("001A"), None),
        copy("is_deleted", "IsDeleted", json!(false), at(&updated)),
        copy("City", "City", json!("Nice"), at(&updated)),
        copy("Name", "Name", json!("A"), at(&created)),
    ];
    assert_eq!(explanations, expected);
}

#[test]
fn a_field_that_the_provider_does_not_have_has_a_name_only() {
    let definition = client_with("[[fields]]\nname = \"score\"\ntype = \"number\"\n");
    let nothing = FieldExplanation {
        field: "score".into(),
        operation: None,
        provider_field: None,
        raw: None,
        set_by: None,
        decided_by: None,
    };
    assert_eq!(of(&given_as(&definition, [created(1)]), "score"), nothing);
}
