//! The event source mapping from the stream to projection: no record is skipped, and no record blocks the others
//! for long.

use annals_aws_tests::template::Template;
use serde_json::{Value, json};

/// How long a stream keeps a record.
const STREAM_SECONDS: u64 = 24 * 60 * 60;

fn mapping() -> Value {
    let stack = Template::read().with(&[]);
    let event = &stack.properties("ProjectionFunction")["Events"]["Stream"];
    assert_eq!(event["Type"], "DynamoDB");
    event["Properties"].clone()
}

#[track_caller]
fn check(setting: &str, expected: Value) {
    assert_eq!(mapping()[setting], expected, "{setting}");
}

#[test]
fn every_record_is_read_at_once_from_the_oldest_on() {
    check("Stream", json!("${EventsTable.StreamArn}"));
    check("StartingPosition", json!("TRIM_HORIZON"));
    check("BatchSize", json!(500));
    check("MaximumBatchingWindowInSeconds", json!(0));
    check("ParallelizationFactor", json!(4));
    // A removal or a change of a stored event must be detected, so no record is filtered out.
    check("FilterCriteria", Value::Null);
}

#[test]
fn a_failed_batch_is_bisected_and_retried_for_six_hours_and_then_sent_to_the_failure_destination() {
    check("FunctionResponseTypes", json!(["ReportBatchItemFailures"]));
    check("BisectBatchOnFunctionError", json!(true));
    check("MaximumRetryAttempts", json!(-1));
    check("DestinationConfig", json!({"OnFailure": {"Type": "SQS", "Destination": "${ProjectionFailures.Arn}"}}));
    let age = mapping()["MaximumRecordAgeInSeconds"].as_u64().expect("seconds");
    assert_eq!(age, STREAM_SECONDS / 4);
}
