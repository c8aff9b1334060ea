//! Parsing of change events: envelopes, orgs, records, identities, metadata.

use annals_domain::event::Source;
use annals_domain::identity::ProviderAccount;
use annals_domain::position::{EventId, Rank};
use annals_domain::provider_adapter::{ParsedInput, ProviderAdapter};
use serde_json::{Value, json};

use super::{ID, INSTANT, changes, header, one, org, payload, salesforce};

fn event_bridge(org: &str, payload: &str) -> String {
    format!(
        r#"{{"id":"delivery","detail-type":"AccountChangeEvent","source":"aws.partner/salesforce.com/{org}/0YL","detail":{{"payload":{payload}}}}}"#
    )
}

fn updated(more: &Value) -> String {
    payload("UPDATE", more, r#"{"Name":"n"}"#)
}

fn event_id(input: &str) -> EventId {
    one(input).change.position.event_id
}

#[test]
fn every_envelope_gives_the_same_change() {
    let bare = updated(&json!({}));
    let expected = one(&bare);
    for input in [
        event_bridge("00DRM000000Fxts2AC", &bare),
        format!(r#"{{"source":"s","detail":{bare}}}"#),
        format!(r#"{{"schema":"s","payload":{bare},"event":{{"replayId":1}}}}"#),
        format!(
            r#"{{"data":{{"schema":"s","payload":{bare},"event":{{"replayId":2}}}},"channel":"/data/ChangeEvents"}}"#
        ),
        format!(r#"{{"id":"u","schemaId":"s","replayId":3,"payload":{bare}}}"#),
    ] {
        let incoming = one(&input);
        assert_eq!(incoming.change, expected.change, "{input}");
        assert_eq!(&*incoming.data, input);
    }
}

#[test]
fn the_metadata_has_what_is_known_besides_the_change() {
    let metadata = one(&event_bridge("00DRM000000Fxts2AC", &updated(&json!({})))).metadata;
    assert_eq!(metadata.source, Source::Cdc);
    assert_eq!(metadata.external_id.as_str(), ID);
    assert_eq!(metadata.user.as_deref(), Some("005"));
    assert_eq!(metadata.change_origin.as_deref(), Some("o"));
    assert_eq!(metadata.transaction_key.as_deref(), Some("t"));
    assert_eq!(metadata.correlation_id.as_deref(), Some("delivery"));
    assert_eq!(one(&updated(&json!({}))).metadata.correlation_id.as_deref(), Some("t"));
}

#[test]
fn the_position_has_every_digit_of_the_header() {
    let position =
        one(&updated(&json!({"commitNumber": 1_778_192_987_716_501_506_i64, "sequenceNumber": 19}))).change.position;
    assert_eq!((position.timestamp.millis(), position.rank), (INSTANT, Rank::Change));
    assert_eq!((position.commit_number, position.sequence_number), (Some(1_778_192_987_716_501_506), Some(19)));
}

#[test]
fn one_change_event_of_many_records_gives_one_change_for_each() {
    let input = updated(&json!({"recordIds": [ID, "0014H00002LbR7R"]}));
    let both = changes(&salesforce(), &input);
    let ids: Vec<_> = both.iter().map(|change| change.metadata.external_id.as_str()).collect();
    assert_eq!(ids, [ID, "0014H00002LbR7RQAV"]);
    assert_eq!(both[0].change.writes, both[1].change.writes);
    assert_ne!(both[0].change.position.event_id, both[1].change.position.event_id);
}

#[test]
fn the_identity_consists_of_what_is_unique_at_the_source() {
    let base = event_id(&updated(&json!({})));
    for same in [
        json!({"recordIds": ["0014H00002LbR7Q"]}),
        json!({"commitNumber": 12}),
        json!({"commitTimestamp": INSTANT.to_string()}),
        json!({"commitUser": "x"}),
        json!({"sequenceNumber": 1.0}),
    ] {
        assert_eq!(event_id(&updated(&same)), base, "{same}");
    }
    for other in [
        json!({"entityName": "Contact"}),
        json!({"recordIds": ["0014H00002LbR7RQAV"]}),
        json!({"transactionKey": "u"}),
        json!({"sequenceNumber": 2}),
        json!({"commitTimestamp": INSTANT + 1000}),
    ] {
        assert_ne!(event_id(&updated(&other)), base, "{other}");
    }
    assert_ne!(event_id(&payload("CREATE", &json!({}), "")), base);
    let other_account = changes(&org("00DRM000000Fxts2AC"), &updated(&json!({})))[0].change.position.event_id;
    assert_ne!(other_account, base);
}

#[test]
fn without_transaction_or_sequence_number_different_changes_have_different_identities() {
    for missing in ["transactionKey", "sequenceNumber"] {
        let id = |change: &dyn Fn(&mut Value), body: &str| {
            let mut header = header("UPDATE");
            header.as_object_mut().unwrap().remove(missing);
            change(&mut header);
            event_id(&format!(r#"{{"ChangeEventHeader":{header},{body}}}"#))
        };
        let base = id(&|_| {}, r#""Name":"n","Phone":"1""#);
        assert_eq!(id(&|_| {}, r#" "Phone" : "1", "Name":"n""#), base, "order and white space do not matter");
        assert_ne!(id(&|_| {}, r#""Name":"m","Phone":"1""#), base);
        assert_ne!(id(&|_| {}, r#""Name":"n""#), base);
        assert_ne!(id(&|header| header["commitTimestamp"] = json!(5), r#""Name":"n","Phone":"1""#), base);
        assert_ne!(id(&|header| header["commitNumber"] = json!(5), r#""Name":"n","Phone":"1""#), base);
    }
}

#[test]
fn the_identity_of_a_known_change_never_changes_between_releases() {
    insta::assert_snapshot!(event_id(&updated(&json!({}))), @"35b3224e-0fe7-58e5-bd03-a849f1e10550");
}

#[test]
fn a_change_of_all_records_lists_none() {
    let wide = |more: Value, change_type: &str| match salesforce().read_input(&payload(change_type, &more, "")) {
        ParsedInput::EntityWide(wide) => wide,
        other => panic!("{other:?}"),
    };
    let wildcard = wide(json!({"recordIds": ["001*"]}), "UPDATE");
    assert_eq!(wildcard.entity_name.as_str(), "Account");
    assert_eq!(wildcard.reason, "recordIds has `001*`: all records of the object");
    let overflow = wide(json!({"recordIds": ["000000000000000AAA"]}), "GAP_OVERFLOW");
    assert_eq!(overflow.reason, "GAP_OVERFLOW: more changes in one transaction than Salesforce reports one by one");
    assert_ne!(wildcard.identity, overflow.identity);
    assert_eq!(wide(json!({"recordIds": ["001*"], "commitNumber": 5}), "UPDATE").identity, wildcard.identity);
    let malformed = salesforce().read_input(&payload(
        "GAP_OVERFLOW",
        &json!({"recordIds": ["000000000000000AAA"], "commitTimestamp": 0}),
        "",
    ));
    assert!(matches!(malformed, ParsedInput::Malformed(_)));
}

#[test]
fn an_event_of_another_org_is_rejected_if_the_org_is_configured() {
    let input = event_bridge("00DRM000000Fxts2AC", &updated(&json!({})));
    for own in ["00DRM000000Fxts2AC", "00DRM000000Fxts"] {
        assert_eq!(changes(&org(own), &input).len(), 1);
        assert_eq!(org(own).account().as_str(), "00DRM000000Fxts2AC");
    }
    let ParsedInput::Malformed(issues) = org("00DRM000000Fxtt").read_input(&input) else { panic!("another org") };
    let expected =
        "source: invalid org `00DRM000000Fxts2AC`: expected `00DRM000000Fxtt2AC`, the org of this installation";
    assert_eq!(issues.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
    assert_eq!(changes(&salesforce(), &input).len(), 1);
    assert_eq!(changes(&org("00DRM000000Fxtt"), &updated(&json!({}))).len(), 1);
    let broken = event_bridge("00DRM000000Fxts2AC", r#"{"ChangeEventHeader":null}"#);
    let ParsedInput::Malformed(issues) = org("00DRM000000Fxtt").read_input(&broken) else { panic!("malformed") };
    assert_eq!(issues.len(), 2);
}

#[test]
fn the_org_that_an_input_names_is_noted_if_none_is_configured() {
    let account = |adapter: &super::Salesforce, input: &str| changes(adapter, input)[0].account.clone();
    let input = event_bridge("00DRM000000Fxts", &updated(&json!({})));
    assert_eq!(account(&salesforce(), &input), Some(ProviderAccount::new("00DRM000000Fxts2AC")));
    assert_eq!(account(&salesforce(), &updated(&json!({}))), None);
    assert_eq!(account(&org("00DRM000000Fxts2AC"), &input), None);
}

#[test]
fn an_input_that_is_not_a_change_event_says_what_it_is() {
    let read = |input: &str| salesforce().read_input(input);
    assert!(
        matches!(read(r#"{"schema":"s","payload":{"A":1}}"#), ParsedInput::Ignored(what) if what.contains("platform event"))
    );
    assert!(matches!(read("[]"), ParsedInput::Unrecognised(_)));
    assert!(matches!(read(r#"{"ChangeEventHeader":[]}"#), ParsedInput::Malformed(_)));
    let ParsedInput::Unrecognised(issue) = read("{\"a\":1,\n\"a\":2}") else { panic!("a key twice") };
    assert_eq!(issue.to_string(), "cannot be read as JSON: line 2, column 3: the key `a` is duplicated");
}
