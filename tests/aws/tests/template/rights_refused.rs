//! The rules about permissions detect violations.

use annals_aws_tests::template::Template;

use crate::rights::changes_of_events;
use crate::rights_held::too_many;

/// The permissions of ingest on the events table, as written in the template.
const RIGHTS: &str = "Action: [dynamodb:PutItem, dynamodb:Query]\n";

/// The violations in a template with a part of its text replaced.
fn found(text: &str, instead: &str) -> (Vec<String>, Vec<String>) {
    let path = annals_aws_tests::template::repository().join("template.yaml");
    let template = std::fs::read_to_string(path).expect("the template");
    assert_eq!(template.matches(text).count(), 1, "the text must occur once in the template");
    let stack = Template::of(&template.replace(text, instead)).with(&[]);
    (changes_of_events(&stack), too_many(&stack))
}

#[track_caller]
fn check(statement: &str, changes: usize, expected: &[&str]) {
    let (found_changes, too_many) = found(RIGHTS, &format!("{statement}\n"));
    assert_eq!(found_changes.len(), changes, "{found_changes:?}");
    let expected: Vec<_> =
        expected.iter().map(|action| format!("IngestRole: {action} on ${{EventsTable.Arn}}")).collect();
    assert_eq!(too_many, expected);
}

#[test]
fn permissions_beyond_the_append_are_found() {
    check(RIGHTS.trim_end(), 0, &[]);
    check("Action: [dynamodb:PutItem, dynamodb:UpdateItem]", 1, &["dynamodb:UpdateItem"]);
    check("Action: dynamodb:deleteitem", 1, &["dynamodb:deleteitem"]);
    check("Action: dynamodb:BatchWrite*", 1, &["dynamodb:BatchWrite*"]);
    check("Action: dynamodb:*", 14, &["dynamodb:*"]);
    check("Action: '*'", 14, &["*"]);
}

#[test]
fn an_excess_permission_is_found_on_any_resource() {
    let last = "                  - sqs:GetQueueAttributes\n";
    let (_, of_a_queue) = found(last, &format!("{last}                  - sqs:PurgeQueue\n"));
    assert_eq!(of_a_queue, ["IngestRole: sqs:PurgeQueue on ${FailureQueue.Arn}"]);
    let secret = "Resource: !Ref SalesforceCredentials";
    let (_, of_all_secrets) = found(secret, "Resource: '*'");
    assert_eq!(of_all_secrets, ["BackfillRole: secretsmanager:GetSecretValue on *"]);
}

#[test]
#[should_panic(expected = "NotAction")]
fn a_statement_with_not_action_or_not_resource_is_rejected() {
    found(RIGHTS, "NotAction: dynamodb:DeleteItem\n");
}
