//! The functions: their builds, timeouts and schedules.

use annals_aws_tests::template::{Stack, Template, repository};
use serde_json::json;

#[test]
fn each_function_is_built_from_its_folder_for_the_chosen_processor() {
    for processor in ["arm64", "x86_64"] {
        let document = Template::read();
        let stack = document.with(&[("Architecture", processor)]);
        let globals = &document.document()["Globals"]["Function"];
        assert_eq!(globals["Runtime"], "provided.al2023");
        assert_eq!(globals["Handler"], "bootstrap");
        assert_eq!(globals["Architectures"], json!([{"Ref": "Architecture"}]));
        assert_eq!(stack.chose("Architecture"), processor);
    }
    let stack = Template::read().with(&[]);
    assert_eq!(stack.chose("Architecture"), "arm64");
    assert_eq!(stack.functions().len(), 4);
    for function in stack.functions() {
        let folder = function.properties["CodeUri"].as_str().expect("a folder");
        let name = function.id.trim_end_matches("Function").to_lowercase();
        assert_eq!(folder, format!("functions/{name}"));
        assert!(repository().join(folder).join("src/main.rs").is_file(), "{folder}");
        assert_eq!(stack.resource(&function.id)["Metadata"]["BuildMethod"], "rust-cargolambda", "{name}");
    }
}

#[track_caller]
fn check(function: &str, seconds: u64) {
    let stack = Template::read().with(&[]);
    assert_eq!(stack.properties(function)["Timeout"], seconds, "{function}");
}

#[test]
fn every_function_has_its_timeout() {
    check("IngestFunction", 30);
    check("ProjectionFunction", 60);
    check("BackfillFunction", 300);
    // The gateway waits for 30 seconds.
    check("QueryFunction", 20);
}

#[test]
fn backfill_runs_each_minute_and_a_throttled_run_is_dropped() {
    let stack = Template::read().with(&[]);
    let backfill = stack.properties("BackfillFunction");
    assert_eq!(backfill["Events"]["EachMinute"]["Properties"]["Schedule"], "rate(1 minute)");
    // The next minute starts what the schedule could not start, so nothing piles up during a long run.
    let expected = json!({"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60});
    assert_eq!(backfill["EventInvokeConfig"], expected);
    assert_eq!(backfill["Events"]["EachMinute"]["Properties"]["RetryPolicy"], expected);
}

/// A new account has no concurrency to reserve, so its deployment would fail; 0 would let no run start.
#[test]
fn no_concurrency_is_reserved_for_backfill_by_default() {
    let kept = |stack: &Stack| stack.properties("BackfillFunction").get("ReservedConcurrentExecutions").cloned();
    assert_eq!(kept(&Template::read().with(&[])), None);
    assert_eq!(kept(&Template::read().with(&[("BackfillConcurrency", "2")])), Some(json!("2")));
}

#[test]
fn logs_are_kept_for_the_chosen_time() {
    let stack = Template::read().with(&[("RetentionDays", "14")]);
    let groups: Vec<_> = stack.of_type("AWS::Logs::LogGroup").collect();
    assert_eq!(groups.len(), 5, "four functions and the HTTP API");
    assert!(groups.iter().all(|(_, group)| group["RetentionInDays"] == "14"));
    for function in stack.functions() {
        let group = function.id.replace("Function", "Logs");
        assert_eq!(function.properties["LoggingConfig"]["LogGroup"], format!("${{{group}}}"));
    }
}

/// API Gateway adds each destination with another name to a resource policy of limited length.
#[test]
fn access_logs_have_the_prefix_of_vended_logs() {
    let stack = Template::read().with(&[]);
    let name = stack.properties("HttpLogs")["LogGroupName"].as_str().expect("a name").to_owned();
    assert!(name.starts_with("/aws/vendedlogs/"), "{name}");
}
