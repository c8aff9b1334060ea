//! Record images.

use annals_domain::change::{CreationTime, Lifecycle};
use annals_domain::event::{BodyForm, EventType, ObservedParts, Source};
use annals_domain::identity::{EntityName, ExternalId};
use annals_domain::path::Path;
use annals_domain::position::{EventId, Rank};
use annals_domain::provider_adapter::{IncomingChange, ProviderAdapter, RecordImage};
use annals_domain::timestamp::Timestamp;

use super::{ID, salesforce, show, stored};

const STAMP: &str = r#""SystemModstamp":"2024-01-15T10:30:00.000+0000""#;
const STAMP_MS: i64 = 1_705_314_600_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

fn image(record: Option<&str>) -> RecordImage {
    RecordImage::new(record.map(Into::into), at(STAMP_MS + 9000))
}

fn read(image: &RecordImage) -> Result<IncomingChange, Vec<String>> {
    let read = salesforce().read_image(&EntityName::new("Lead"), &ExternalId::new(ID), image);
    read.map_err(|issues| issues.iter().map(ToString::to_string).collect())
}

fn record(fields: &str) -> IncomingChange {
    read(&image(Some(&format!("{{{STAMP},{fields}}}")))).unwrap()
}

fn event_id(fields: &str) -> EventId {
    record(fields).change.position.event_id
}

#[track_caller]
fn rejected(record: &str, expected: &[&str]) {
    assert_eq!(read(&image(Some(record))).expect_err("rejected"), expected, "{record}");
}

#[test]
fn an_image_writes_every_field_under_its_canonical_path() {
    let incoming = record(
        r#""attributes":{"type":"Lead"},"Id":"0014H00002LbR7Q","Name":"B M","FirstName":"B","Phone":null,
           "Address":{"city":"T","postalCode":null},"Street":"s","Owner":{"attributes":{},"Name":"O"},
           "Tasks":{"totalSize":1,"done":true,"records":[{}]},"IsDeleted":false"#,
    );
    assert_eq!(
        show(&incoming.change),
        [
            r#"SystemModstamp="2024-01-15T10:30:00.000+0000""#,
            r#"Id="0014H00002LbR7Q""#,
            r#"Name="B M""#,
            r#"Name.FirstName="B""#,
            "Phone=null",
            r#"Address.City="T""#,
            "Address.PostalCode=null",
            r#"Address.Street="s""#,
            r#"Owner.Name="O""#,
            "IsDeleted=false",
        ]
    );
    assert_eq!((incoming.event_type, incoming.change.lifecycle), (EventType::Updated, Some(Lifecycle::Active)));
    assert!(incoming.change.is_base && incoming.change.asks_refetch.is_none());
    assert_eq!((incoming.metadata.source, incoming.metadata.body_form), (Source::Backfill, BodyForm::Image));
}

#[test]
fn an_image_sorts_after_the_changes_of_its_timestamp_and_a_fresh_one_before_them() {
    let position = record(r#""A":1"#).change.position;
    assert_eq!((position.timestamp, position.rank), (at(STAMP_MS), Rank::Image));
    assert_eq!((position.commit_number, position.sequence_number), (Some(STAMP_MS + 9000), None));
    let fresh = RecordImage { still_fresh: true, ..image(Some(&format!("{{{STAMP}}}"))) };
    assert_eq!(read(&fresh).unwrap().change.position.rank, Rank::FreshImage);
    let modified = read(&image(Some(r#"{"SystemModstamp":null,"LastModifiedDate":"2024-01-15T10:30:00Z"}"#))).unwrap();
    assert_eq!(modified.change.position.timestamp, at(STAMP_MS));
}

#[test]
fn equal_contents_of_one_timestamp_are_one_event_whenever_read() {
    let base = event_id(r#""A":1,"B":2"#);
    assert_eq!(event_id(r#""B":2, "A":1,"attributes":{"url":"x"}"#), base);
    assert_ne!(event_id(r#""A":1,"B":3"#), base);
    let text = format!(r#"{{{STAMP},"A":1,"B":2}}"#);
    let later = RecordImage { fetched_at: at(STAMP_MS + 99_000), ..image(Some(&text)) };
    assert_eq!(read(&later).unwrap().change.position.event_id, base);
    let fresh = RecordImage { still_fresh: true, ..image(Some(&text)) };
    assert_ne!(read(&fresh).unwrap().change.position.event_id, base);
    insta::assert_snapshot!(base, @"4d8bfa49-4844-59a6-aaee-41fa98c08ece");
}

fn observed(fields: &[&str]) -> ObservedParts {
    ObservedParts { paths: fields.iter().map(|field| Path::new(*field)).collect(), whole: false }
}

/// Rule 12 of reading CRMs.
#[test]
fn a_calculated_field_stands_at_the_time_of_reading() {
    let text = format!(r#"{{{STAMP},"Name":"n","Score__c":7,"Address":{{"city":"x"}}}}"#);
    let image = RecordImage { observed: observed(&["Score__c", "Address"]), ..image(Some(&text)) };
    let incoming = read(&image).unwrap();
    assert_eq!(show(&incoming.change), [r#"SystemModstamp="2024-01-15T10:30:00.000+0000""#, r#"Name="n""#]);
    let observation = incoming.change.observation.as_ref().unwrap();
    assert_eq!((observation.position.timestamp, observation.position.rank), (at(STAMP_MS + 9000), Rank::Image));
    assert_eq!(observation.position.event_id, incoming.change.position.event_id);
    let paths: Vec<_> = observation.writes.iter().map(|write| write.path.as_str()).collect();
    assert_eq!((paths, observation.is_whole), (vec!["Score__c", "Address.City"], false));
    assert_eq!(incoming.change.position.event_id, event_id(r#""Name":"n","Score__c":7,"Address":{"city":"x"}"#));
}

#[test]
fn an_image_states_something_later_only_if_a_part_of_it_was_observed() {
    let text = format!(r#"{{{STAMP},"A":1}}"#);
    let observation = |observed: ObservedParts, still_fresh: bool| {
        let image = RecordImage { observed, still_fresh, ..image(Some(&text)) };
        let found = read(&image).unwrap().change.observation.clone()?;
        Some((found.position.timestamp, found.position.rank, found.is_whole, found.writes.len()))
    };
    let at_reading = |is_whole, writes| Some((at(STAMP_MS + 9000), Rank::Image, is_whole, writes));
    let whole = ObservedParts { whole: true, ..ObservedParts::default() };
    for still_fresh in [false, true] {
        assert_eq!(observation(ObservedParts::default(), still_fresh), None);
        assert_eq!(observation(observed(&["B"]), still_fresh), None, "the record has no such field");
        assert_eq!(observation(observed(&["A"]), still_fresh), at_reading(false, 1));
        assert_eq!(observation(whole.clone(), still_fresh), at_reading(true, 0));
    }
}

#[test]
fn a_correction_is_an_event_of_its_own_each_time_it_is_read() {
    let text = format!(r#"{{{STAMP},"A":1}}"#);
    let corrected = |seconds: i64| {
        let image = RecordImage { is_correction: true, observed: observed(&["A"]), ..image(Some(&text)) };
        let image = RecordImage { fetched_at: at(STAMP_MS + seconds * 1000), ..image };
        read(&image).unwrap().change.position.event_id
    };
    assert_eq!(corrected(10), corrected(10));
    assert_ne!(corrected(10), corrected(11));
    assert_ne!(corrected(10), event_id(r#""A":1"#));
}

#[test]
fn the_image_of_a_deleted_record_is_a_deletion_with_its_merge_target() {
    let deleted = record(r#""IsDeleted":true,"MasterRecordId":"0014H00002LbR7R""#);
    assert_eq!((deleted.event_type, deleted.change.lifecycle), (EventType::Deleted, Some(Lifecycle::Deleted)));
    assert_eq!(deleted.metadata.merged_into, Some(ExternalId::new("0014H00002LbR7RQAV")));
    assert_eq!(record(r#""IsDeleted":true,"MasterRecordId":null"#).metadata.merged_into, None);
    assert_eq!(record(r#""IsDeleted":false,"MasterRecordId":"0014H00002LbR7R""#).metadata.merged_into, None);
}

#[test]
fn a_confirmed_absence_is_a_deletion_at_the_time_of_reading() {
    let absent = read(&image(None)).unwrap();
    assert_eq!((absent.event_type, absent.change.lifecycle), (EventType::Deleted, Some(Lifecycle::Deleted)));
    assert_eq!((absent.change.position.timestamp, &*absent.data), (at(STAMP_MS + 9000), "null"));
    assert!(absent.change.is_base && absent.change.writes.is_empty());
}

#[test]
fn the_creation_time_is_the_one_the_record_states() {
    let created = record(r#""CreatedDate":"1970-01-01T00:00:05.000+0000""#).change.creation;
    assert_eq!(created, Some(CreationTime::Stated(at(5000))));
    assert_eq!(record(r#""A":1"#).change.creation, None);
}

#[test]
fn another_record_than_the_requested_one_is_rejected() {
    rejected("{}", &["SystemModstamp: missing, like LastModifiedDate: expected one of the two"]);
    rejected(r#"{"SystemModstamp":"soon"}"#, &["SystemModstamp: invalid value `\"soon\"`: expected a timestamp"]);
    rejected("[]", &["invalid record: expected a JSON object as the REST API returns it"]);
    rejected("null", &["invalid record: expected a JSON object as the REST API returns it"]);
    rejected("{", &["cannot be read as JSON: line 1, column 1: unexpected end: EOF while parsing an object"]);
    rejected(
        r#"{"Id":"0014H00002LbR7RQAV"}"#,
        &[
            "Id: invalid id `\"0014H00002LbR7RQAV\"`: expected `0014H00002LbR7QQAV`, the requested record",
            "SystemModstamp: missing, like LastModifiedDate: expected one of the two",
        ],
    );
    rejected(
        &format!(r#"{{{STAMP},"Id":null}}"#),
        &["Id: invalid id `null`: expected `0014H00002LbR7QQAV`, the requested record"],
    );
}

#[test]
fn a_stored_image_reads_the_same_as_on_arrival() {
    for record in [
        None,
        Some(format!(r#"{{{STAMP},"A":1,"Address":{{"city":"x"}}}}"#)),
        Some(format!(r#"{{{STAMP},"IsDeleted":true}}"#)),
    ] {
        for (still_fresh, whole) in [(false, false), (true, false), (false, true)] {
            let observed = ObservedParts { whole, ..observed(&["A"]) };
            let image = RecordImage { still_fresh, observed, ..image(record.as_deref()) };
            let incoming = read(&image).unwrap();
            assert_eq!(
                salesforce().read_event(&stored(&salesforce(), &incoming).input()),
                Ok((*incoming.change).clone())
            );
        }
    }
}
