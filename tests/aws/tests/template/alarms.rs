//! Alarms and the dashboard: each failure raises an alarm, and each metric is on the dashboard.

use std::collections::BTreeSet;

use annals_aws_tests::template::{Stack, Template};
use annals_lambda::telemetry::{AUDIT_DIFFERENCES, Count, LAG, NAMESPACE};
use serde_json::{Value, json};

/// The metrics of the functions.
fn metrics() -> Vec<&'static str> {
    Count::ALL.into_iter().map(Count::name).chain([LAG, AUDIT_DIFFERENCES]).collect()
}

fn stack() -> Stack {
    Template::read().with(&[("SalesforceEventSource", "aws.partner/salesforce.com/00DQz0000004nNlMAI/relay")])
}

/// The metrics that an alarm watches: its own, or those of its expression.
fn watched(alarm: &Value) -> Vec<&Value> {
    let metrics = alarm["Metrics"].as_array().map(|metrics| metrics.iter().filter_map(|it| it.get("MetricStat")));
    metrics.map_or_else(|| vec![alarm], |metrics| metrics.map(|it| &it["Metric"]).collect())
}

/// The condition of an alarm, such as `> 0`, or `a + b > 0` for an expression.
fn rises(alarm: &Value) -> String {
    let sign = match alarm["ComparisonOperator"].as_str() {
        Some("GreaterThanThreshold") => ">",
        Some("GreaterThanOrEqualToThreshold") => ">=",
        Some("LessThanThreshold") => "<",
        other => panic!("{other:?}"),
    };
    let figures = alarm["Metrics"].as_array().into_iter().flatten().filter(|it| it["ReturnData"] != false);
    let figure: String = figures.map(|it| it["Expression"].as_str().expect("an expression").to_owned() + " ").collect();
    format!("{figure}{sign} {}", alarm["Threshold"])
}

/// Checks that one alarm watches this metric of this resource with this condition.
#[track_caller]
fn check(namespace: &str, metric: &str, about: &str, beyond: &str) {
    let stack = stack();
    let is_meant = |it: &Value| {
        let dimensions = it["Dimensions"].as_array().expect("dimensions");
        let is_about = dimensions.iter().any(|dimension| dimension["Value"] == about);
        is_about && it["Namespace"] == namespace && it["MetricName"] == metric
    };
    let alarms = stack.of_type("AWS::CloudWatch::Alarm");
    let alarms = alarms.filter(|(_, alarm)| watched(alarm).into_iter().any(is_meant));
    let found: Vec<_> = alarms.map(|(_, alarm)| rises(alarm)).collect();
    assert_eq!(found.iter().filter(|it| *it == beyond).count(), 1, "{metric} of {about}: {found:?}");
}

#[test]
fn every_kind_of_failure_has_an_alarm() {
    check("AWS/Lambda", "IteratorAge", "${ProjectionFunction}", "> 300000");
    let stopped = "IF(FILL(stored, 0) > 0 AND FILL(invoked, 0) < 1, 1, 0) > 0";
    check("AWS/Lambda", "Invocations", "${ProjectionFunction}", stopped);
    check(NAMESPACE, "Stored", "${IngestFunction}", stopped);
    check("AWS/SQS", "ApproximateNumberOfMessagesVisible", "${FailureQueue.QueueName}", "visible + hidden > 0");
    check("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "${FailureQueue.QueueName}", "visible + hidden > 0");
    check("AWS/SQS", "ApproximateNumberOfMessagesVisible", "${LastQueue.QueueName}", "> 0");
    check("AWS/SQS", "ApproximateNumberOfMessagesVisible", "${ProjectionFailures.QueueName}", "> 0");
    check("AWS/Lambda", "DestinationDeliveryFailures", "${IngestFunction}", "> 0");
    check("AWS/Lambda", "DestinationDeliveryFailures", "${ProjectionFunction}", "> 0");
    check("AWS/Events", "InvocationsFailedToBeSentToDlq", "${SalesforceRule}", "> 0");
    for function in ["Ingest", "Projection", "Query", "Backfill"] {
        check("AWS/Lambda", "Errors", &format!("${{{function}Function}}"), "> 0");
    }
    check("AWS/ApiGateway", "5xx", "${HttpApi}", "> 0");
    check("AWS/ES", "ClusterStatus.red", "${SearchDomain}", ">= 1");
    check("AWS/ES", "FreeStorageSpace", "${SearchDomain}", "100 * free / (1024 * 20) < 25");
    check("AWS/ES", "ClusterIndexWritesBlocked", "${SearchDomain}", ">= 1");
    check(NAMESPACE, "Quarantined", "${IngestFunction}", "> 0");
    check(NAMESPACE, "Parked", "${ProjectionFunction}", "> 0");
    check(NAMESPACE, "ForeignRecords", "${ProjectionFunction}", "> 0");
    check(NAMESPACE, "Stored", "${IngestFunction}", "< 1");
    check(NAMESPACE, AUDIT_DIFFERENCES, "${BackfillFunction}", "> 0");
}

/// An event may be stored at the end of one period and projected at the beginning of the next.
#[test]
fn two_periods_of_events_without_a_projection_raise_the_alarm_of_an_unread_stream() {
    let stack = stack();
    let alarm = stack.properties("StreamStoppedAlarm");
    assert_eq!((&alarm["EvaluationPeriods"], &alarm["DatapointsToAlarm"]), (&json!(2), &Value::Null));
    let figures = alarm["Metrics"].as_array().expect("metrics").iter().filter_map(|it| it.get("MetricStat"));
    assert!(figures.clone().count() == 2 && figures.clone().all(|it| it["Period"] == 900 && it["Stat"] == "Sum"));
}

/// A waiting message is hidden for most of the time, and has no age after three attempts.
#[test]
fn an_hour_in_the_failure_queue_raises_the_alarm_regardless_of_retries() {
    let stack = stack();
    let alarm = stack.properties("FailureQueueAlarm");
    let metrics = alarm["Metrics"].as_array().expect("metrics").iter();
    let figures: Vec<_> = metrics.filter_map(|it| Some((&it["Id"], it.get("MetricStat")?))).collect();
    assert_eq!(figures.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ["visible", "hidden"]);
    for (id, figure) in figures {
        assert_eq!((&figure["Stat"], &figure["Period"]), (&json!("Maximum"), &json!(300)), "{id}");
    }
    assert_eq!(alarm["EvaluationPeriods"], 3600 / 300);
    assert_eq!(alarm["DatapointsToAlarm"], Value::Null, "every datapoint must be above the threshold");
}

#[test]
fn free_space_is_measured_against_the_chosen_volume() {
    let stack = Template::read().with(&[("OpenSearchVolumeGiB", "300")]);
    assert_eq!(rises(stack.properties("SearchSpaceAlarm")), "100 * free / (1024 * 300) < 25");
}

#[test]
fn silence_raises_an_alarm_after_the_chosen_minutes() {
    let stack = Template::read().with(&[("QuietMinutes", "90")]);
    let quiet = stack.properties("QuietAlarm");
    assert_eq!(quiet["TreatMissingData"], "breaching", "missing data counts as silence");
    assert_eq!((&quiet["Period"], &quiet["EvaluationPeriods"]), (&json!(60), &json!("90")));
}

#[test]
fn only_the_silence_alarm_treats_missing_data_as_breaching_and_each_alarm_notifies_someone() {
    for (topic, expected) in [("", "${AlarmTopic}"), ("arn:aws:sns:eu-west-1:111122223333:ops", "")] {
        let stack = Template::read().with(&[("AlarmTopicArn", topic), ("AlarmEmail", "ops@annals.example")]);
        let expected = if topic.is_empty() { expected } else { topic };
        for (id, alarm) in stack.of_type("AWS::CloudWatch::Alarm") {
            assert_eq!(alarm["AlarmActions"], json!([expected]), "{id}");
            assert!(alarm["AlarmDescription"].is_string(), "{id}");
            let missing = if id == "QuietAlarm" { "breaching" } else { "notBreaching" };
            assert_eq!(alarm["TreatMissingData"], missing, "{id}");
        }
        assert_eq!((stack.has("AlarmTopic"), stack.has("AlarmMail")), (topic.is_empty(), topic.is_empty()));
    }
}

#[test]
fn the_dashboard_shows_every_metric_of_the_functions() {
    let stack = stack();
    let body = stack.properties("Dashboard")["DashboardBody"].as_str().expect("a text").to_owned();
    let dashboard: Value = serde_json::from_str(&body).expect("the dashboard is JSON");
    let widgets = dashboard["widgets"].as_array().expect("widgets").iter();
    let shown = widgets.flat_map(|widget| widget["properties"]["metrics"].as_array().expect("metrics"));
    let shown: Vec<_> = shown.filter(|metric| metric[0] == NAMESPACE).collect();
    let names = shown.iter().map(|metric| metric[1].as_str().expect("a name"));
    assert_eq!(names.collect::<BTreeSet<_>>(), metrics().into_iter().collect());
    for metric in shown {
        assert!(metric[2] == "function" && functions(&stack).iter().any(|name| metric[3] == *name), "{metric}");
    }
}

/// The names of the functions in their metrics, which are unique to the stack.
fn functions(stack: &Stack) -> Vec<String> {
    stack.of_type("AWS::Serverless::Function").map(|(id, _)| format!("${{{id}}}")).collect()
}

/// An alarm on a name that no function writes would never be raised.
#[test]
fn every_alarm_on_the_functions_own_metrics_names_one_that_is_written() {
    let stack = stack();
    let functions = functions(&stack);
    let alarms = stack.of_type("AWS::CloudWatch::Alarm");
    let watched = alarms.flat_map(|(id, alarm)| watched(alarm).into_iter().map(move |metric| (id, metric)));
    let own: Vec<_> = watched.filter(|(_, metric)| metric["Namespace"] == NAMESPACE).collect();
    assert_eq!(own.len(), 6);
    for (id, metric) in own {
        assert!(metrics().iter().any(|name| metric["MetricName"] == *name), "{id}");
        let dimensions = metric["Dimensions"].as_array().expect("dimensions");
        let [dimension] = dimensions.as_slice() else { panic!("{id} has {} dimensions", dimensions.len()) };
        assert_eq!(dimension["Name"], "function", "{id}");
        assert!(functions.iter().any(|name| dimension["Value"] == *name), "{id}");
    }
}
