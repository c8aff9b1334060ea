//! What an aggregate says of itself besides its fields.

use annals_domain::aggregate::{Aggregate, FieldReading};
use annals_domain::identity::{AggregateId, EntityKey, EntityName, ExternalId, Provider, ProviderAccount};
use annals_domain::path::Path;
use annals_domain::position::Version;
use annals_domain::testing::{ChangeBuilder, at, created, image, updated};
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
        state.unknown_paths().into_iter().map(|path| path.as_str().to_owned()).collect::<Vec<_>>()
    };
    let address = || created(1).with("Name", "n").with("BillingAddress.City", "c").with("BillingAddress.Country", "FR");
    assert_eq!(unknown(&[address()]), Vec::<String>::new());
    assert_eq!(unknown(&[address(), updated(2).naming("BillingAddress").naming("Name")]), ["BillingAddress", "Name"]);
    let stated = updated(3).with("BillingAddress", Value::Null).naming("Fax");
    assert_eq!(unknown(&[address(), updated(2).naming("BillingAddress"), stated]), ["Fax"]);
    assert_eq!(unknown(&[address(), updated(2).naming("BillingAddress.City")]), ["BillingAddress.City"]);
}

#[test]
fn a_struct_that_changed_without_its_value_is_unknown_until_a_record_image_states_its_parts() {
    #[track_caller]
    fn check(later: &[ChangeBuilder], expected: &[&str], expected_struct: &str) {
        let base = created(1).with("Address.City", "c").with("Address.Country", "FR");
        let changes: Vec<_> = [&[base, updated(2).naming("Address")], later].concat();
        for order in [changes.clone(), changes.iter().rev().cloned().collect()] {
            reads(&order, "Address", expected_struct);
            let mut state = new();
            order.iter().for_each(|change| state.apply(Version::FIRST, &change.clone().change()));
            let unknown: Vec<_> = state.unknown_paths().into_iter().map(|path| path.as_str()).collect();
            assert_eq!(unknown, expected, "{order:?}");
        }
    }
    let city = || updated(3).with("Address.City", "d");
    let country = || updated(3).with("Address.Country", "DE");
    check(&[], &["Address"], "unknown");
    check(&[city()], &["Address"], r#"{"City":"d"} and unknown"#);
    // Other parts may have changed too.
    check(&[city(), country()], &["Address"], r#"{"City":"d","Country":"DE"} and unknown"#);
    check(&[city(), updated(4).naming("Address.City")], &["Address", "Address.City"], "unknown");
    check(&[image(4).with("Address.City", "d").with("Address.Country", "DE")], &[], r#"{"City":"d","Country":"DE"}"#);
    check(&[city(), image(4).with("Address.City", "e")], &["Address.Country"], r#"{"City":"e"} and unknown"#);
    let hidden = image(3).with("Address.City", "d");
    check(&[hidden.clone(), country()], &[], r#"{"City":"d","Country":"DE"}"#);
    check(&[hidden, updated(4).naming("Address.Country")], &["Address.Country"], r#"{"City":"d"} and unknown"#);
    check(&[city(), updated(4).with("Address", Value::Null)], &[], "null");
    check(&[updated(3).with("Address", Value::Null), updated(4).with("Address.City", "e")], &[], r#"{"City":"e"}"#);
}

#[test]
fn parts_far_below_a_struct_that_changed_without_its_value_are_unknown_too() {
    let part = updated(3).with("A.B.D", 2);
    let changes = [created(1).with("A.B.C", 1), updated(2).naming("A"), part];
    for path in ["A.B", "A"] {
        let prefix = if path == "A" { "B." } else { "" };
        reads(&changes, path, &format!(r#"{{"{prefix}D":2}} and unknown"#));
    }
    reads(&changes, "A.B.C", "unknown");
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
        FieldReading::Struct { known, is_whole } => {
            let text = serde_json::to_string(&known).expect("an object");
            if is_whole { text } else { format!("{text} and unknown") }
        }
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
