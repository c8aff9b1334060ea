//! What is checked before a change is stored, and the type of its event.

use std::sync::Arc;

use annals_domain::event::EventType;
use annals_domain::identity::Provider;
use annals_domain::position::Version;
use annals_domain::provider_adapter::IncomingChange;
use annals_domain::services::sequence;
use annals_domain::stream_head::StreamHead;
use annals_domain::testing::{
    ChangeBuilder, PlainAdapter, at, created, deleted, gap, given, given_as, image, restored_whole, updated,
};
use annals_domain::timestamp::Timestamp;
use annals_domain::validation::{ValidationInput, ValidationReport, validate};
use annals_domain::validation_issue::ValidationIssue;

fn report(incoming: &IncomingChange, now: Timestamp) -> ValidationReport {
    let (adapters, schema) = (PlainAdapter::alone(), given([]).schema());
    let adapter = adapters.get(Provider::Salesforce).expect("the plain adapter");
    validate(&ValidationInput { incoming, head: None, schema: &schema, adapter: &**adapter, now })
}

#[test]
fn an_input_of_more_than_1040_kib_cannot_be_stored() {
    let sized = |bytes: usize| {
        let incoming = IncomingChange { data: Arc::from(" ".repeat(bytes)), ..created(1).incoming() };
        report(&incoming, at(1))
    };
    assert!(sized(1_064_960).is_accepted());
    let report = sized(1_064_961);
    assert!(!report.is_accepted());
    assert_eq!(report.errors.len(), 1);
    assert_eq!(report.errors[0].to_string(), "the input has 1064961 bytes: expected at most 1064960");
}

#[test]
fn a_commit_more_than_five_minutes_ahead_of_the_clock_is_a_warning() {
    let warnings = |now: i64| {
        let report = report(&created(0).incoming(), at(now));
        assert!(report.is_accepted());
        report.warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(warnings(0), Vec::<String>::new());
    assert_eq!(warnings(-300), Vec::<String>::new());
    let expected = "timestamp: 2026-01-01T00:00:00Z is in the future (now 2025-12-31T23:54:59Z)";
    assert_eq!(warnings(-301), [expected]);
}

#[test]
fn the_warnings_of_the_adapter_stay_in_front() {
    let own = ValidationIssue::new("a.b", "unusual");
    assert_eq!(own.to_string(), "a.b: unusual");
    let incoming = IncomingChange { warnings: vec![own.clone()], ..updated(1).incoming() };
    let warnings = report(&incoming, at(1)).warnings;
    assert_eq!((warnings.len(), &warnings[0]), (2, &own));
    assert_eq!(warnings[1].to_string(), "event_type: Updated before its creation: the entity waits for its base");
}

fn head(changes: &[ChangeBuilder]) -> Option<StreamHead> {
    changes.iter().fold(None, |head: Option<StreamHead>, change| {
        let incoming = change.clone().incoming();
        let version = head.as_ref().map_or(Version::FIRST, |head| head.version.next());
        Some(StreamHead::after(head.as_ref(), incoming.event_type, &incoming.change, version, at(0)))
    })
}

#[test]
fn an_image_is_a_creation_where_no_event_has_stated_the_whole_record() {
    let gone = IncomingChange { event_type: EventType::Deleted, ..image(9).incoming() };
    for (before, arrives, expected) in [
        (vec![], image(9).incoming(), EventType::Created),
        (vec![updated(1)], image(9).incoming(), EventType::Created),
        (vec![created(1)], image(9).incoming(), EventType::Updated),
        (vec![image(1)], image(9).incoming(), EventType::Updated),
        (vec![], gone, EventType::Deleted),
        (vec![], updated(9).incoming(), EventType::Updated),
        (vec![created(1)], updated(9).incoming(), EventType::Updated),
        (vec![], gap(9).incoming(), EventType::Gap),
        (vec![created(1)], created(9).incoming(), EventType::Created),
    ] {
        assert_eq!(sequence::event_type_of(head(&before).as_ref(), &arrives), expected, "{before:?} {arrives:?}");
    }
}

#[track_caller]
fn warned(before: &[ChangeBuilder], arrives: &IncomingChange, starts: &[&str]) {
    let issues = sequence::issues(head(before).as_ref(), arrives);
    let messages: Vec<&str> = issues.iter().map(|issue| issue.message.as_str()).collect();
    let is_equal = messages.len() == starts.len() && messages.iter().zip(starts).all(|(m, s)| m.starts_with(s));
    assert!(is_equal, "{messages:?}, expected {starts:?} for {arrives:?} after {before:?}");
}

#[test]
fn the_order_of_arrival_is_warned_of_for_change_events_only() {
    let as_created = |change: ChangeBuilder| IncomingChange { event_type: EventType::Created, ..change.incoming() };
    warned(&[image(1)], &created(2).incoming(), &["older than its image"]);
    warned(&[created(1)], &created(2).incoming(), &["created twice"]);
    warned(&[restored_whole(1)], &created(2).incoming(), &["created twice"]);
    warned(&[image(1)], &as_created(image(2)), &[]);
    warned(&[created(1)], &as_created(image(2)), &[]);
    warned(&[created(1), deleted(2)], &updated(3).incoming(), &["updated after its deletion"]);
    warned(&[created(1), deleted(2)], &image(3).incoming(), &[]);
    warned(&[created(1), deleted(2)], &deleted(3).incoming(), &[]);
    warned(&[created(1), deleted(2)], &updated(2).incoming(), &[]);
}

#[test]
fn a_change_waits_for_its_base_unless_it_is_one_or_follows_one() {
    warned(&[], &deleted(2).incoming(), &["Deleted before its creation"]);
    warned(&[updated(1)], &gap(2).incoming(), &["Gap before its creation"]);
    warned(&[], &restored_whole(2).incoming(), &[]);
    warned(&[created(1)], &deleted(2).incoming(), &[]);
    warned(&[], &created(2).partial().incoming(), &[]);
}

/// A definition with a status, a parent, both or none.
fn rules(status: &str, parent: &str) -> String {
    format!(
        r#"
type = "client"
plural = "clients"
{parent}
[objects]
salesforce = "Account"
{status}
[[fields]]
name = "id"
type = "id"
salesforce = {{ copy = "Id" }}
[[fields]]
name = "status"
type = "string"
salesforce = {{ copy = "Status" }}
[[fields]]
name = "parent_id"
type = "reference"
salesforce = {{ copy = "ParentId" }}
"#
    )
}

#[test]
fn an_unexpected_status_and_the_record_as_its_own_parent_are_warned_of() {
    let status = "[status]\nfield = \"status\"\nexpected = [\"Open\", \"Closed\"]";
    let (any_status, parent) = ("[status]\nfield = \"status\"", "parent = \"parent_id\"");
    let strange = || created(1).with("Status", "Odd").with("ParentId", "001A");
    let unexpected = "unexpected status `Odd`: expected one of Open, Closed";
    let own = "the record is its own parent";
    let check = |definition: String, change: ChangeBuilder, expected: &[&str]| {
        let _ = given_as(&definition, []).when(change).then_warned(expected);
    };
    check(rules(status, parent), strange(), &[unexpected, own]);
    check(rules(status, ""), strange(), &[unexpected]);
    check(rules("", parent), strange(), &[own]);
    check(rules(any_status, ""), strange(), &[]);
    check(rules(any_status, parent), strange(), &[own]);
    check(rules("", ""), strange(), &[]);
    check(rules(status, parent), created(1).with("Status", "Open").with("ParentId", "001B"), &[]);
    check(rules(status, parent), created(1).with("Status", "").with("ParentId", ""), &[]);
    check(rules(status, parent), created(1), &[]);
}
