//! The estimated sizes by which caches decide what they keep.

use std::sync::Arc;

use annals_domain::aggregate::Aggregate;
use annals_domain::entity::{Entity, FieldValue};
use annals_domain::position::Version;
use annals_domain::testing::{ChangeBuilder, at, created, given, updated};
use serde_json::Value;

const DIFF: &str =
    "--- \n+++ 0000000000000000000000000000000000000000000000000000000000000000\n@@ -1,1 +1,1 @@\n-a\n+b";

fn weight_after(changes: &[ChangeBuilder]) -> usize {
    let start = given([]).entity();
    let key =
        annals_domain::identity::EntityKey { entity_name: start.entity_name.clone(), aggregate_id: start.aggregate_id };
    let mut state = Aggregate::new(key, start.provider, start.external_id);
    for change in changes {
        state.apply(Version::FIRST, &change.clone().change());
    }
    state.weight()
}

#[test]
fn everything_that_a_state_holds_adds_to_its_weight() {
    let changes = [
        created(1).with("Name", "a"),
        updated(2).naming("Name"),
        updated(3).diffing("Name", DIFF),
        updated(4).diffing("Name", DIFF),
        updated(5).with("A_Field_With_A_Long_Name__c", Value::Null),
    ];
    let weights: Vec<usize> = (0..=changes.len()).map(|applied| weight_after(&changes[..applied])).collect();
    assert!(weights.is_sorted_by(|less, more| less < more), "{weights:?}");
    let one_more_diff = weights[4] - weights[3];
    assert!((DIFF.len()..2 * DIFF.len()).contains(&one_more_diff), "{weights:?}");
}

fn entity(values: Vec<FieldValue>) -> Entity {
    let fields = values.into_iter().map(|value| (Arc::from("field"), value)).collect();
    Entity { fields, ..given([]).entity() }
}

/// A thousand bytes weigh at least a thousand and at most twice as much.
#[test]
fn an_entity_weighs_what_its_texts_do_and_less_than_twice_as_much() {
    let without = entity(vec![]).weight();
    let long = "1".repeat(1_000);
    for value in [
        FieldValue::Text(long.as_str().into()),
        FieldValue::Decimal(long.clone()),
        FieldValue::Number(long.parse().expect("a number")),
        FieldValue::List(vec![long[..100].to_owned(); 10]),
        FieldValue::Raw(Value::from(long.as_str())),
        FieldValue::Raw(serde_json::from_str(&long).expect("a number")),
    ] {
        let added = entity(vec![value.clone()]).weight() - without;
        assert!((1_000..2_000).contains(&added), "{value:?} adds {added}");
    }
}

#[test]
fn a_field_without_memory_of_its_own_takes_its_place_only() {
    let without = entity(vec![]).weight();
    for value in [FieldValue::Null, FieldValue::Bool(true), FieldValue::Timestamp(at(1)), FieldValue::Raw(Value::Null)]
    {
        let added = entity(vec![value.clone()]).weight() - without;
        assert_eq!(added, size_of::<(Arc<str>, FieldValue)>(), "{value:?}");
    }
}
