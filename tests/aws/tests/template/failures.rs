//! An event that could not be stored is retried for ten days and is never lost.

use annals_aws_tests::template::{Stack, Statement, Template};
use serde_json::{Value, json};

const DAY: u64 = 24 * 60 * 60;
/// The minimum visibility timeout that AWS recommends, in timeouts of the function.
const TIMEOUTS: u64 = 6;
/// The maximum receive count of SQS.
const MOST_RECEIVES: u64 = 1_000;

fn stack() -> Stack {
    Template::read().with(&[("SalesforceEventSource", "aws.partner/salesforce.com/00DQz0000004nNlMAI/relay")])
}

#[track_caller]
fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is not a number"))
}

#[test]
fn the_rule_hands_every_event_of_the_relay_to_ingest() {
    let stack = stack();
    let rule = stack.properties("SalesforceRule");
    assert_eq!(rule["EventPattern"], json!({"source": [stack.chose("SalesforceEventSource")]}));
    assert_eq!(rule["EventBusName"], "${SalesforceBus}");
    assert_eq!(rule["Targets"][0]["Arn"], "${IngestFunction.Arn}");
    let bus = stack.properties("SalesforceBus");
    assert_eq!(bus["Name"], bus["EventSourceName"], "a partner bus has the name of its source");
    let permission = stack.properties("SalesforceRulePermission");
    assert_eq!(permission["SourceArn"], "${SalesforceRule.Arn}");
}

/// Otherwise the bus would be deleted, with the rule still on it, when a parameter names an existing bus.
#[test]
fn the_bus_is_retained_when_the_stack_no_longer_has_it() {
    let stack = stack();
    for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
        assert_eq!(stack.resource("SalesforceBus")[policy], "Retain", "{policy}");
    }
}

#[test]
fn an_existing_bus_is_not_created_again() {
    let source = "aws.partner/salesforce.com/00DQz0000004nNlMAI/relay";
    let stack = Template::read().with(&[("SalesforceEventSource", source), ("AssociateEventSource", "false")]);
    assert!(!stack.has("SalesforceBus"));
    assert_eq!(stack.properties("SalesforceRule")["EventBusName"], source);
    assert!(!Template::read().with(&[]).has("SalesforceRule"), "without a source there is no rule");
}

#[test]
fn eventbridge_retries_for_a_day_and_then_uses_the_failure_queue() {
    let stack = stack();
    let target = &stack.properties("SalesforceRule")["Targets"][0];
    assert_eq!(target["RetryPolicy"], json!({"MaximumEventAgeInSeconds": DAY, "MaximumRetryAttempts": 185}));
    assert_eq!(target["DeadLetterConfig"]["Arn"], "${FailureQueue.Arn}");
    let policy = &stack.properties("FailureQueuePolicy")["PolicyDocument"];
    let sends =
        Statement::all(policy).into_iter().find(|statement| statement.allows).expect("a statement that allows sending");
    assert_eq!(sends.principal, json!({"Service": "events.amazonaws.com"}));
    assert_eq!(sends.actions, ["sqs:SendMessage"]);
    assert_eq!(sends.condition, json!({"ArnEquals": {"aws:SourceArn": "${SalesforceRule.Arn}"}}));
}

#[test]
fn events_that_ingest_fails_on_return_to_ingest() {
    let stack = stack();
    let ingest = stack.properties("IngestFunction");
    assert_eq!(ingest["EventInvokeConfig"]["MaximumRetryAttempts"], 2);
    assert_eq!(
        ingest["EventInvokeConfig"]["DestinationConfig"]["OnFailure"],
        json!({"Type": "SQS", "Destination": "${FailureQueue.Arn}"})
    );
    let source = &ingest["Events"]["Failures"];
    assert_eq!(source["Type"], "SQS");
    assert_eq!(source["Properties"]["Queue"], "${FailureQueue.Arn}");
    assert_eq!(source["Properties"]["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
}

#[test]
fn a_message_is_retried_for_ten_days_and_kept_for_three_more() {
    let stack = stack();
    let queue = stack.properties("FailureQueue");
    let visibility = number(&queue["VisibilityTimeout"]);
    let receives = number(&queue["RedrivePolicy"]["maxReceiveCount"]);
    let retention = number(&queue["MessageRetentionPeriod"]);
    assert!(visibility >= TIMEOUTS * number(&stack.properties("IngestFunction")["Timeout"]));
    assert!(receives <= MOST_RECEIVES);
    assert!(visibility * receives >= 10 * DAY);
    assert_eq!(retention, 14 * DAY);
    // A message that moves to the last queue keeps its age.
    assert_eq!(queue["RedrivePolicy"]["deadLetterTargetArn"], "${LastQueue.Arn}");
    assert_eq!(number(&stack.properties("LastQueue")["MessageRetentionPeriod"]), retention);
    assert!(visibility * receives + 3 * DAY <= retention);
}

#[test]
fn every_queue_is_retained_and_encrypted() {
    let stack = stack();
    let mut encrypted = Vec::new();
    for (_, policy) in stack.of_type("AWS::SQS::QueuePolicy") {
        for statement in Statement::all(&policy["PolicyDocument"]) {
            if !statement.allows && statement.condition == json!({"Bool": {"aws:SecureTransport": "false"}}) {
                encrypted.extend(statement.resources);
            }
        }
    }
    for (id, queue) in stack.of_type("AWS::SQS::Queue") {
        assert_eq!(stack.resource(id)["DeletionPolicy"], "Retain", "{id}");
        assert_eq!(queue["SqsManagedSseEnabled"], true, "{id}");
        assert_eq!(number(&queue["MessageRetentionPeriod"]), 14 * DAY, "{id}");
        assert!(encrypted.contains(&format!("${{{id}.Arn}}")), "{id}");
    }
    assert_eq!(encrypted.len(), 3);
}
