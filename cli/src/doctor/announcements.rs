//! Where changes are announced: the bus or the topic that the functions are set to.
//!
//! Promises that nothing is announced: what is tried with a bus is an entry that no bus takes, and a topic,
//! which has no such thing, is not tried. Whether the functions may announce is their roles' matter.

use annals_aws::client::Environment;
use annals_aws::publisher::PublishSettings;
use aws_config::SdkConfig;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;

use super::check::Check;
use super::dynamodb::Refusal;

/// All checks of it, by the variables that the functions read.
pub(super) async fn checks(config: &SdkConfig) -> Vec<Check> {
    let on = "announcements";
    let mut environment = Environment::of_process();
    let settings = PublishSettings::from_environment(&mut environment);
    if let Err(error) = environment.check() {
        let remedy = "the variables have to be as they are in the functions' environment";
        return error.0.into_iter().map(|problem| Check::wrong(on, problem, remedy)).collect();
    }
    vec![match settings {
        PublishSettings::Nowhere => Check::ok(on, "nothing is announced"),
        PublishSettings::EventBridge(settings) => bus(config, on, &settings.bus, &settings.source).await,
        PublishSettings::Sns(settings) => topic(config, on, &settings.topic_arn).await,
    }]
}

async fn bus(config: &SdkConfig, on: &str, bus: &str, source: &str) -> Check {
    let on = format!("{on}: EventBridge bus `{bus}`");
    let client = aws_sdk_eventbridge::Client::new(config);
    match client.describe_event_bus().name(bus).send().await {
        Ok(_) => announcing(&client, on, bus, source).await,
        Err(error) => {
            let refusal = Refusal::of(bus, error);
            refusal.check_of_doctor(on, "events:DescribeEventBus", "ANNALS_EVENT_BUS names another, or make it")
        }
    }
}

/// Whether this role may announce there: an entry without what it is about is refused by itself, behind that.
async fn announcing(client: &aws_sdk_eventbridge::Client, on: String, bus: &str, source: &str) -> Check {
    let nothing = PutEventsRequestEntry::builder().event_bus_name(bus).source(source).build();
    match client.put_events().entries(nothing).send().await {
        Ok(_) => Check::ok(on, "it is there, and this role may announce"),
        Err(error) => match Refusal::of(bus, error) {
            Refusal::NotAllowed => Check::ok(on, "it is there; this role may not events:PutEvents, nor need it"),
            refusal => refusal.check_of_doctor(on, "events:PutEvents", "ANNALS_EVENT_BUS names another"),
        },
    }
}

async fn topic(config: &SdkConfig, on: &str, arn: &str) -> Check {
    let on = format!("{on}: SNS topic `{arn}`");
    let client = aws_sdk_sns::Client::new(config);
    match client.get_topic_attributes().topic_arn(arn).send().await {
        Ok(_) => Check::ok(on, "it is there"),
        Err(error) => {
            let refusal = Refusal::of(arn, error);
            refusal.check_of_doctor(on, "sns:GetTopicAttributes", "ANNALS_TOPIC_ARN names another, or make it")
        }
    }
}
