//! The schemas that do not depend on the entity definitions, by name.

use annals_application::commands::Outcome;
use annals_application::ports::JobState;
use annals_domain::event::EventType;
use annals_domain::identity::Provider;
use serde_json::{Value, json};

use super::schema::{
    array, boolean, count, described, names, nullable, object, object_with, page_of, reference, text, timestamp, uuid,
    version,
};
use super::{event_schema, pattern};
use crate::problem::ProblemKind;
use crate::quarantine::STATES;

/// The schema of an entity of any type.
pub(super) const ENTITY: &str = "Entity";
/// The texts of times in parameters and bodies.
pub(super) const TIMESTAMP: &str = "Timestamp";
pub(super) const DAY: &str = "Day";
/// A timestamp or a day.
pub(super) const MOMENT: &str = "Moment";
/// One side of a difference.
pub(super) const DIFF_POINT: &str = "DiffPoint";
/// The largest page of a backfill.
const LARGEST_PAGE: u32 = annals_application::backfill::LARGEST_BACKFILL_PAGE;

/// An id of Salesforce: the last three of 18 characters follow from the others.
const ID: &str = "[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?";

pub(super) fn all() -> Vec<(&'static str, Value)> {
    let mut all = vec![("Problem", problem()), ("ValidationIssue", validation_issue()), ("Provider", provider())];
    all.extend(of_events());
    all.extend(event_schema::all());
    all.extend(of_quarantine());
    all.extend(of_backfills());
    all.extend(of_health());
    all.extend(of_times());
    all.push(("Count", object([("count", count())])));
    all
}

fn of_times() -> [(&'static str, Value); 4] {
    let point = format!("(?:{}|version:[1-9][0-9]{{0,8}})", pattern::moment());
    [
        (TIMESTAMP, described(whole(&pattern::timestamp()), "RFC 3339 with an offset, such as 2024-04-09T20:19:25Z.")),
        (DAY, whole(&pattern::day())),
        (MOMENT, described(whole(&pattern::moment()), "A timestamp, or a day in UTC.")),
        (DIFF_POINT, described(whole(&point), "A timestamp, a day in UTC, or `version:N`.")),
    ]
}

/// A text that the expression describes as a whole.
fn whole(expression: &str) -> Value {
    super::schema::pattern(expression)
}

pub(super) fn provider() -> Value {
    names(Provider::ALL.map(Provider::as_str))
}

pub(super) fn event_type() -> Value {
    names(EventType::ALL.map(EventType::as_str))
}

fn problem() -> Value {
    let kinds = ProblemKind::ALL.map(ProblemKind::type_uri);
    object_with(
        [
            ("type", json!({"type": "string", "format": "uri-reference", "enum": kinds})),
            ("title", text()),
            ("status", json!({"type": "integer", "minimum": 400, "maximum": 599})),
            ("detail", described(text(), "What happened, and what the caller can do.")),
        ],
        [
            ("errors", described(array(reference("ValidationIssue")), "What is invalid, and what is expected.")),
            ("results", described(array(reference("EventRead")), "What became of each change event of the body.")),
        ],
    )
}

pub(super) fn validation_issue() -> Value {
    let field = described(text(), "The name of the field or parameter; empty for the input as a whole.");
    object([("field", field), ("message", text())])
}

fn of_events() -> Vec<(&'static str, Value)> {
    let outcomes = Outcome::ALL.map(Outcome::as_str);
    let issues = || array(reference("ValidationIssue"));
    let read = object_with(
        [
            ("event_id", nullable(uuid())),
            ("provider", reference("Provider")),
            ("entity_name", described(nullable(text()), "The name of the object at its provider.")),
            ("external_id", nullable(text())),
            ("aggregate_type", nullable(text())),
            ("aggregate_id", nullable(uuid())),
            ("event_type", nullable(reference("EventType"))),
            ("version", described(nullable(version()), "The version it is stored at; null for a duplicate.")),
            ("timestamp", described(nullable(timestamp()), "When the CRM committed it.")),
            ("outcome", names(outcomes)),
            ("errors", issues()),
            ("warnings", issues()),
            ("processed_at", timestamp()),
        ],
        [
            ("job_id", described(uuid(), "The backfill job that keeps the input.")),
            ("quarantine_id", described(text(), "The quarantine entry that keeps the input.")),
        ],
    );
    let mut schemas = vec![
        ("EventType", event_type()),
        ("EventRead", described(read, "What became of one record's change. What does not apply is null.")),
        ("IngestResult", object([("results", array(reference("EventRead")))])),
    ];
    schemas.extend(salesforce_input());
    schemas
}

/// A change event of Salesforce in any of its forms. What is inside `ChangeEventHeader` is checked change by change: a
/// malformed change event is accepted and kept in quarantine.
fn salesforce_input() -> [(&'static str, Value); 6] {
    let [payload, in_payload] = ["SalesforcePayload", "SalesforceMessage"].map(reference);
    let detail = json!({"anyOf": [payload, in_payload]});
    let bare = described(object([("ChangeEventHeader", json!({}))]), "The fields of a record, and the header.");
    let forms = ["SalesforcePayload", "SalesforceMessage", "CometDMessage", "EventBridgeEvent"].map(reference);
    [
        ("SalesforcePayload", bare),
        ("SalesforceMessage", object([("payload", payload)])),
        ("CometDMessage", object([("data", in_payload)])),
        ("EventBridgeEvent", object([("detail", detail)])),
        ("SalesforceInput", described(json!({"anyOf": forms}), "A change event of Salesforce in any of its forms.")),
        ("IngestBody", ingest_body()),
    ]
}

/// An array is accepted if one of its elements is: the others are kept in quarantine.
fn ingest_body() -> Value {
    let several = json!({
        "type": "array",
        "anyOf": [{"maxItems": 0}, {"contains": reference("SalesforceInput")}],
    });
    json!({"anyOf": [reference("SalesforceInput"), several]})
}

fn of_quarantine() -> Vec<(&'static str, Value)> {
    let members = || {
        [
            ("id", pattern_of_id()),
            ("provider", reference("Provider")),
            ("received_at", timestamp()),
            ("errors", array(reference("ValidationIssue"))),
            ("size", described(count(), "In bytes.")),
            ("state", names(STATES.map(|(name, _)| name))),
        ]
    };
    let body = [
        ("body", described(text(), "The input, up to its first mebibyte.")),
        ("body_base64", described(text(), "The same, where it is not UTF-8.")),
        ("body_truncated", boolean()),
    ];
    vec![
        ("QuarantineEntry", object(members())),
        ("QuarantinedInput", object_with(members(), body)),
        ("QuarantinePage", page_of(reference("QuarantineEntry"))),
    ]
}

/// The id of a quarantined input: a SHA-256 in hexadecimal.
pub(super) fn pattern_of_id() -> Value {
    whole("[0-9a-f]{64}")
}

fn of_backfills() -> Vec<(&'static str, Value)> {
    let number = || nullable(json!({"type": "number", "minimum": 0}));
    let job = object([
        ("id", uuid()),
        ("type", text()),
        ("mode", names(["full", "since", "ids"])),
        ("state", names(JobState::ALL.map(JobState::as_str))),
        ("reason", text()),
        ("total", described(nullable(count()), "The number of records to read, if known.")),
        ("processed", count()),
        ("created", count()),
        ("updated", count()),
        ("unchanged", count()),
        ("deleted", count()),
        ("failed", count()),
        ("missing", described(count(), "Records known here that were not found at the CRM.")),
        ("rate", described(number(), "Records read per second.")),
        ("eta", nullable(timestamp())),
        ("api_usage", described(number(), "The used part of the CRM's API limit, from 0 to 1.")),
        ("started_at", nullable(timestamp())),
        ("updated_at", timestamp()),
    ]);
    vec![("BackfillJob", job), ("BackfillRequest", backfill_request())]
}

/// Each mode has its own member, which is null or absent in the others.
fn backfill_request() -> Value {
    let page_size = json!({"type": ["integer", "null"], "minimum": 1, "maximum": LARGEST_PAGE, "default": 50});
    let mode = |name: &str| json!({"type": ["string", "null"], "enum": [name, null]});
    let with = |name: &str, own: Option<(&str, Value)>| {
        let others = ["since", "ids"].into_iter().filter(|other| *other != name);
        let others = others.map(|other| (other, json!({"type": "null"})));
        let optional = [("mode", mode(name)), ("page_size", page_size.clone())].into_iter().chain(others);
        let mut schema = object_with(own.clone(), optional);
        schema["additionalProperties"] = false.into();
        schema
    };
    let since = reference(MOMENT);
    let ids = json!({"type": "array", "items": whole(ID), "minItems": 1});
    json!({
        "description": "Reads all records, those modified since a time, or those with the given ids.",
        "oneOf": [with("full", None), with("since", Some(("since", since))), with("ids", Some(("ids", ids)))],
    })
}

fn audit_state() -> Value {
    object([
        ("provider", reference("Provider")),
        ("entity_name", described(text(), "The object's name at its provider.")),
        ("ended_at", timestamp()),
        ("compared", described(count(), "Records that were compared.")),
        ("different", described(count(), "Records that differed from the CRM's.")),
        ("is_complete", described(boolean(), "Whether all records were compared, not a sample.")),
    ])
}

fn of_health() -> Vec<(&'static str, Value)> {
    let status = || names(["ok", "degraded"]);
    let state = object([("name", text()), ("status", status()), ("detail", text())]);
    let report = object([
        ("status", status()),
        ("dependencies", array(reference("DependencyState"))),
        ("lag_events", described(nullable(count()), "Commits that are not searchable yet, if known.")),
        ("lag_ms", described(nullable(count()), "From commit to searchable, in milliseconds, if known.")),
        (
            "audits",
            described(array(reference("AuditState")), "The last audit of each object, and the last sample after it."),
        ),
    ]);
    vec![("DependencyState", state), ("AuditState", audit_state()), ("HealthReport", report)]
}
