//! Compares the estimated size of a state with the memory it really takes.

#![cfg(target_os = "linux")]

use annals_domain::aggregate::Aggregate;
use annals_domain::identity::{AggregateId, EntityKey, EntityName, ExternalId, Provider, ProviderAccount};
use annals_domain::position::Version;
use annals_domain::testing::{created, updated};
use serde_json::Value;

/// Resident memory in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has the line");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

/// A record of so many fields, half of them written again.
fn state(record: usize, fields: usize, value: &impl Fn(&str) -> Value) -> Aggregate {
    let (entity_name, id) = (EntityName::new("Account"), ExternalId::new(record.to_string()));
    let aggregate_id = AggregateId::of(Provider::Salesforce, &ProviderAccount::unset(), &entity_name, &id);
    let mut aggregate = Aggregate::new(EntityKey { entity_name, aggregate_id }, Provider::Salesforce, id);
    let field = |number: usize| format!("Some_Field_{number}__c");
    let first = (0..fields).fold(created(1), |change, number| change.with(&field(number), value("a")));
    aggregate.apply(Version::FIRST, &first.change());
    let second = (0..fields / 2).fold(updated(2), |change, number| change.with(&field(number), value("b")));
    aggregate.apply(Version::new(2), &second.change());
    aggregate
}

/// Returns the states, so that their memory is not reused by the next check.
#[must_use]
#[track_caller]
fn check(records: usize, fields: usize, value: impl Fn(&str) -> Value) -> Vec<Aggregate> {
    let before = resident();
    let states: Vec<Aggregate> = (0..records).map(|record| state(record, fields, &value)).collect();
    let took = resident() - before;
    let weight: usize = states.iter().map(Aggregate::weight).sum();
    let text = value("a").to_string();
    println!("{records} states of {fields} fields such as {text:.40}: {took} bytes, by their weight {weight}");
    assert!((took / 2..took * 2).contains(&weight), "{weight} is not about {took}");
    states
}

#[test]
fn the_estimate_is_between_half_and_twice_the_memory() {
    let text = |length: usize| move |letter: &str| Value::from(letter.repeat(length));
    let list = |letter: &str| Value::from(vec![letter.repeat(60); 30]);
    let object =
        |letter: &str| (0..20).map(|number| (format!("{number:0100}"), Value::from(letter.repeat(100)))).collect();
    let number = |_: &str| serde_json::from_str(&"1234567890".repeat(100)).expect("a number");
    let _held = [
        check(3_000, 60, text(20)),
        check(5_000, 5, text(20)),
        check(100, 10, text(32_000)),
        check(500, 10, list),
        check(500, 10, object),
        check(500, 10, number),
    ];
}
