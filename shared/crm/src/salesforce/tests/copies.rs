//! Copies of one change event: equal statements are duplicates, and a differing one is an event of its own.

use annals_domain::position::{EventId, SourceOrder};
use annals_domain::provider_adapter::ProviderAdapter;
use serde_json::{Value, json};

use super::{one, payload, salesforce, show};

fn identity(input: &str) -> (SourceOrder, EventId) {
    let position = one(input).change.position;
    (position.source_order(), position.event_id)
}

#[track_caller]
fn duplicates(change_type: &str, copies: [(Value, &str); 2]) {
    let [one, other] = copies.map(|(more, body)| payload(change_type, &more, body));
    assert_eq!(identity(&one), identity(&other), "{one} and {other}");
}

#[track_caller]
fn both_stored(change_type: &str, copies: [(Value, &str); 2]) {
    let [one, other] = copies.map(|(more, body)| payload(change_type, &more, body));
    let (first, second) = (identity(&one), identity(&other));
    assert_eq!(first.0, second.0, "{one} and {other} have one place in the order of the source");
    assert_ne!(first.1, second.1, "{one} and {other}");
}

fn pubsub(changed: &Value, nulled: &Value) -> Value {
    json!({"changedFields": changed, "nulledFields": nulled, "diffFields": []})
}

#[test]
fn equal_statements_in_different_forms_are_duplicates() {
    let plain = || json!({"changedFields": ["Amount", "CloseDate", "LastModifiedDate"]});
    let named = || pubsub(&json!(["Amount", "CloseDate", "LastModifiedDate"]), &json!([]));
    let bits = || pubsub(&json!(["0x2C"]), &json!([]));
    let json_body = r#"{"Amount":50000,"CloseDate":"2026-09-21","LastModifiedDate":"2026-09-21T10:00:00.000Z"}"#;
    let pubsub_body =
        r#"{"Name":null,"Amount":50000.0,"CloseDate":1789948800000,"Fax":null,"LastModifiedDate":1789984800000}"#;
    duplicates("UPDATE", [(plain(), json_body), (named(), pubsub_body)]);
    duplicates("UPDATE", [(plain(), json_body), (bits(), pubsub_body)]);
    let wrapped =
        r#"{"LastModifiedDate":{"long":1789984800000},"Amount":{"double":5e4},"CloseDate":{"long":1789948800000}}"#;
    duplicates("UPDATE", [(plain(), json_body), (named(), wrapped)]);
}

#[test]
fn enriched_values_keys_and_white_space_do_not_distinguish_copies() {
    let named = || json!({"changedFields": ["Name"]});
    duplicates("UPDATE", [(named(), r#"{"Name":"n"}"#), (named(), r#"{ "Industry":"enriched", "Name" : "n" }"#)]);
    duplicates(
        "UPDATE",
        [(named(), r#"{"Name":"n"}"#), (json!({"changedFields": ["Name"], "commitUser": "x"}), r#"{"Name":"n"}"#)],
    );
    duplicates("DELETE", [(json!({}), ""), (json!({}), r#"{"Name":"enriched"}"#)]);
    duplicates("GAP_UPDATE", [(json!({}), ""), (json!({}), r#"{"Name":null}"#)]);
    duplicates("CREATE", [(json!({}), r#"{"Name":"n","Phone":null}"#), (json!({}), r#"{"Name":"n"}"#)]);
}

#[test]
fn copies_that_say_more_or_less_are_both_stored() {
    both_stored(
        "CREATE",
        [(json!({}), r#"{"Name":"n"}"#), (json!({}), r#"{"Name":"n","Account_Status__c":"Active"}"#)],
    );
    let named = || json!({"changedFields": ["Name", "Phone"]});
    both_stored("UPDATE", [(named(), r#"{"Name":"n"}"#), (named(), r#"{"Name":"n","Phone":"1"}"#)]);
    both_stored(
        "UPDATE",
        [(json!({"changedFields": []}), r#"{"Name":"n"}"#), (named(), r#"{"Name":"n","Phone":"1"}"#)],
    );
}

#[test]
fn a_restoration_that_is_whole_is_stored_beside_one_in_part() {
    let whole = || pubsub(&json!([]), &json!([]));
    both_stored("UNDELETE", [(json!({}), r#"{"Name":"n"}"#), (whole(), r#"{"Name":"n","Phone":null}"#)]);
    both_stored("UNDELETE", [(json!({}), r#"{"Name":"n"}"#), (whole(), r#"{"Name":"n"}"#)]);
}

#[test]
fn a_bitmap_behind_sorted_keys_is_undecodable_and_the_original_is_stored_beside_it() {
    let bits = || pubsub(&json!(["0x90"]), &json!(["0x80"]));
    let sorted = r#"{"Alpha__c":"a","Beta__c":null,"CreatedById":null,"CreatedDate":5,"LastModifiedDate":null,"Name":null,"Region__c":null,"Zone__c":"z"}"#;
    assert_eq!(show(&one(&payload("UPDATE", &bits(), sorted)).change), ["asks UndecodableFields"]);
    let original = r#"{"Name":null,"Alpha__c":null,"CreatedDate":null,"LastModifiedDate":5,"CreatedById":null,"Beta__c":null,"Zone__c":null}"#;
    let written = ["LastModifiedDate=5", "Zone__c=null"];
    assert_eq!(show(&one(&payload("UPDATE", &bits(), original)).change), written);
    both_stored("UPDATE", [(bits(), sorted), (bits(), original)]);
}

#[test]
fn keys_in_any_alphabetical_order_are_no_schema_order() {
    let asks = |body: &str| show(&one(&payload("UPDATE", &pubsub(&json!(["0x2"]), &json!([])), body)).change);
    for body in [
        r#"{"Fax":"f","Name":null,"Phone":null}"#,
        r#"{"Fax":"f","name":null,"Phone":null}"#,
        r#"{"Fax":"f","CreatedById":"005","CreatedDate":5,"Alpha__c":null}"#,
    ] {
        assert_eq!(asks(body), ["asks UndecodableFields"], "{body}");
    }
    for body in [r#"{"Fax":"f","Name":null}"#, r#"{"Fax":"f","Phone":null,"Name":null}"#] {
        assert_eq!(asks(body), [r#"Fax="f""#], "{body}");
    }
}

#[test]
fn undecodable_copies_are_distinguished_by_their_bodies() {
    let bits = || pubsub(&json!(["0x1000"]), &json!([]));
    both_stored("UPDATE", [(bits(), r#"{"Name":"n"}"#), (bits(), r#"{"Name":"m"}"#)]);
    duplicates("UPDATE", [(bits(), r#"{"Name":"n"}"#), (bits(), r#"{ "Name":"n"}"#)]);
}

#[test]
fn names_that_a_client_decoded_wrongly_leave_their_fields_unknown() {
    let body = r#"{"Name":null,"Description":null,"Website":"http://a.example","LastModifiedDate":1789984800000}"#;
    let incoming = one(&payload("UPDATE", &pubsub(&json!(["Description", "Name"]), &json!([])), body));
    let unknown = ["Description?", "LastModifiedDate?", "Name?", "Website?", "asks UndecodableFields"];
    assert_eq!(show(&incoming.change), unknown);
}

#[test]
fn an_event_that_does_not_say_what_changed_has_a_warning() {
    let warnings = |change_type: &str, more: Value| -> Vec<String> {
        one(&payload(change_type, &more, r#"{"Name":"n"}"#)).warnings.iter().map(ToString::to_string).collect()
    };
    assert_eq!(warnings("GAP_UPDATE", json!({})), ["what changed is unknown"]);
    let undecodable = "ChangeEventHeader.changedFields: cannot be decoded: what changed is unknown".to_owned();
    for more in [json!({"changedFields": []}), json!({"changedFields": ["0x1000"]})] {
        assert_eq!(warnings("UPDATE", more), std::slice::from_ref(&undecodable));
    }
    assert_eq!(warnings("GAP_DELETE", json!({})), Vec::<String>::new());
    assert_eq!(warnings("UPDATE", json!({})), Vec::<String>::new());
}

#[test]
fn a_lone_surrogate_is_stored_as_sent_and_read_with_a_warning() {
    let input = payload("UPDATE", &json!({"changedFields": ["Name"]}), r#"{"Name":"Cut \ud83c"}"#);
    let incoming = one(&input);
    assert_eq!(&*incoming.data, input);
    assert_eq!(show(&incoming.change), ["Name=\"Cut \u{fffd}\""]);
    let warning = "half of a surrogate pair stands alone: it is shown as the replacement character";
    assert_eq!(incoming.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(), [warning]);
    let stored = super::stored(&salesforce(), &incoming);
    assert_eq!(salesforce().read_event(&stored.input()), Ok((*incoming.change).clone()));
}

#[test]
fn an_event_that_an_earlier_release_stored_with_a_wrong_suffix_is_still_read() {
    let incoming = one(&payload("UPDATE", &json!({}), r#"{"Name":"n"}"#));
    let mut event = super::stored(&salesforce(), &incoming);
    event.data = event.data.replace("0014H00002LbR7QQAV", "0014H00002LbR7QAAA").into();
    event.metadata.external_id = annals_domain::identity::ExternalId::new("0014H00002LbR7QAAA");
    assert_eq!(salesforce().read_event(&event.input()), Ok((*incoming.change).clone()));
}
