//! The sample payloads: each has its documented form, is about the same client as the others, and is named
//! in the README that explains its use.

use std::collections::BTreeSet;

use annals_aws_tests::template::stream_payloads::CLIENT;
use annals_aws_tests::template::{Template, repository};
use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use aws_lambda_events::dynamodb::Event as StreamEvent;
use aws_lambda_events::eventbridge::EventBridgeEvent;
use aws_lambda_events::sqs::SqsEvent;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The files below `events`, with their kind and their function.
const PAYLOADS: [(&str, Kind, &str); 14] = [
    ("ingest_invocations/eventbridge.json", Kind::Event, "IngestFunction"),
    ("ingest_invocations/array.json", Kind::Events, "IngestFunction"),
    ("ingest_invocations/failure-queue.json", Kind::Queue, "IngestFunction"),
    ("ingest_invocations/http-api.json", Kind::Request("POST /events/salesforce"), "IngestFunction"),
    ("projection/appended.json", Kind::Stream(&["INSERT", "INSERT", "INSERT"]), "ProjectionFunction"),
    ("projection/expired.json", Kind::Stream(&["REMOVE"]), "ProjectionFunction"),
    ("projection/foreign.json", Kind::Stream(&["INSERT", "MODIFY"]), "ProjectionFunction"),
    ("query/list-clients.json", Kind::Request("GET /clients"), "QueryFunction"),
    ("query/client.json", Kind::Request("GET /clients/001Qz00000LkSp1IAF"), "QueryFunction"),
    ("query/client-history.json", Kind::Request("GET /clients/001Qz00000LkSp1IAF/history"), "QueryFunction"),
    ("query/quarantine.json", Kind::Request("GET /quarantine"), "QueryFunction"),
    ("query/health.json", Kind::Request("GET /health"), "QueryFunction"),
    ("backfill/schedule.json", Kind::Event, "BackfillFunction"),
    ("backfill/status.json", Kind::Request("GET /events/backfill/clients/status"), "BackfillFunction"),
];

/// The kind of a payload.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Event,
    Events,
    Queue,
    Request(&'static str),
    Stream(&'static [&'static str]),
}

pub(crate) fn text(file: &str) -> String {
    let path = repository().join("events").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
}

#[track_caller]
pub(crate) fn parse<T: DeserializeOwned>(file: &str, text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[track_caller]
fn check(file: &str, kind: Kind) {
    let text = text(file);
    match kind {
        Kind::Event => check_events(&[parse(file, &text)]),
        Kind::Events => check_events(&parse::<Vec<_>>(file, &text)),
        Kind::Queue => check_queue(&parse(file, &text)),
        Kind::Request(expected) => {
            let request: ApiGatewayV2httpRequest = parse(file, &text);
            let (method, path) = (request.request_context.http.method, request.raw_path.expect("a path"));
            assert_eq!(format!("{method} {path}"), expected, "{file}");
        }
        Kind::Stream(expected) => {
            let batch: StreamEvent = parse(file, &text);
            let names: Vec<_> = batch.records.iter().map(|record| record.event_name.as_str()).collect();
            assert_eq!(names, expected, "{file}");
        }
    }
}

/// Checks that the events are changes of the client or of the schedule.
fn check_events(events: &[EventBridgeEvent<Value>]) {
    for event in events {
        match event.detail_type.as_str() {
            "Scheduled Event" => assert_eq!(event.source, "aws.events"),
            "AccountChangeEvent" => assert_eq!(client_of(&event.detail), CLIENT),
            other => panic!("{other}"),
        }
    }
}

fn check_queue(batch: &SqsEvent) {
    let body = |index: usize| batch.records[index].body.clone().expect("a body");
    let failed: Value = serde_json::from_str(&body(0)).expect("JSON");
    assert_eq!(failed["requestContext"]["condition"], "RetriesExhausted");
    let sent = |value: Value| serde_json::from_value::<EventBridgeEvent<Value>>(value).expect("an event");
    assert_eq!(client_of(&sent(failed["requestPayload"].clone()).detail), CLIENT);
    let dead_letter: Value = serde_json::from_str(&body(1)).expect("JSON");
    assert_eq!(client_of(&sent(dead_letter).detail), CLIENT);
    assert!(batch.records[1].message_attributes.contains_key("ERROR_CODE"), "a rule gives the reason");
}

/// The record of a change.
fn client_of(detail: &Value) -> &str {
    detail["payload"]["ChangeEventHeader"]["recordIds"][0].as_str().expect("a record's id")
}

#[test]
fn every_payload_has_its_documented_form() {
    for (file, kind, _) in PAYLOADS {
        check(file, kind);
    }
}

#[test]
fn every_payload_is_for_a_function_of_the_template() {
    let stack = Template::read().with(&[]);
    for (file, _, function) in PAYLOADS {
        let folder = stack.properties(function)["CodeUri"].as_str().expect("a folder").to_owned();
        let name = folder.trim_start_matches("functions/");
        assert!(file.starts_with(name), "{file} is for {name}");
    }
}

#[test]
fn every_payload_is_checked_and_named_in_the_readme() {
    let below = |folder: &str| {
        let listed = std::fs::read_dir(repository().join("events").join(folder)).expect("a folder");
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name();
        let names: Vec<_> = listed.map(|entry| name(entry).into_string().expect("UTF-8")).collect();
        names.into_iter().map(|name| format!("{folder}/{name}")).collect::<Vec<_>>()
    };
    let folders = ["ingest_invocations", "projection", "query", "backfill"];
    let there: BTreeSet<String> = folders.into_iter().flat_map(below).collect();
    let read: BTreeSet<String> = PAYLOADS.iter().map(|(file, _, _)| (*file).to_owned()).collect();
    assert_eq!(there, read);

    let page = std::fs::read_to_string(repository().join("events/README.md")).expect("the page");
    for (file, _, function) in PAYLOADS {
        let line = page.lines().find(|line| line.contains(&format!("`{file}`")));
        let line = line.unwrap_or_else(|| panic!("{file} is not in the README"));
        assert!(line.contains(function), "{line}");
    }
}

#[test]
fn the_local_environment_names_what_the_template_names() {
    let local: Value = parse("local-env.json", &text("local-env.json"));
    let local = local.as_object().expect("functions");
    let stack = Template::read().with(&[("LocalDynamoDb", "http://127.0.0.1:8000"), ("OpenSearch", "endpoint")]);
    let functions: BTreeSet<_> = stack.functions().into_iter().map(|function| function.id).collect();
    assert_eq!(local.keys().cloned().collect::<BTreeSet<_>>(), functions);
    for (function, variables) in local {
        // `sam local` ignores variables that the template does not name.
        let known = Template::read().document()["Globals"]["Function"]["Environment"]["Variables"].clone();
        let own = Template::read().document()["Resources"][function]["Properties"]["Environment"]["Variables"].clone();
        let named = |name: &str| [&known, &own].iter().any(|place| place.get(name).is_some());
        for (name, value) in variables.as_object().expect("variables") {
            assert!(named(name) && value.is_string(), "{function} {name}");
        }
        assert!(
            variables["AWS_ENDPOINT_URL_DYNAMODB"].is_string(),
            "{function} must have the endpoint of a local DynamoDB"
        );
    }
    assert!(repository().join("samconfig.toml").is_file());
}

#[test]
fn the_readme_shows_an_invocation_of_each_function_with_one_of_its_payloads() {
    let page = std::fs::read_to_string(repository().join("events/README.md")).expect("the page");
    let shown = page.lines().filter_map(|line| line.trim().strip_prefix("sam local invoke "));
    let mut functions = BTreeSet::new();
    for invocation in shown {
        let mut words = invocation.split_whitespace();
        let (function, file) = (words.next().expect("a function"), words.nth(1).expect("a file"));
        let file = file.strip_prefix("events/").expect("a file of this folder");
        assert!(PAYLOADS.iter().any(|(known, _, of)| (*known, *of) == (file, function)), "{invocation}");
        functions.insert(function);
    }
    assert_eq!(functions, PAYLOADS.iter().map(|(_, _, function)| *function).collect());
}
