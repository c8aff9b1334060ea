//! The differences between two states of an entity.

use std::sync::Arc;

use annals_domain::definition::{Catalog, EntitySchema};
use annals_domain::entity::{Entity, FieldValue};
use annals_domain::entity_changes::EntityChanges;
use annals_domain::identity::EntityName;
use annals_domain::testing::{created, given, updated};
use serde_json::{Value, json};

#[track_caller]
fn check(schema: &EntitySchema, before: Option<&Entity>, after: &Entity, expected: &Value) {
    let changes = EntityChanges::between(schema, before, after);
    assert_eq!(Value::Object(changes.to_map()), *expected);
    assert_eq!(serde_json::to_value(changes).expect("an object"), *expected);
}

#[test]
fn each_field_that_differs_has_both_its_values() {
    let first = given([created(1).with("Name", "A").with("Account_Status__c", "Active")]);
    let (schema, before) = (first.schema(), first.entity());
    let after = first.when(updated(2).with("Name", "B").with("Account_Priority__c", "P1")).entity();
    let expected = json!({"name": {"from": "A", "to": "B"}, "priority": {"from": null, "to": "P1"}});
    check(&schema, Some(&before), &after, &expected);
    check(&schema, Some(&after), &after, &json!({}));
}

#[test]
fn an_entity_that_was_not_visible_had_no_values() {
    let scenario = given([created(1).with("Name", "A").with("Fax", Value::Null)]);
    let expected = json!({
        "id": {"from": null, "to": "001A"}, "name": {"from": null, "to": "A"}, "is_deleted": {"from": null, "to": false},
    });
    check(&scenario.schema(), None, &scenario.entity(), &expected);
}

#[test]
fn an_unknown_field_is_null() {
    let known = given([created(1).with("Name", "A")]);
    let (schema, before) = (known.schema(), known.entity());
    let unknown = known.when(updated(2).naming("Name")).entity();
    check(&schema, Some(&before), &unknown, &json!({"name": {"from": "A", "to": null}}));
    let null = given([created(1).with("Name", Value::Null)]).entity();
    check(&schema, Some(&null), &unknown, &json!({}));
}

#[test]
fn without_a_definition_fields_come_and_go() {
    let schema = Catalog::default().open(&EntityName::new("Widget"));
    let with = |fields: &[(&str, i64)]| {
        let field = |(name, value): &(&str, i64)| (Arc::from(*name), FieldValue::Raw(json!(value)));
        Entity { fields: fields.iter().map(field).collect(), ..given([]).entity() }
    };
    let (before, after) = (with(&[("a", 1), ("b", 2), ("c", 3)]), with(&[("a", 1), ("b", 5), ("d", 4)]));
    let expected = json!({"b": {"from": 2, "to": 5}, "d": {"from": null, "to": 4}, "c": {"from": 3, "to": null}});
    check(&schema, Some(&before), &after, &expected);
    check(&schema, None, &with(&[("a", 1)]), &json!({"a": {"from": null, "to": 1}}));
}
