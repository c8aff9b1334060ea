//! `doctor --target aws`: what is well, and each thing that is not, by name and with what to do.

use std::sync::Arc;

use annals_application::ports::StateStore;
use annals_application::system::SystemClock;
use annals_aws::state_store::DynamoStateStore;
use annals_domain::identity::{EntityName, Provider};
use annals_services::{Fault, Match, Proxy, Rule, dynamodb_endpoint, moto_endpoint, opensearch_endpoints, sdk_config};
use aws_sdk_dynamodb::types::{AttributeValue, PointInTimeRecoverySpecification, StreamSpecification};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::installation::Installation;
use crate::changes::created;

/// A doctor's report, with the exit code that belongs to it.
#[track_caller]
fn report(aws: &Installation) -> Value {
    let run = aws.annals(&["doctor", "--json"]);
    let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("no report: {}", run.stderr));
    let is_well = report["ok"].as_bool().unwrap();
    run.exits(if is_well { 0 } else { 1 });
    report
}

/// The only check of that name.
#[track_caller]
fn check<'a>(report: &'a Value, on: &str) -> &'a Value {
    let mut found = report["checks"].as_array().unwrap().iter().filter(|check| check["check"] == json!(on));
    let check = found.next().unwrap_or_else(|| panic!("there is no check `{on}`: {report:#}"));
    assert_eq!(found.next(), None, "there are several checks `{on}`");
    check
}

#[track_caller]
fn told(report: &Value, on: &str, verdict: &str, words: &str) {
    let check = check(report, on);
    assert_eq!(check["verdict"], json!(verdict), "{check:#}");
    let said = format!("{}; {}", check["found"].as_str().unwrap(), check["remedy"].as_str().unwrap_or_default());
    assert!(said.contains(words), "`{words}` is not said: {said}");
}

/// The names of the checks with a verdict.
fn with<'a>(report: &'a Value, verdict: &str) -> Vec<&'a str> {
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["verdict"] == json!(verdict));
    checks.map(|check| check["check"].as_str().unwrap()).collect()
}

#[test]
fn an_installation_that_is_well_says_so_of_each_part() {
    let aws = Installation::new();
    let report = report(&aws);
    assert_eq!((&report["ok"], with(&report, "wrong")), (&json!(true), Vec::new()), "{report:#}");
    // What DynamoDB Local has not: backups, and rights.
    assert_eq!(with(&report, "not known"), ["events table: point-in-time recovery", "projection"]);
    assert_eq!(with(&report, "warning"), ["events table: deletion protection", "events table: append only"]);
    told(&report, "credentials", "ok", "key local from the environment, that do not expire");
    told(&report, "region", "ok", "us-east-1");
    told(&report, "events table: keys", "ok", "`entity_key` and `version`");
    told(&report, "events table: stream", "ok", "NEW_IMAGE");
    told(&report, "events table: appending", "ok", "this role may append");
    told(&report, "state table: keys", "ok", "`pk` and `sk`");
    told(&report, "state table: by_list", "ok", "");
    told(&report, "state table: expiry", "ok", "by `expires_at`");
    told(&report, "OpenSearch: health", "ok", "green");
    told(&report, "OpenSearch: writing", "ok", "this role may write");
    told(&report, "index of client", "ok", "client_index` is not there yet");
    told(&report, "rebuild", "ok", "none is under way");
    told(&report, "projection", "not known", "nothing was projected in the last five minutes");
    told(&report, "announcements: EventBridge bus `default`", "ok", "it is there, and this role may announce");
    let scanned = aws.on_tables(async |client| client.scan().table_name(&aws.events).send().await.unwrap().count);
    assert_eq!(scanned, 0, "a doctor writes nothing");
    let table = aws.annals(&["doctor"]).exits(0).stdout;
    assert_eq!(table.lines().count(), 1 + report["checks"].as_array().unwrap().len(), "one line a check");
}

#[test]
fn rights_are_told_without_a_write() {
    let proxy = Proxy::start(&dynamodb_endpoint());
    let mut aws = Installation::new();
    aws.set("AWS_ENDPOINT_URL_DYNAMODB", &proxy.endpoint());
    for operation in ["UpdateItem", "DeleteItem", "Scan", "DescribeTimeToLive"] {
        proxy.rule(Rule::always(Match::Target(operation), Fault::access_denied()));
    }
    let first = report(&aws);
    told(&first, "events table: append only", "ok", "this role cannot change stored events");
    told(&first, "events table: scanning", "warning", "may not dynamodb:Scan; `annals rebuild` needs it");
    told(&first, "state table: writing", "warning", "may not dynamodb:UpdateItem and dynamodb:DeleteItem");
    told(&first, "state table: expiry", "not known", "this role may not dynamodb:DescribeTimeToLive");
    for operation in ["PutItem", "Query"] {
        proxy.rule(Rule::always(Match::Target(operation), Fault::access_denied()));
    }
    let second = report(&aws);
    told(&second, "events table: appending", "warning", "this role may not dynamodb:PutItem");
    told(&second, "events table: reading", "wrong", "this role may not dynamodb:Query; allow it dynamodb:Query");
}

#[test]
fn a_table_that_is_missing_or_another_is_named() {
    let mut aws = Installation::new();
    let (events, state) = (aws.events.clone(), aws.state.clone());
    aws.set("ANNALS_EVENTS_TABLE", "cli-no-such-table");
    let first = report(&aws);
    told(&first, "events table: cli-no-such-table", "wrong", "it is not there; --events-table names another table");
    assert_eq!(with(&first, "wrong"), ["events table: cli-no-such-table"]);
    aws.set("ANNALS_EVENTS_TABLE", &state);
    aws.set("ANNALS_STATE_TABLE", &events);
    let second = report(&aws);
    told(&second, "events table: keys", "wrong", "`pk` and `sk`; `entity_key` and `version` are expected");
    told(&second, "events table: stream", "wrong", "there is none; turn the stream on with NEW_IMAGE");
    told(&second, "state table: by_list", "wrong", "there is no such index");
    told(&second, "state table: expiry", "warning", "off; turn time to live on, by `expires_at`");
}

#[test]
fn a_stream_that_is_off_is_wrong() {
    let aws = Installation::new();
    aws.on_tables(async |client| {
        let off = StreamSpecification::builder().stream_enabled(false).build().unwrap();
        client.update_table().table_name(&aws.events).stream_specification(off).send().await.unwrap();
    });
    told(&report(&aws), "events table: stream", "wrong", "turn the stream on with NEW_IMAGE");
}

#[test]
fn recovery_and_protection_that_are_on_are_told_from_those_that_are_off() {
    let aws = Installation::with_dynamodb(&moto_endpoint());
    let first = report(&aws);
    told(&first, "events table: point-in-time recovery", "warning", "off; turn it on");
    told(&first, "events table: deletion protection", "warning", "off; turn it on");
    aws.on_tables(async |client| {
        let on = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build().unwrap();
        let update = client.update_continuous_backups().table_name(&aws.events);
        update.point_in_time_recovery_specification(on).send().await.unwrap();
        client.update_table().table_name(&aws.events).deletion_protection_enabled(true).send().await.unwrap();
    });
    let second = report(&aws);
    told(&second, "events table: point-in-time recovery", "ok", "on");
    told(&second, "events table: deletion protection", "ok", "on");
    aws.on_tables(async |client| {
        client.update_table().table_name(&aws.events).deletion_protection_enabled(false).send().await.unwrap();
    });
}

#[test]
fn an_opensearch_that_is_not_reached_is_named_and_all_else_is_looked_at() {
    let mut aws = Installation::new();
    aws.set("ANNALS_OPENSEARCH_ENDPOINT", "http://127.0.0.1:9");
    let report = report(&aws);
    assert_eq!(with(&report, "wrong"), ["OpenSearch: http://127.0.0.1:9/"]);
    told(&report, "OpenSearch: http://127.0.0.1:9/", "wrong", "OpenSearch cannot be reached");
    told(&report, "state table: reading", "ok", "");
}

#[test]
fn an_index_that_does_not_fit_is_named_with_what_makes_one_that_does() {
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
    told(&report, "index of client", "wrong", "client_index` was not made by Annals: it is an index");
    told(&report, "index of deal", "wrong", "was made from another definition and has no place for");
    told(&report, "index of deal", "wrong", "; `annals rebuild deal --target aws` makes one that fits");
}

#[test]
fn a_role_that_may_not_write_to_opensearch_is_told_without_a_write() {
    let proxy = Proxy::start(&opensearch_endpoints().remove(0).1);
    proxy.rule(Rule::always(
        Match::Path("_bulk"),
        Fault::answer(StatusCode::FORBIDDEN, "application/json", r#"{"Message":"not allowed"}"#),
    ));
    let mut aws = Installation::new();
    aws.set("ANNALS_OPENSEARCH_ENDPOINT", &proxy.endpoint());
    let report = report(&aws);
    told(&report, "OpenSearch: writing", "warning", "not allowed; the domain's access policy has to allow");
}

#[test]
fn records_without_an_index_and_a_rebuild_that_others_began_are_told() {
    let aws = Installation::new();
    aws.folder.file("in.json", created(1).to_string());
    aws.annals(&["ingest", "in.json"]).exits(0);
    let object = (Provider::Salesforce, EntityName::new("Account"));
    aws.on_tables(async |_| {
        let config = sdk_config(&dynamodb_endpoint());
        let state = DynamoStateStore::new(&config, aws.state.clone(), Arc::new(SystemClock));
        state.note_objects(&[object]).await.unwrap();
    });
    told(&report(&aws), "index of client", "warning", "there are such records; `annals rebuild client --target aws`");
    aws.annals(&["rebuild", "client", "--detach"]).exits(0);
    told(&report(&aws), "rebuild", "ok", "of client, 0 records so far");
    aws.on_tables(async |client| {
        let key = [("pk", "lease#rebuild"), ("sk", "lease")];
        let key = key.map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())));
        let answer = client.get_item().table_name(&aws.state).set_key(Some(key.into())).send().await.unwrap();
        let mut item = answer.item.unwrap();
        let plan = item["checkpoint"].as_s().unwrap().replace(r#""digest":""#, r#""digest":"other"#);
        item.insert("checkpoint".to_owned(), AttributeValue::S(plan));
        client.put_item().table_name(&aws.state).set_item(Some(item)).send().await.unwrap();
    });
    told(&report(&aws), "rebuild", "wrong", "begun by other definitions than these; ");
}

#[test]
fn announcements_that_have_no_place_are_named() {
    let mut aws = Installation::new();
    aws.set("ANNALS_EVENT_BUS", "cli-no-such-bus");
    let first = report(&aws);
    told(&first, "announcements: EventBridge bus `cli-no-such-bus`", "wrong", "ANNALS_EVENT_BUS names another");
    aws.set("ANNALS_PUBLISHER", "sns");
    told(&report(&aws), "announcements", "wrong", "ANNALS_TOPIC_ARN is not set");
    let arn = "arn:aws:sns:us-east-1:123456789012:cli-no-such-topic";
    aws.set("ANNALS_TOPIC_ARN", arn);
    told(&report(&aws), &format!("announcements: SNS topic `{arn}`"), "wrong", "ANNALS_TOPIC_ARN names another");
    aws.set("ANNALS_PUBLISHER", "none");
    told(&report(&aws), "announcements", "ok", "nothing is announced");
}

#[test]
fn without_credentials_or_a_region_nothing_else_is_asked() {
    let mut aws = Installation::new();
    aws.set("AWS_ACCESS_KEY_ID", "");
    aws.set("AWS_REGION", "");
    let report = report(&aws);
    assert_eq!(with(&report, "wrong"), ["credentials", "region"]);
    told(&report, "credentials", "wrong", "`aws sso login` renews one");
}
