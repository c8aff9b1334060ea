//! What an aggregate says of itself besides its fields.

use annals_domain::aggregate::{Aggregate, FieldReading};
use annals_domain::identity::{AggregateId, EntityKey, EntityName, ExternalId, Provider, ProviderAccount};
use annals_domain::path::Path;
use annals_domain::position::Version;
use annals_domain::testing::{ChangeBuilder, at, created, updated};
use serde_json::Value;

/// A record without any event.
fn new() -> Aggregate {
    let (name, id) = (EntityName::new("Account"), ExternalId::new("001A"));
    let aggregate_id = AggregateId::of(Provider::Salesforce, &ProviderAccount::unset(), &name, &id);
    Aggregate::new(EntityKey { entity_name: name, aggregate_id }, Provider::Salesforce, id)
}

#[test]
fn it_knows_its_paths_its_newest_change_and_what_set_each_field() {
    let mut state = new();
    assert_eq!((state.created_at(), state.newest(), state.paths().count()), (None, None, 0));
    let (creation, update) = (created(1).with("Name", "n").with("Phone", "1").change(), updated(2).with("Name", "m"));
    let update = update.naming("Fax").change();
    state.apply(Version::new(1), &creation);
    state.apply(Version::new(2), &update);
    assert_eq!(state.created_at(), Some(at(1)));
    assert_eq!(state.newest(), Some(update.position));
    assert_eq!(state.paths().map(|path| path.as_str()).collect::<Vec<_>>(), ["Fax", "Name", "Phone"]);
    let set_by = |path: &str| state.set_by(path);
    assert_eq!(set_by("Name"), Some(update.position));
    assert_eq!(set_by("Fax"), Some(update.position));
    assert_eq!(set_by("Phone"), Some(creation.position));
    assert_eq!(set_by("Website"), None);
}

#[test]
fn a_part_whose_value_is_not_known_is_named_once() {
    let unknown = |changes: &[ChangeBuilder]| {
        let mut state = new();
        changes.iter().for_each(|change| state.apply(Version::FIRST, &change.clone().change()));
        state.unknown_paths().map(|path| path.as_str().to_owned()).collect::<Vec<_>>()
    };
    let address = || created(1).with("Name", "n").with("BillingAddress.City", "c").with("BillingAddress.Country", "FR");
    assert_eq!(unknown(&[address()]), Vec::<String>::new());
    assert_eq!(unknown(&[address(), updated(2).naming("BillingAddress").naming("Name")]), ["BillingAddress", "Name"]);
    let stated = updated(3).with("BillingAddress", Value::Null).naming("Fax");
    assert_eq!(unknown(&[address(), updated(2).naming("BillingAddress"), stated]), ["Fax"]);
    assert_eq!(unknown(&[address(), updated(2).naming("BillingAddress.City")]), ["BillingAddress.City"]);
}

/// What is read at a path: `absent`, `unknown` or JSON.
#[track_caller]
fn reads(changes: &[ChangeBuilder], path: &str, expected: &str) {
    let mut state = new();
    changes.iter().for_each(|change| state.apply(Version::FIRST, &change.clone().change()));
    let found = match state.read(&Path::new(path)) {
        FieldReading::Absent => "absent".to_owned(),
        FieldReading::Unknown => "unknown".to_owned(),
        FieldReading::Known(value) => value.to_string(),
        FieldReading::Struct(leaves) => serde_json::to_string(&leaves).expect("an object"),
    };
    assert_eq!(found, expected, "{path} of {changes:?}");
}

#[test]
fn a_path_without_a_write_of_its_own_reads_as_its_parts_or_as_what_is_above_it() {
    let city = || created(1).with("Address.City", "c");
    reads(&[city()], "Address", r#"{"City":"c"}"#);
    reads(&[city()], "Addr", "absent");
    reads(&[city()], "Address.Country", "absent");
    reads(&[created(1).naming("Address.City")], "Address", "unknown");
    reads(&[city(), updated(2).naming("Address.City")], "Address", "unknown");
    reads(&[created(1).with("Address", "text")], "Address.City", "absent");
    reads(&[created(1).with("Address", Value::Null)], "Address.City", "null");
    reads(&[created(1).naming("Address")], "Address.City", "unknown");
}

#[test]
fn parts_that_are_older_than_what_is_above_them_do_not_count() {
    let deep = || created(1).with("A.B.C", 1);
    reads(&[deep()], "A.B", r#"{"C":1}"#);
    for path in ["A", "A.B", "A.B.C"] {
        reads(&[deep(), updated(2).with("A", Value::Null)], path, "null");
        reads(&[deep(), updated(2).naming("A")], path, "unknown");
    }
    reads(&[deep(), updated(2).with("A", Value::Null), updated(3).with("A.B.D", 2)], "A.B", r#"{"D":2}"#);
    reads(&[deep(), updated(2).with("A", Value::Null), updated(3).with("A.B.D", 2)], "A", r#"{"B.D":2}"#);
    reads(&[deep(), updated(2).with("A.B0", 2)], "A.B", r#"{"C":1}"#);
}

#[test]
fn a_value_and_the_parts_below_it_end_each_other() {
    let (value, part) = (|seconds| updated(seconds).with("A", "text"), |seconds| updated(seconds).with("A.B", 1));
    for changes in [[value(1), part(2)], [part(2), value(1)]] {
        reads(&changes, "A", r#"{"B":1}"#);
        reads(&changes, "A.B", "1");
    }
    for changes in [[value(2), part(1)], [part(1), value(2)]] {
        reads(&changes, "A", r#""text""#);
        reads(&changes, "A.B", "absent");
    }
}
