//! Where the functions publish: an EventBridge bus or an SNS topic.
//!
//! Nothing is published. A bus is tried with an entry that every bus refuses; a topic has no such entry and is not
//! tried. The permissions of the functions' own roles are not checked here.

use annals_aws::client::Environment;
use annals_aws::publisher::PublishSettings;
use aws_config::SdkConfig;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;

use super::refusal::Refusal;
use crate::doctor::Check;

/// The checks, by the variables that the functions read.
pub(super) async fn checks(config: &SdkConfig) -> Vec<Check> {
    let name = "publisher";
    let mut environment = Environment::of_process();
    let settings = PublishSettings::from_environment(&mut environment);
    if let Err(error) = environment.check() {
        let remedy = "set the variables as they are in the environment of the functions";
        return error.0.into_iter().map(|problem| Check::wrong(name, problem, remedy)).collect();
    }
    vec![match settings {
        PublishSettings::Nowhere => Check::ok(name, "nothing is published"),
        PublishSettings::EventBridge(settings) => bus(config, name, &settings.bus, &settings.source).await,
        PublishSettings::Sns(settings) => topic(config, name, &settings.topic_arn).await,
    }]
}

async fn bus(config: &SdkConfig, name: &str, bus: &str, source: &str) -> Check {
    let name = format!("{name}: EventBridge bus `{bus}`");
    let client = aws_sdk_eventbridge::Client::new(config);
    match client.describe_event_bus().name(bus).send().await {
        Ok(_) => put_events(&client, name, bus, source).await,
        Err(error) => {
            let refusal = Refusal::of(bus, error);
            refusal.check_of_doctor(name, "events:DescribeEventBus", "check ANNALS_EVENT_BUS, or create the bus")
        }
    }
}

/// Whether this role may publish: the permission is checked before the entry, which is refused for having no detail.
async fn put_events(client: &aws_sdk_eventbridge::Client, name: String, bus: &str, source: &str) -> Check {
    let no_detail = PutEventsRequestEntry::builder().event_bus_name(bus).source(source).build();
    match client.put_events().entries(no_detail).send().await {
        Ok(_) => Check::ok(name, "it exists, and this role may publish"),
        Err(error) => match Refusal::of(bus, error) {
            Refusal::NotAllowed => {
                Check::ok(name, "it exists; this role lacks the permission events:PutEvents and does not need it")
            }
            refusal => refusal.check_of_doctor(name, "events:PutEvents", "check ANNALS_EVENT_BUS"),
        },
    }
}

async fn topic(config: &SdkConfig, name: &str, arn: &str) -> Check {
    let name = format!("{name}: SNS topic `{arn}`");
    let client = aws_sdk_sns::Client::new(config);
    match client.get_topic_attributes().topic_arn(arn).send().await {
        Ok(_) => Check::ok(name, "it exists"),
        Err(error) => {
            let refusal = Refusal::of(arn, error);
            refusal.check_of_doctor(name, "sns:GetTopicAttributes", "check ANNALS_TOPIC_ARN, or create the topic")
        }
    }
}
