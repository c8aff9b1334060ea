//! What each change type says about its record.

use annals_domain::change::{CreationTime, Lifecycle};
use annals_domain::event::{BodyForm, EventType};
use annals_domain::timestamp::Timestamp;
use serde_json::{Value, json};

use super::{INSTANT, one, payload, show};

#[track_caller]
fn says(change_type: &str, more: &Value, body: &str, expected: &[&str]) {
    let input = payload(change_type, more, body);
    assert_eq!(show(&one(&input).change), expected, "{input}");
}

fn pubsub(changed: &Value) -> Value {
    json!({"nulledFields": [], "diffFields": [], "changedFields": changed})
}

#[test]
fn every_change_type_has_its_event_type_lifecycle_and_base() {
    for (change_type, event_type, lifecycle, is_base) in [
        ("CREATE", EventType::Created, Lifecycle::Active, true),
        ("UPDATE", EventType::Updated, Lifecycle::Active, false),
        ("DELETE", EventType::Deleted, Lifecycle::Deleted, false),
        ("UNDELETE", EventType::Restored, Lifecycle::Active, false),
        ("GAP_CREATE", EventType::Gap, Lifecycle::Active, false),
        ("GAP_UPDATE", EventType::Gap, Lifecycle::Active, false),
        ("GAP_DELETE", EventType::Gap, Lifecycle::Deleted, false),
        ("GAP_UNDELETE", EventType::Gap, Lifecycle::Active, false),
    ] {
        let incoming = one(&payload(change_type, &json!({}), r#"{"Name":"n"}"#));
        assert_eq!(incoming.event_type, event_type, "{change_type}");
        assert_eq!((incoming.change.lifecycle, incoming.change.is_base), (Some(lifecycle), is_base), "{change_type}");
    }
}

#[test]
fn a_creation_writes_all_fields_of_its_body_that_have_a_value() {
    says("CREATE", &json!({"changedFields": ["Name"]}), r#"{"Name":"n","Phone":null}"#, &[r#"Name="n""#]);
    says("CREATE", &pubsub(&json!([])), r#"{"Name":"n","BillingAddress":{"City":null}}"#, &[r#"Name="n""#]);
}

#[test]
fn a_restoration_is_whole_in_the_pubsub_form_and_in_part_in_the_json_form() {
    says("UNDELETE", &json!({}), r#"{"Name":"n"}"#, &[r#"Name="n""#, "asks RestoredInPart"]);
    says("UNDELETE", &pubsub(&json!([])), r#"{"Name":"n","Phone":null}"#, &[r#"Name="n""#, "Phone=null"]);
    assert!(one(&payload("UNDELETE", &pubsub(&json!([])), "")).change.is_base);
}

#[test]
fn bodies_of_deletions_and_gaps_are_never_applied() {
    says("DELETE", &json!({"changedFields": []}), r#"{"Industry":"enriched"}"#, &[]);
    says("DELETE", &pubsub(&json!([])), r#"{"Name":null}"#, &[]);
    says("GAP_UPDATE", &pubsub(&json!([])), r#"{"Name":null}"#, &["asks Gap"]);
    says("GAP_DELETE", &json!({}), "", &["asks Gap"]);
}

#[test]
fn an_update_writes_the_fields_it_lists() {
    says("UPDATE", &json!({"changedFields": ["Name"]}), r#"{"Name":"n","Industry":"enriched"}"#, &[r#"Name="n""#]);
    says(
        "UPDATE",
        &json!({"changedFields": ["Name.LastName"]}),
        r#"{"Name":{"LastName":"l"}}"#,
        &[r#"Name.LastName="l""#],
    );
    says("UPDATE", &json!({"changedFields": ["Phone"]}), "", &["Phone?", "asks NotCarried"]);
    says("UPDATE", &json!({"changedFields": ["Phone"]}), r#"{"Phone":null}"#, &["Phone=null"]);
    says("UPDATE", &json!({"nulledFields": ["Phone"]}), r#"{"Phone":null,"Name":null}"#, &["Phone=null"]);
    says("UPDATE", &json!({"nulledFields": ["Phone"]}), r#"{"Name":null}"#, &["Phone=null"]);
}

#[test]
fn an_update_without_lists_writes_the_keys_of_its_body() {
    says("UPDATE", &json!({}), r#"{"Name":"n","Phone":null}"#, &[r#"Name="n""#, "Phone=null"]);
    says("UPDATE", &json!({}), r#"{"LastModifiedDate":1,"Name":"n"}"#, &["LastModifiedDate=1", r#"Name="n""#]);
    says("UPDATE", &json!({}), r#"{"LastModifiedDate":1,"Name":null}"#, &["asks UndecodableFields"]);
    says("UPDATE", &json!({}), "", &["asks UndecodableFields"]);
}

#[test]
fn an_update_with_empty_lists_writes_nothing_and_requires_a_refetch() {
    says("UPDATE", &json!({"changedFields": []}), r#"{"Name":"n"}"#, &["asks UndecodableFields"]);
    says("UPDATE", &pubsub(&json!([])), r#"{"Name":"n"}"#, &["asks UndecodableFields"]);
}

#[test]
fn bitmaps_select_fields_by_the_order_of_the_body() {
    let body = r#"{"Name":null,"Fax":"1","Industry":"enriched","BillingAddress":{"Street":"s","City":null},"LastModifiedDate":5}"#;
    says("UPDATE", &pubsub(&json!(["0x24"])), body, &[r#"Fax="1""#, "LastModifiedDate=5"]);
    says("UPDATE", &pubsub(&json!(["0x20", "4-0x01"])), body, &[r#"BillingAddress.Street="s""#, "LastModifiedDate=5"]);
    let nulled = json!({"changedFields": ["0x22"], "nulledFields": ["0x2"], "diffFields": []});
    says("UPDATE", &nulled, body, &["Name=null", "LastModifiedDate=5"]);
    says("UPDATE", &pubsub(&json!(["0x22"])), body, &["asks UndecodableFields"]);
    says("UPDATE", &pubsub(&json!(["0x4"])), body, &["asks UndecodableFields"]);
}

#[test]
fn null_siblings_of_listed_fields_are_not_written_in_the_pubsub_form() {
    let body = r#"{"BillingAddress":{"Street":null,"City":"c","Xyz":null}}"#;
    says("UPDATE", &pubsub(&json!(["BillingAddress.City"])), body, &[r#"BillingAddress.City="c""#]);
}

#[test]
fn a_difference_is_stored_as_a_difference_in_both_forms() {
    let text = format!("--- \\n+++ {}\\n@@ -1,1 +1,1 @@\\n-a\\n+b", "0".repeat(64));
    let json_form = format!(r#"{{"Description":{{"diff":"{text}"}}}}"#);
    says("UPDATE", &json!({"changedFields": ["Description"]}), &json_form, &["Description~"]);
    let body = format!(r#"{{"Description":"{text}","LastModifiedDate":5}}"#);
    for (changed, diffs) in [(json!(["0x6"]), "0x2"), (json!(["Description", "LastModifiedDate"]), "Description")] {
        let more = json!({"changedFields": changed, "nulledFields": [], "diffFields": [diffs]});
        says("UPDATE", &more, &body, &["Description~", "LastModifiedDate=5"]);
        let plain = r#"{"Description":"plain","LastModifiedDate":5}"#;
        says("UPDATE", &more, plain, &["Description?", "LastModifiedDate=5", "asks NotCarried"]);
    }
    let undecodable = json!({"changedFields": ["Description"], "diffFields": ["0x800"]});
    says("UPDATE", &undecodable, &body, &["asks UndecodableFields"]);
    says("CREATE", &json!({"diffFields": ["0x800"]}), &body, &["asks UndecodableFields"]);
}

#[test]
fn the_body_form_is_recognised_by_what_only_the_pubsub_form_has() {
    let form = |more: Value, body: &str| one(&payload("UPDATE", &more, body)).metadata.body_form;
    assert_eq!(
        form(json!({"changedFields": ["Name"]}), r#"{"LastModifiedDate":"2024-01-15T10:30:00Z"}"#),
        BodyForm::Json
    );
    assert_eq!(form(json!({"nulledFields": []}), ""), BodyForm::Pubsub);
    assert_eq!(form(json!({"diffFields": []}), ""), BodyForm::Pubsub);
    assert_eq!(form(json!({"changedFields": ["0x2"]}), ""), BodyForm::Pubsub);
    assert_eq!(form(json!({}), r#"{"LastModifiedDate":5}"#), BodyForm::Pubsub);
    assert_eq!(form(json!({}), r#"{"CreatedDate":{"long":5}}"#), BodyForm::Pubsub);
}

#[test]
fn the_creation_time_is_stated_by_a_field_or_is_the_commit_of_the_creation() {
    let creation = |change_type: &str, more: Value, body: &str| one(&payload(change_type, &more, body)).change.creation;
    let at = |millis| Timestamp::from_millis(millis).unwrap();
    let (committed, stated) =
        (Some(CreationTime::Committed(at(INSTANT))), Some(CreationTime::Stated(at(1_600_000_000_000))));
    assert_eq!(creation("CREATE", json!({}), r#"{"CreatedDate":"2020-09-13T12:26:40.000+0000"}"#), stated);
    assert_eq!(creation("CREATE", json!({}), r#"{"CreatedDate":"soon"}"#), committed);
    assert_eq!(
        creation("CREATE", json!({}), r#"{"CreatedDate":1600000000}"#),
        committed,
        "seconds are no milliseconds"
    );
    assert_eq!(creation("CREATE", json!({}), ""), committed);
    assert_eq!(creation("UNDELETE", json!({}), r#"{"CreatedDate":1600000000000}"#), stated);
    assert_eq!(creation("UNDELETE", json!({}), ""), None);
    assert_eq!(
        creation("UPDATE", json!({"changedFields": ["CreatedDate"]}), r#"{"CreatedDate":1600000000000}"#),
        stated
    );
    assert_eq!(
        creation("UPDATE", json!({"changedFields": ["Name"]}), r#"{"Name":"n","CreatedDate":1600000000000}"#),
        None
    );
    assert_eq!(creation("DELETE", json!({}), r#"{"CreatedDate":1600000000000}"#), None);
}
