//! The tables have their keys, and no data in them can be lost by mistake.

use annals_aws_tests::template::{Stack, Template};
use serde_json::{Value, json};

#[track_caller]
fn check(table: &str, path: &str, expected: Value) {
    let stack: Stack = Template::read().with(&[]);
    assert_eq!(stack.properties(table).pointer(path), Some(&expected), "{table}{path}");
}

#[test]
fn the_events_table_has_a_stream_of_new_images() {
    check(
        "EventsTable",
        "/KeySchema",
        json!([
            {"AttributeName": annals_aws::event_store::ENTITY_KEY, "KeyType": "HASH"},
            {"AttributeName": annals_aws::event_store::VERSION, "KeyType": "RANGE"},
        ]),
    );
    check(
        "EventsTable",
        "/AttributeDefinitions",
        json!([
            {"AttributeName": "entity_key", "AttributeType": "S"},
            {"AttributeName": "version", "AttributeType": "N"},
            {"AttributeName": "late", "AttributeType": "B"},
        ]),
    );
    check("EventsTable", "/StreamSpecification/StreamViewType", json!("NEW_IMAGE"));
}

#[test]
fn the_events_table_has_one_index_which_only_late_events_are_in() {
    use annals_aws::event_store::{ENTITY_KEY, LATE, LATE_INDEX};
    check(
        "EventsTable",
        "/LocalSecondaryIndexes",
        json!([{
            "IndexName": LATE_INDEX,
            "KeySchema": [
                {"AttributeName": ENTITY_KEY, "KeyType": "HASH"}, {"AttributeName": LATE, "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }]),
    );
}

#[test]
fn the_events_table_has_no_other_index_and_no_expiry() {
    let stack = Template::read().with(&[]);
    let table = stack.properties("EventsTable").as_object().expect("a table");
    for refused in ["GlobalSecondaryIndexes", "TimeToLiveSpecification"] {
        assert!(!table.contains_key(refused), "{refused}");
    }
}

#[test]
fn the_state_table_has_the_keys_the_index_and_the_expiry_of_its_store() {
    check(
        "StateTable",
        "/KeySchema",
        json!([{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]),
    );
    check(
        "StateTable",
        "/AttributeDefinitions",
        json!([
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
            {"AttributeName": "listed", "AttributeType": "S"},
        ]),
    );
    check(
        "StateTable",
        "/LocalSecondaryIndexes",
        json!([{
            "IndexName": annals_aws::state_store::LIST_INDEX,
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "listed", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }]),
    );
    check(
        "StateTable",
        "/TimeToLiveSpecification",
        json!({"AttributeName": annals_aws::state_store::EXPIRES_AT, "Enabled": true}),
    );
}

#[test]
fn every_table_is_protected_from_deletion() {
    let stack = Template::read().with(&[]);
    for table in ["EventsTable", "StateTable"] {
        check(table, "/BillingMode", json!("PAY_PER_REQUEST"));
        check(table, "/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled", json!(true));
        check(table, "/DeletionProtectionEnabled", json!(true));
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            assert_eq!(stack.resource(table)[policy], "Retain", "{table} {policy}");
        }
    }
    assert_eq!(stack.of_type("AWS::DynamoDB::Table").count(), 2);
}
