//! Compares the estimated size of a state with the memory it really takes.

#![cfg(target_os = "linux")]

use annals_domain::aggregate::Aggregate;
use annals_domain::identity::{AggregateId, EntityKey, EntityName, ExternalId, Provider, ProviderAccount};
use annals_domain::position::Version;
use annals_domain::testing::{created, updated};

/// Resident memory in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has the line");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

/// A record of so many fields with texts of that length, half of them written again.
fn state(record: usize, fields: usize, length: usize) -> Aggregate {
    let (entity_name, id) = (EntityName::new("Account"), ExternalId::new(record.to_string()));
    let aggregate_id = AggregateId::of(Provider::Salesforce, &ProviderAccount::unset(), &entity_name, &id);
    let mut aggregate = Aggregate::new(EntityKey { entity_name, aggregate_id }, Provider::Salesforce, id);
    let field = |number: usize| format!("Some_Field_{number}__c");
    let first = (0..fields).fold(created(1), |change, number| change.with(&field(number), "a".repeat(length)));
    aggregate.apply(Version::FIRST, &first.change());
    let second = (0..fields / 2).fold(updated(2), |change, number| change.with(&field(number), "b".repeat(length)));
    aggregate.apply(Version::new(2), &second.change());
    aggregate
}

/// Returns the states, so that their memory is not reused by the next check.
#[must_use]
#[track_caller]
fn check(records: usize, fields: usize, length: usize) -> Vec<Aggregate> {
    let before = resident();
    let states: Vec<Aggregate> = (0..records).map(|record| state(record, fields, length)).collect();
    let took = resident() - before;
    let weight: usize = states.iter().map(Aggregate::weight).sum();
    println!("{records} states of {fields} fields of {length} bytes: {took} bytes, by their weight {weight}");
    assert!((took / 2..took * 2).contains(&weight), "{weight} is not about {took}");
    states
}

#[test]
fn the_estimate_is_between_half_and_twice_the_memory() {
    let _held = [check(3_000, 60, 20), check(5_000, 5, 20), check(100, 10, 32_000)];
}
