//! Envelopes: finds the change event in an input, or says what the input is instead.
//!
//! The header itself is not read here. An input that is named as a change event but has no header is invalid.

use annals_domain::validation_issue::ValidationIssue;

use annals_json::{Json, Object};

/// The key that makes a payload a change event.
pub(super) const HEADER: &str = "ChangeEventHeader";

/// The prefix of EventBridge's `source` for relayed events. The org's id follows.
const PARTNER_SOURCE: &str = "aws.partner/salesforce.com/";

/// A change event, and what its envelope says about it.
pub(super) struct ChangeEvent<'a> {
    pub(super) header: Json<'a>,
    /// The fields in their order. The header's key is kept, with null as its value, since bitmaps count it.
    pub(super) payload: Object<'a>,
    pub(super) org: Option<String>,
    pub(super) envelope_id: Option<String>,
}

pub(super) enum OpenedEnvelope<'a> {
    Change(ChangeEvent<'a>),
    Other(String),
    /// Named as a change event, but without a header.
    Broken(ValidationIssue),
    /// Not a form of this provider.
    Unrecognised(ValidationIssue),
}

pub(super) fn open(input: Json<'_>) -> OpenedEnvelope<'_> {
    let Json::Object(mut outer) = input else { return unrecognised() };
    if outer.contains_key(HEADER) {
        return change(outer);
    }
    if outer.contains_key("detail") || outer.contains_key("detail-type") {
        return open_event_bridge(outer);
    }
    if outer.contains_key("channel") || outer.contains_key("data") {
        return open_comet_d(outer);
    }
    open_streamed(&mut outer)
}

fn open_event_bridge(mut outer: Object<'_>) -> OpenedEnvelope<'_> {
    let text = |key: &str| outer.get(key).and_then(Json::as_str).map(str::to_owned);
    let (detail_type, source, envelope_id) = (text("detail-type"), text("source"), text("id"));
    let payload = match outer.get_mut("detail").map(Json::take) {
        // AppFlow puts the header and the fields directly into `detail`.
        Some(Json::Object(detail)) if detail.contains_key(HEADER) => Some(detail),
        Some(Json::Object(mut detail)) => payload_of(&mut detail),
        _ => None,
    };
    if let Some(payload) = payload {
        let org = source
            .as_deref()
            .and_then(|source| source.strip_prefix(PARTNER_SOURCE))
            .and_then(|rest| rest.split('/').next());
        let org = org.filter(|org| !org.is_empty()).map(str::to_owned);
        return delivery(payload, org, envelope_id);
    }
    match (detail_type, source) {
        (Some(name), _) if name.ends_with("ChangeEvent") => {
            OpenedEnvelope::Broken(header_missing(&format!("the event is a `{name}`")))
        }
        (Some(name), Some(source)) => {
            OpenedEnvelope::Other(format!("not a change event: the event `{name}` of `{source}`"))
        }
        (Some(name), None) => OpenedEnvelope::Other(format!("not a change event: the event `{name}`")),
        (None, Some(source)) => OpenedEnvelope::Other(format!("not a change event: an event of `{source}`")),
        (None, None) => unrecognised(),
    }
}

fn open_comet_d(mut outer: Object<'_>) -> OpenedEnvelope<'_> {
    let channel = outer.get("channel").and_then(Json::as_str).filter(|name| name.starts_with('/')).map(str::to_owned);
    let mut data = match outer.get_mut("data").map(Json::take) {
        Some(Json::Object(data)) => data,
        _ => Object::default(),
    };
    if let Some(payload) = payload_of(&mut data) {
        return change(payload);
    }
    match channel {
        Some(name) if name.starts_with("/data/") => {
            OpenedEnvelope::Broken(header_missing(&format!("the channel is `{name}`")))
        }
        Some(name) => OpenedEnvelope::Other(format!("not a change event: a message on `{name}`")),
        None => open_streamed(&mut data),
    }
}

/// `{schema, payload, event}`, and the decoded form of Pub/Sub clients.
fn open_streamed<'a>(outer: &mut Object<'a>) -> OpenedEnvelope<'a> {
    if let Some(payload) = payload_of(outer) {
        return change(payload);
    }
    let is_streamed = ["schema", "schemaId", "event", "replayId"].iter().any(|key| outer.contains_key(key));
    if is_streamed && outer.get("payload").is_some_and(|payload| payload.as_object().is_some()) {
        return OpenedEnvelope::Other("not a change event: a platform event".to_owned());
    }
    unrecognised()
}

fn payload_of<'a>(envelope: &mut Object<'a>) -> Option<Object<'a>> {
    match envelope.get_mut("payload") {
        Some(Json::Object(payload)) if payload.contains_key(HEADER) => Some(std::mem::take(payload)),
        _ => None,
    }
}

fn change(payload: Object<'_>) -> OpenedEnvelope<'_> {
    delivery(payload, None, None)
}

fn delivery(mut payload: Object<'_>, org: Option<String>, envelope_id: Option<String>) -> OpenedEnvelope<'_> {
    let header = payload.get_mut(HEADER).map_or(Json::Null, Json::take);
    OpenedEnvelope::Change(ChangeEvent { header, payload, org, envelope_id })
}

fn header_missing(claim: &str) -> ValidationIssue {
    ValidationIssue::new(HEADER, format!("missing, though {claim}; a change event has a header"))
}

fn unrecognised<'a>() -> OpenedEnvelope<'a> {
    let forms = "an EventBridge event, a CometD message, `schema`, `payload` and `event`, or a payload with a ChangeEventHeader";
    OpenedEnvelope::Unrecognised(ValidationIssue::new("", format!("not a Salesforce change event: expected {forms}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use annals_json as json;

    #[track_caller]
    fn check(input: &str, expected: &str) {
        let what = match open(json::read(input).expect(input)) {
            OpenedEnvelope::Change(found) => {
                assert!(found.payload.get(HEADER).is_some_and(Json::is_null));
                format!("change {} {:?} {:?}", found.header, found.org, found.envelope_id)
            }
            OpenedEnvelope::Other(what) => what,
            OpenedEnvelope::Broken(issue) => format!("broken: {issue}"),
            OpenedEnvelope::Unrecognised(_) => "unrecognised".to_owned(),
        };
        assert_eq!(what, expected, "{input}");
    }

    #[test]
    fn every_form_opens_to_its_payload() {
        check(r#"{"ChangeEventHeader":1}"#, "change 1 None None");
        check(r#"{"schema":"s","payload":{"ChangeEventHeader":2},"event":{}}"#, "change 2 None None");
        check(r#"{"id":"i","schemaId":"s","replayId":1,"payload":{"ChangeEventHeader":3}}"#, "change 3 None None");
        check(r#"{"data":{"payload":{"ChangeEventHeader":4}},"channel":"/data/X"}"#, "change 4 None None");
        check(r#"{"data":{"payload":{"ChangeEventHeader":5}}}"#, "change 5 None None");
        let source = r#""source":"aws.partner/salesforce.com/00D/0YL""#;
        check(
            &format!(r#"{{"id":"e",{source},"detail":{{"payload":{{"ChangeEventHeader":6}}}}}}"#),
            r#"change 6 Some("00D") Some("e")"#,
        );
        check(&format!(r#"{{"id":7,{source},"detail":{{"ChangeEventHeader":7}}}}"#), r#"change 7 Some("00D") None"#);
        check(r#"{"source":"aws.partner/salesforce.com","detail":{"ChangeEventHeader":8}}"#, "change 8 None None");
        check(r#"{"detail":{"payload":{"ChangeEventHeader":null}}}"#, "change null None None");
    }

    #[test]
    fn an_envelope_of_something_else_is_named() {
        let scheduled = r#"{"detail-type":"Scheduled Event","source":"aws.events","detail":{}}"#;
        check(scheduled, "not a change event: the event `Scheduled Event` of `aws.events`");
        check(r#"{"detail-type":"Ping","detail":"text"}"#, "not a change event: the event `Ping`");
        check(r#"{"source":"x","detail":{"payload":{}}}"#, "not a change event: an event of `x`");
        check(
            r#"{"data":{"payload":{"A__c":1}},"channel":"/event/A__e"}"#,
            "not a change event: a message on `/event/A__e`",
        );
        check(r#"{"channel":"/meta/connect","successful":true}"#, "not a change event: a message on `/meta/connect`");
        check(r#"{"schema":"s","payload":{"A__c":1},"event":{}}"#, "not a change event: a platform event");
        check(r#"{"data":{"schema":"s","payload":{"A__c":1},"event":{}}}"#, "not a change event: a platform event");
    }

    #[test]
    fn a_claim_to_be_a_change_event_without_a_header_is_broken() {
        let expected = "broken: ChangeEventHeader: missing, though the event is a `AccountChangeEvent`; a change event has a header";
        check(r#"{"detail-type":"AccountChangeEvent","detail":{"payload":{"Name":"x"}}}"#, expected);
        check(r#"{"detail-type":"AccountChangeEvent"}"#, expected);
        let expected = "broken: ChangeEventHeader: missing, though the channel is `/data/ChangeEvents`; a change event has a header";
        check(r#"{"data":{"payload":{"Name":"x"}},"channel":"/data/ChangeEvents"}"#, expected);
    }

    #[test]
    fn any_other_value_is_no_form() {
        for input in [
            "1",
            "null",
            "[]",
            "{}",
            r#""x""#,
            r#"{"detail":"x","status":404}"#,
            r#"{"payload":{}}"#,
            r#"{"data":{},"meta":{}}"#,
        ] {
            check(input, "unrecognised");
        }
    }
}
