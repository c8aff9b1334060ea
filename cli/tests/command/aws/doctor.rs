//! `doctor --target aws`: each check by name, with what to do about it.

use std::sync::Arc;

use annals_application::ports::ObjectRegistry;
use annals_application::system::SystemClock;
use annals_aws::state_store::DynamoStateStore;
use annals_domain::identity::{EntityName, Provider};
use annals_services::{Fault, Match, Proxy, Rule, dynamodb_endpoint, moto_endpoint, opensearch_endpoints, sdk_config};
use aws_sdk_dynamodb::types::{AttributeValue, PointInTimeRecoverySpecification, StreamSpecification};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::installation::Installation;
use crate::changes::created;

/// The report; its exit code is checked.
#[track_caller]
fn report(aws: &Installation) -> Value {
    let run = aws.annals(&["doctor", "--json"]);
    let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("no report: {}", run.stderr));
    let is_well = report["ok"].as_bool().unwrap();
    run.exits(if is_well { 0 } else { 1 });
    report
}

/// The only check of this name.
#[track_caller]
fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let mut found = report["checks"].as_array().unwrap().iter().filter(|check| check["check"] == json!(name));
    let check = found.next().unwrap_or_else(|| panic!("there is no check `{name}`: {report:#}"));
    assert_eq!(found.next(), None, "there are several checks `{name}`");
    check
}

#[track_caller]
fn reports(report: &Value, name: &str, verdict: &str, text: &str) {
    let check = check(report, name);
    assert_eq!(check["verdict"], json!(verdict), "{check:#}");
    let printed = format!("{}; {}", check["found"].as_str().unwrap(), check["remedy"].as_str().unwrap_or_default());
    assert!(printed.contains(text), "`{text}` is not reported: {printed}");
}

/// The names of the checks with a verdict.
fn with<'a>(report: &'a Value, verdict: &str) -> Vec<&'a str> {
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["verdict"] == json!(verdict));
    checks.map(|check| check["check"].as_str().unwrap()).collect()
}

#[test]
fn every_check_of_a_sound_installation_is_ok() {
    let aws = Installation::new();
    let report = report(&aws);
    assert_eq!((&report["ok"], with(&report, "wrong")), (&json!(true), Vec::new()), "{report:#}");
    // DynamoDB Local has no backups and no permissions.
    assert_eq!(with(&report, "not known"), ["events table: point-in-time recovery", "projection"]);
    assert_eq!(with(&report, "warning"), ["events table: deletion protection", "events table: append only"]);
    reports(&report, "credentials", "ok", "long-term key local from the environment");
    reports(&report, "region", "ok", "us-east-1");
    reports(&report, "events table: keys", "ok", "`entity_key` and `version`");
    reports(&report, "events table: stream", "ok", "NEW_IMAGE");
    reports(&report, "events table: appending", "ok", "this role may append");
    reports(&report, "state table: keys", "ok", "`pk` and `sk`");
    reports(&report, "state table: by_list", "ok", "");
    reports(&report, "state table: expiry", "ok", "by `expires_at`");
    reports(&report, "OpenSearch: health", "ok", "green");
    reports(&report, "OpenSearch: writing", "ok", "this role may write");
    reports(&report, "index of client", "ok", "client_index` does not exist yet");
    reports(&report, "rebuild", "ok", "none in progress");
    reports(&report, "projection", "not known", "nothing was projected in the last five minutes");
    reports(&report, "publisher: EventBridge bus `default`", "ok", "it exists, and this role may publish");
    let scanned = aws.on_tables(async |client| client.scan().table_name(&aws.events).send().await.unwrap().count);
    assert_eq!(scanned, 0, "the doctor writes nothing");
    let table = aws.annals(&["doctor"]).exits(0).stdout;
    assert_eq!(table.lines().count(), 1 + report["checks"].as_array().unwrap().len(), "one line a check");
}

#[test]
fn permissions_are_reported_without_a_write() {
    let proxy = Proxy::start(&dynamodb_endpoint());
    let mut aws = Installation::new();
    aws.set("AWS_ENDPOINT_URL_DYNAMODB", &proxy.endpoint());
    for operation in ["UpdateItem", "DeleteItem", "Scan", "DescribeTimeToLive"] {
        proxy.rule(Rule::always(Match::Target(operation), Fault::access_denied()));
    }
    let first = report(&aws);
    reports(&first, "events table: append only", "ok", "this role cannot change stored events");
    reports(
        &first,
        "events table: scanning",
        "warning",
        "lacks the permission dynamodb:Scan; `annals rebuild` needs it",
    );
    reports(
        &first,
        "state table: writing",
        "warning",
        "lacks the permissions dynamodb:UpdateItem and dynamodb:DeleteItem",
    );
    reports(&first, "state table: expiry", "not known", "this role lacks the permission dynamodb:DescribeTimeToLive");
    for operation in ["PutItem", "Query"] {
        proxy.rule(Rule::always(Match::Target(operation), Fault::access_denied()));
    }
    let second = report(&aws);
    reports(&second, "events table: appending", "warning", "this role lacks the permission dynamodb:PutItem");
    reports(
        &second,
        "events table: reading",
        "wrong",
        "this role lacks the permission dynamodb:Query; grant dynamodb:Query to it",
    );
}

#[test]
fn a_missing_or_wrong_table_is_named() {
    let mut aws = Installation::new();
    let (events, state) = (aws.events.clone(), aws.state.clone());
    aws.set("ANNALS_EVENTS_TABLE", "cli-no-such-table");
    let first = report(&aws);
    reports(&first, "events table: cli-no-such-table", "wrong", "not found; check --events-table and AWS_REGION");
    assert_eq!(with(&first, "wrong"), ["events table: cli-no-such-table"]);
    aws.set("ANNALS_EVENTS_TABLE", &state);
    aws.set("ANNALS_STATE_TABLE", &events);
    let second = report(&aws);
    reports(&second, "events table: keys", "wrong", "`pk` and `sk`; expected `entity_key` and `version`");
    reports(&second, "events table: stream", "wrong", "off; turn the stream on with NEW_IMAGE");
    reports(&second, "state table: by_list", "wrong", "no such index");
    reports(&second, "state table: expiry", "warning", "off; turn time to live on for `expires_at`");
}

#[test]
fn a_stream_that_is_off_is_wrong() {
    let aws = Installation::new();
    aws.on_tables(async |client| {
        let off = StreamSpecification::builder().stream_enabled(false).build().unwrap();
        client.update_table().table_name(&aws.events).stream_specification(off).send().await.unwrap();
    });
    reports(&report(&aws), "events table: stream", "wrong", "turn the stream on with NEW_IMAGE");
}

#[test]
fn recovery_and_deletion_protection_are_checked() {
    let aws = Installation::with_dynamodb(&moto_endpoint());
    let first = report(&aws);
    reports(&first, "events table: point-in-time recovery", "warning", "off; turn it on");
    reports(&first, "events table: deletion protection", "warning", "off; turn it on");
    aws.on_tables(async |client| {
        let on = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build().unwrap();
        let update = client.update_continuous_backups().table_name(&aws.events);
        update.point_in_time_recovery_specification(on).send().await.unwrap();
        client.update_table().table_name(&aws.events).deletion_protection_enabled(true).send().await.unwrap();
    });
    let second = report(&aws);
    reports(&second, "events table: point-in-time recovery", "ok", "on");
    reports(&second, "events table: deletion protection", "ok", "on");
    aws.on_tables(async |client| {
        client.update_table().table_name(&aws.events).deletion_protection_enabled(false).send().await.unwrap();
    });
}

#[test]
fn an_unreachable_opensearch_is_named_and_everything_else_is_checked() {
    let mut aws = Installation::new();
    aws.set("ANNALS_OPENSEARCH_ENDPOINT", "http://127.0.0.1:9");
    let report = report(&aws);
    assert_eq!(with(&report, "wrong"), ["OpenSearch: http://127.0.0.1:9/"]);
    reports(&report, "OpenSearch: http://127.0.0.1:9/", "wrong", "OpenSearch cannot be reached");
    reports(&report, "state table: reading", "ok", "");
}

#[test]
fn a_mismatched_index_is_named_with_the_command_that_creates_a_matching_one() {
    let aws = Installation::new();
    assert_eq!(aws.raw("PUT", "client_index", "{}").0, 200);
    let meta = json!({ "mappings": {
        "_meta": { "annals": { "layout": 1, "digest": "another" } },
        "properties": { "version": { "type": "long" } },
    } });
    assert_eq!(aws.raw("PUT", "deal_index-000001", &meta.to_string()).0, 200);
    let alias = json!({ "is_write_index": true });
    assert_eq!(
        aws.raw("PUT", &format!("deal_index-000001/_alias/{}deal_index", aws.prefix), &alias.to_string()).0,
        200
    );
    let report = report(&aws);
    assert_eq!(with(&report, "wrong"), ["index of client", "index of deal"]);
    reports(&report, "index of client", "wrong", "client_index` was not created by Annals: it is an index");
    reports(&report, "index of deal", "wrong", "was created from another definition and lacks the fields");
    reports(&report, "index of deal", "wrong", "; `annals rebuild deal --target aws` creates one that matches");
}

#[track_caller]
fn check_layout(layout: u64, expected: (&str, &str)) {
    let aws = Installation::new();
    aws.folder.file("in.json", created(1).to_string());
    aws.annals(&["ingest", "in.json"]).exits(0);
    aws.annals(&["rebuild", "client", "--known-after", "0"]).exits(0);
    let (_, mut body) = aws.raw("GET", "client_index-000001/_mapping", "");
    let mut meta = body[format!("{}client_index-000001", aws.prefix)]["mappings"]["_meta"].take();
    meta["annals"]["layout"] = json!(layout);
    let mapping = json!({ "_meta": meta });
    assert_eq!(aws.raw("PUT", "client_index-000001/_mapping", &mapping.to_string()).0, 200);
    reports(&report(&aws), "index of client", expected.0, expected.1);
}

#[test]
fn an_index_of_another_release_is_named_with_its_layout() {
    let older = "has layout 1 of an earlier release; lists newest first may be slow; `annals rebuild client";
    check_layout(1, ("warning", older));
    check_layout(99, ("wrong", "has layout 99 of a later release; use that release"));
}

#[test]
fn a_role_that_may_not_write_to_opensearch_is_reported_without_a_write() {
    let proxy = Proxy::start(&opensearch_endpoints().remove(0).1);
    proxy.rule(Rule::always(
        Match::Path("_bulk"),
        Fault::answer(StatusCode::FORBIDDEN, "application/json", r#"{"Message":"not allowed"}"#),
    ));
    let mut aws = Installation::new();
    aws.set("ANNALS_OPENSEARCH_ENDPOINT", &proxy.endpoint());
    let report = report(&aws);
    reports(&report, "OpenSearch: writing", "warning", "not allowed; the access policy of the domain has to allow");
}

#[test]
fn records_without_an_index_and_an_unfinished_rebuild_are_reported() {
    let aws = Installation::new();
    aws.folder.file("in.json", created(1).to_string());
    aws.annals(&["ingest", "in.json"]).exits(0);
    let object = (Provider::Salesforce, EntityName::new("Account"));
    aws.on_tables(async |_| {
        let config = sdk_config(&dynamodb_endpoint());
        let state = DynamoStateStore::new(&config, aws.state.clone(), Arc::new(SystemClock));
        state.register(&[object]).await.unwrap();
    });
    reports(
        &report(&aws),
        "index of client",
        "warning",
        "though there are records for it; `annals rebuild client --target aws`",
    );
    aws.annals(&["rebuild", "client", "--detach"]).exits(0);
    reports(&report(&aws), "rebuild", "ok", "of client, 0 records so far");
    aws.on_tables(async |client| {
        let key = [("pk", "lease#rebuild"), ("sk", "lease")];
        let key = key.map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())));
        let response = client.get_item().table_name(&aws.state).set_key(Some(key.into())).send().await.unwrap();
        let mut item = response.item.unwrap();
        let plan = item["checkpoint"].as_s().unwrap().replace(r#""definition":""#, r#""definition":"other"#);
        item.insert("checkpoint".to_owned(), AttributeValue::S(plan));
        client.put_item().table_name(&aws.state).set_item(Some(item)).send().await.unwrap();
    });
    reports(
        &report(&aws),
        "rebuild",
        "wrong",
        "was started by another release, or with other definitions than this process has; ",
    );
}

#[test]
fn a_missing_bus_or_topic_is_named() {
    let mut aws = Installation::new();
    aws.set("ANNALS_EVENT_BUS", "cli-no-such-bus");
    let first = report(&aws);
    reports(&first, "publisher: EventBridge bus `cli-no-such-bus`", "wrong", "check ANNALS_EVENT_BUS");
    aws.set("ANNALS_PUBLISHER", "sns");
    reports(&report(&aws), "publisher", "wrong", "ANNALS_TOPIC_ARN is not set");
    let arn = "arn:aws:sns:us-east-1:123456789012:cli-no-such-topic";
    aws.set("ANNALS_TOPIC_ARN", arn);
    reports(&report(&aws), &format!("publisher: SNS topic `{arn}`"), "wrong", "check ANNALS_TOPIC_ARN");
    aws.set("ANNALS_PUBLISHER", "none");
    reports(&report(&aws), "publisher", "ok", "nothing is published");
}

#[test]
fn without_credentials_or_a_region_nothing_else_is_checked() {
    let mut aws = Installation::new();
    aws.set("AWS_ACCESS_KEY_ID", "");
    aws.set("AWS_REGION", "");
    let report = report(&aws);
    assert_eq!(with(&report, "wrong"), ["credentials", "region"]);
    reports(&report, "credentials", "wrong", "`aws sso login` renews");
}
