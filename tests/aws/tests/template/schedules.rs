//! When the CRM is read without an event that asks.

use annals_aws_tests::template::{Stack, Template};
use serde_json::{Value, json};

const ORG: (&str, &str) = ("SalesforceUrl", "https://example.my.salesforce.com");

/// The rules that invoke backfill by a schedule: when, and with which input.
fn schedules(stack: &Stack) -> Vec<(String, Value, Value)> {
    let rules = stack.of_type("AWS::Events::Rule").filter(|(_, rule)| rule.get("ScheduleExpression").is_some());
    let described = |(id, rule): (&str, &Value)| {
        let targets = rule["Targets"].as_array().expect("targets");
        let [target] = targets.as_slice() else { panic!("{id} has {} targets", targets.len()) };
        assert_eq!(target["Arn"], "${BackfillSchedules}", "{id}");
        let input = serde_json::from_str(target["Input"].as_str().expect("a text")).expect("the input is JSON");
        (id.to_owned(), rule["ScheduleExpression"].clone(), input)
    };
    rules.map(described).collect()
}

#[track_caller]
fn check(parameters: &[(&str, &str)], expected: &[(&str, &str, Value)]) {
    let stack = Template::read().with(parameters);
    let found = schedules(&stack);
    let expected = expected.iter().map(|(id, when, input)| ((*id).to_owned(), json!(when), input.clone()));
    assert_eq!(found, expected.collect::<Vec<_>>(), "{parameters:?}");
    // A rule without a permission invokes nothing.
    for (id, _, _) in found {
        let permission = stack.properties(&id.replace("Rule", "Permission"));
        let expected = json!({"Action": "lambda:InvokeFunction", "FunctionName": "${BackfillSchedules}",
            "Principal": "events.amazonaws.com", "SourceArn": format!("${{{id}.Arn}}")});
        assert_eq!(permission, &expected, "{id}");
    }
}

#[test]
fn all_records_are_read_once_a_day_unless_another_time_is_chosen() {
    let refresh = |when| ("RefreshRule", when, json!({"schedule": "refresh"}));
    check(&[ORG], &[refresh("rate(1 day)")]);
    check(&[ORG, ("RefreshSchedule", "cron(0 2 * * ? *)")], &[refresh("cron(0 2 * * ? *)")]);
    check(&[ORG, ("RefreshSchedule", "")], &[]);
}

#[test]
fn audits_are_scheduled_with_the_chosen_sample() {
    let audit = |sample: u64| ("AuditRule", "rate(7 days)", json!({"schedule": "audit", "sample": sample}));
    let parameters = [ORG, ("RefreshSchedule", ""), ("AuditSchedule", "rate(7 days)")];
    check(&parameters, &[audit(1_000)]);
    check(&[&parameters[..], &[("AuditSample", "0")]].concat(), &[audit(0)]);
}

/// A lost one would lose a day or a week. What runs each minute is not retried.
#[test]
fn scheduled_invocations_are_retried_for_an_hour() {
    let stack = Template::read().with(&[ORG]);
    let alias = json!({"FunctionName": "${BackfillFunction}", "FunctionVersion": "$LATEST", "Name": "schedules"});
    assert_eq!(stack.properties("BackfillSchedules"), &alias);
    let retries = json!({"FunctionName": "${BackfillFunction}", "Qualifier": alias["Name"],
        "MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3_600});
    assert_eq!(stack.properties("BackfillSchedulesRetries"), &retries);
}

#[test]
fn schedules_need_an_org() {
    let template = Template::read();
    for (rule, parameter) in [("SyncHasAnOrg", "Sync"), ("AuditsHaveAnOrg", "AuditSchedule")] {
        let rule = &template.document()["Rules"][rule];
        let is_set = |parameter| json!({"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]});
        assert_eq!(rule["RuleCondition"], is_set(parameter));
        assert_eq!(rule["Assertions"][0]["Assert"], is_set("SalesforceUrl"));
    }
}

#[test]
fn without_an_org_nothing_is_scheduled() {
    check(&[], &[]);
    let stack = Template::read().with(&[("Sync", "salesforce=5m")]);
    assert_eq!(stack.function("BackfillFunction").environment.get("ANNALS_SYNC"), None);
}

#[test]
fn the_interval_of_modified_records_is_a_setting_of_backfill_alone() {
    let stack = Template::read().with(&[ORG, ("Sync", "salesforce=5m,contracts=1h")]);
    for function in stack.functions() {
        let expected = (function.id == "BackfillFunction").then_some("salesforce=5m,contracts=1h");
        assert_eq!(function.environment.get("ANNALS_SYNC").map(String::as_str), expected, "{}", function.id);
    }
}
