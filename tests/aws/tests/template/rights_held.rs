//! The permissions of each role: every action on every resource, listed here a second time.
//!
//! An excess or missing permission is found on any resource.

use std::collections::BTreeSet;

use annals_aws_tests::template::{Stack, Template};

use crate::rights::{EVENTS, ROLES, STATE};

/// A resource and the allowed actions.
type Held = (&'static str, &'static [&'static str]);

const LATE_EVENTS: &str = "${EventsTable.Arn}/index/by_late";
const LIST: &str = "${StateTable.Arn}/index/by_list";
const DOMAIN: &str = "arn:${AWS::Partition}:es:${AWS::Region}:${AWS::AccountId}:domain/annals";
const INDICES: &str = "arn:${AWS::Partition}:es:${AWS::Region}:${AWS::AccountId}:domain/annals/*";
const SEARCH: &str = "arn:${AWS::Partition}:es:${AWS::Region}:${AWS::AccountId}:domain/annals/*/_search";
const COUNT: &str = "arn:${AWS::Partition}:es:${AWS::Region}:${AWS::AccountId}:domain/annals/*/_count";
const BUS: &str = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default";
const LOG: &[&str] = &["logs:CreateLogStream", "logs:PutLogEvents"];

/// What Lambda needs to run a function in a VPC.
const INTERFACES: &[&str] = &[
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
];

/// `ingest` appends, writes jobs and the quarantine, whose chunks are written in transactions that check their
/// entry, and receives its failed events again.
const INGEST: &[Held] = &[
    (EVENTS, &["dynamodb:PutItem", "dynamodb:Query"]),
    (LATE_EVENTS, &["dynamodb:Query"]),
    (
        STATE,
        &[
            "dynamodb:GetItem",
            "dynamodb:Query",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            "dynamodb:BatchWriteItem",
            "dynamodb:ConditionCheckItem",
        ],
    ),
    (
        "${FailureQueue.Arn}",
        &[
            "sqs:SendMessage",
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:ChangeMessageVisibility",
            "sqs:GetQueueAttributes",
        ],
    ),
    ("${IngestLogs.Arn}", LOG),
];

/// `projection` reads the events it projects and writes snapshots, tasks, parked records and its progress.
const PROJECTION: &[Held] = &[
    (EVENTS, &["dynamodb:Query"]),
    (
        "${EventsTable.StreamArn}",
        &["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"],
    ),
    (
        STATE,
        &[
            "dynamodb:GetItem",
            "dynamodb:BatchGetItem",
            "dynamodb:Query",
            "dynamodb:PutItem",
            "dynamodb:DeleteItem",
            "dynamodb:BatchWriteItem",
        ],
    ),
    (INDICES, &["es:ESHttpGet", "es:ESHttpHead", "es:ESHttpPost", "es:ESHttpPut"]),
    ("${ProjectionFailures.Arn}", &["sqs:SendMessage"]),
    ("${ProjectionLogs.Arn}", LOG),
];

/// `query` reads, and sends POST requests to OpenSearch only for searches.
const QUERY: &[Held] = &[
    (EVENTS, &["dynamodb:BatchGetItem", "dynamodb:Query"]),
    (STATE, &["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"]),
    (LIST, &["dynamodb:Query"]),
    (INDICES, &["es:ESHttpGet", "es:ESHttpHead"]),
    (SEARCH, &["es:ESHttpPost"]),
    (COUNT, &["es:ESHttpPost"]),
    ("${QueryLogs.Arn}", LOG),
];

/// `backfill` projects like `projection`, with leases, rebuilds, and appends record images of the CRM.
const BACKFILL: &[Held] = &[
    (EVENTS, &["dynamodb:PutItem", "dynamodb:Query", "dynamodb:BatchGetItem", "dynamodb:Scan"]),
    (LATE_EVENTS, &["dynamodb:Query"]),
    (
        STATE,
        &[
            "dynamodb:GetItem",
            "dynamodb:BatchGetItem",
            "dynamodb:Query",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            "dynamodb:DeleteItem",
            "dynamodb:BatchWriteItem",
        ],
    ),
    (LIST, &["dynamodb:Query"]),
    (INDICES, &["es:ESHttpGet", "es:ESHttpHead", "es:ESHttpPost", "es:ESHttpPut", "es:ESHttpDelete"]),
    ("${SalesforceCredentials}", &["secretsmanager:GetSecretValue"]),
    ("${BackfillLogs.Arn}", LOG),
];

/// The expected permissions of a role in a stack.
fn expected(role: &str, stack: &Stack) -> BTreeSet<String> {
    let (held, searches, publishes) = match role {
        "IngestRole" => (INGEST, false, false),
        "ProjectionRole" => (PROJECTION, true, true),
        "QueryRole" => (QUERY, true, false),
        "BackfillRole" => (BACKFILL, true, true),
        other => panic!("unknown role `{other}`"),
    };
    let mut held = held.to_vec();
    if searches && stack.chose("OpenSearch") == "domain" {
        held.push((DOMAIN, &["es:DescribeDomain"]));
    }
    if searches && !stack.chose("VpcSubnets").is_empty() {
        held.push(("*", INTERFACES));
    }
    match stack.chose("Publisher") {
        "eventbridge" if publishes => held.push((BUS, &["events:PutEvents"])),
        "sns" if publishes => held.push(("${ChangesTopic}", &["sns:Publish"])),
        _ => {}
    }
    let rights = held.iter().flat_map(|(on, actions)| actions.iter().map(move |action| format!("{action} on {on}")));
    rights.collect()
}

/// The permissions of a role in a stack, from its statements.
fn found(role: &str, stack: &Stack) -> BTreeSet<String> {
    let statements = stack.rights(role).into_iter().filter(|statement| statement.allows);
    let rights = statements.flat_map(|statement| {
        let (actions, resources) = (statement.actions, statement.resources);
        actions
            .into_iter()
            .flat_map(move |action| resources.clone().into_iter().map(move |on| format!("{action} on {on}")))
    });
    rights.collect()
}

/// The excess permissions of all roles.
pub(crate) fn too_many(stack: &Stack) -> Vec<String> {
    let beyond = |role| found(role, stack).difference(&expected(role, stack)).cloned().collect::<Vec<_>>();
    ROLES.iter().flat_map(|role| beyond(role).into_iter().map(move |right| format!("{role}: {right}"))).collect()
}

#[test]
fn each_role_has_exactly_its_permissions() {
    for stack in Template::read().stacks() {
        for role in ROLES {
            assert_eq!(found(role, &stack), expected(role, &stack), "{role}");
        }
    }
}
