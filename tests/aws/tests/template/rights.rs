//! Permissions: each function has exactly the access to its own resources that it needs.

use std::collections::{BTreeMap, BTreeSet};

use annals_aws_tests::template::{Stack, Statement, Template};
use serde_json::{Value, json};

pub(crate) const EVENTS: &str = "${EventsTable.Arn}";
pub(crate) const STATE: &str = "${StateTable.Arn}";
pub(crate) const ROLES: [&str; 4] = ["IngestRole", "ProjectionRole", "QueryRole", "BackfillRole"];

/// All actions that change or remove stored items, directly or indirectly.
const CHANGES: [&str; 14] = [
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:PartiQLInsert",
    "dynamodb:PartiQLUpdate",
    "dynamodb:PartiQLDelete",
    "dynamodb:DeleteTable",
    "dynamodb:UpdateTable",
    "dynamodb:UpdateTimeToLive",
    "dynamodb:UpdateContinuousBackups",
    "dynamodb:RestoreTableToPointInTime",
    "dynamodb:ImportTable",
    "dynamodb:PutResourcePolicy",
    "dynamodb:DeleteResourcePolicy",
];

/// The violations of the rule that stored events never change.
pub(crate) fn changes_of_events(stack: &Stack) -> Vec<String> {
    let mut found = Vec::new();
    for role in ROLES {
        for statement in stack.rights(role).iter().filter(|statement| statement.allows) {
            let reached = CHANGES.iter().filter(|action| statement.reaches(action, EVENTS));
            found.extend(reached.map(|action| format!("{role} {action}")));
        }
    }
    found
}

#[test]
fn no_function_can_change_or_remove_a_stored_event() {
    for stack in Template::read().stacks() {
        assert_eq!(changes_of_events(&stack), [""; 0]);
    }
}

#[test]
fn query_writes_nothing() {
    const WRITES: [&str; 4] =
        ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"];
    let index =
        |path: &str| format!("arn:${{AWS::Partition}}:es:${{AWS::Region}}:${{AWS::AccountId}}:domain/annals/{path}");
    for stack in Template::read().stacks() {
        let rights = stack.rights("QueryRole");
        let may = |action: &str, resource: &str| rights.iter().any(|it| it.reaches(action, resource));
        for table in [EVENTS, STATE] {
            assert!(WRITES.iter().all(|write| !may(write, table)), "{table}");
        }
        for (action, path) in
            [("Put", "client_index"), ("Post", "_bulk"), ("Post", "client_index/_doc"), ("Delete", "x")]
        {
            assert!(!may(&format!("es:ESHttp{action}"), &index(path)), "{action} {path}");
        }
        assert!(may("dynamodb:Query", EVENTS) && may("dynamodb:GetItem", STATE));
        assert!(may("es:ESHttpPost", &index("client_index/_search")));
    }
}

#[test]
fn each_function_has_its_own_role_and_no_other_permissions() {
    for stack in Template::read().stacks() {
        for function in stack.functions() {
            let role = function.id.replace("Function", "Role");
            assert_eq!(function.properties["Role"], format!("${{{role}.Arn}}"));
            assert_eq!(function.properties["Policies"], Value::Null, "{role}");
            let settings = stack.properties(&role);
            assert_eq!(settings["ManagedPolicyArns"], Value::Null, "{role}");
            let trusted = json!({"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
            }]});
            assert_eq!(settings["AssumeRolePolicyDocument"], trusted, "{role}");
        }
        let of_iam: BTreeSet<_> = stack.types().filter(|(_, kind)| kind.starts_with("AWS::IAM::")).collect();
        assert_eq!(of_iam, ROLES.map(|role| (role, "AWS::IAM::Role")).into());
    }
}

#[test]
fn events_are_published_to_the_chosen_target_under_their_own_source() {
    for stack in Template::read().stacks() {
        for role in ["ProjectionRole", "BackfillRole"] {
            let rights = stack.rights(role);
            let find = |action: &str| rights.iter().find(|statement| statement.actions == [action]);
            let (bus, topic) = (find("events:PutEvents"), find("sns:Publish"));
            assert_eq!(bus.is_some(), stack.chose("Publisher") == "eventbridge", "{role}");
            assert_eq!(topic.is_some(), stack.chose("Publisher") == "sns", "{role}");
            if let Some(bus) = bus {
                assert_eq!(bus.condition, json!({"StringEquals": {"events:source": "event-sourcing-system"}}));
            }
        }
    }
}

#[test]
fn only_backfill_reads_the_salesforce_login() {
    for stack in Template::read().stacks() {
        let may = |role: &&str| {
            let rights = stack.rights(role);
            rights.iter().any(|it| it.reaches("secretsmanager:GetSecretValue", "${SalesforceCredentials}"))
        };
        assert_eq!(ROLES.iter().filter(|role| may(role)).collect::<Vec<_>>(), [&"BackfillRole"]);
    }
    let stack = Template::read().with(&[]);
    let secret = stack.properties("SalesforceCredentials").as_object().expect("a secret");
    assert!(!secret.contains_key("SecretString"), "the template must not contain a login");
}

/// Within one account the policy of the domain is sufficient by itself.
#[test]
fn the_domain_policy_allows_each_role_what_the_role_allows() {
    let stack = Template::read().with(&[]);
    let domain = stack.properties("SearchDomain");
    let by_role = |role: &str| {
        let rights = stack.rights(role).into_iter();
        let search = rights.filter(|it| it.actions.iter().all(|action| action.starts_with("es:ESHttp")));
        search.map(|it| (it.actions, it.resources)).collect::<Vec<_>>()
    };
    let mut expected = BTreeMap::new();
    for role in ["ProjectionRole", "QueryRole", "BackfillRole"] {
        expected.insert(format!("${{{role}.Arn}}"), by_role(role));
    }
    let mut found = BTreeMap::new();
    for statement in Statement::all(&domain["AccessPolicies"]) {
        assert!(statement.allows);
        let role = statement.principal["AWS"].as_str().expect("one role").to_owned();
        found.entry(role).or_insert_with(Vec::new).push((statement.actions, statement.resources));
    }
    assert_eq!(found, expected);
}
