//! EventBridge, on moto: a rule passes what is published on to a queue.

use annals_application::contract::event_publisher::{announcement, check_event_publisher};
use annals_application::ports::{EventPublisher, PortErrorKind};
use annals_aws_publisher::{EventBridgePublisher, EventBridgeSettings};
use annals_services::{moto_endpoint, sdk_config, unique_name};
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::Target;
use aws_types::SdkConfig;
use serde_json::{Value, json};

use crate::queue::Queue;

/// A bus of one test, with a rule that passes on what fits the pattern.
async fn bus(config: &SdkConfig, pattern: &Value, queue: &Queue) -> String {
    let (client, name) = (Client::new(config), unique_name("bus"));
    client.create_event_bus().name(&name).send().await.unwrap();
    let rule = client.put_rule().name("all").event_bus_name(&name).event_pattern(pattern.to_string());
    rule.send().await.unwrap();
    let target = Target::builder().id("queue").arn(&queue.arn).build().unwrap();
    client.put_targets().rule("all").event_bus_name(&name).targets(target).send().await.unwrap();
    name
}

async fn envelopes(queue: &Queue) -> Vec<Value> {
    let messages = queue.messages().await;
    messages.iter().map(|message| serde_json::from_str(message.body().unwrap()).unwrap()).collect()
}

#[tokio::test]
async fn the_contract_holds() {
    let config = sdk_config(&moto_endpoint());
    let queue = Queue::standard(&config).await;
    let bus = bus(&config, &json!({ "source": ["event-sourcing-system"] }), &queue).await;
    let publisher = EventBridgePublisher::new(&config, EventBridgeSettings { bus, ..Default::default() });
    let details = async || envelopes(&queue).await.into_iter().map(|mut envelope| envelope["detail"].take()).collect();
    check_event_publisher(&publisher, details).await;
}

#[tokio::test]
async fn rules_can_tell_events_by_source_detail_type_and_detail() {
    let config = sdk_config(&moto_endpoint());
    let queue = Queue::standard(&config).await;
    let pattern = json!({
        "source": ["event-sourcing-system"],
        "detail-type": ["clientChanged"],
        "detail": { "provider": ["salesforce"] },
    });
    let bus = bus(&config, &pattern, &queue).await;
    let by_default = EventBridgeSettings { bus, ..Default::default() };
    let other_source = EventBridgeSettings { source: "other".to_owned(), ..by_default.clone() };
    let other_type = EventBridgeSettings { detail_type_suffix: "Moved".to_owned(), ..by_default.clone() };
    for settings in [other_source, by_default, other_type] {
        let answers = EventBridgePublisher::new(&config, settings).publish(vec![announcement(1)]).await;
        assert!(answers[0].is_ok(), "{answers:?}");
    }
    let envelopes = envelopes(&queue).await;
    assert_eq!(envelopes.len(), 1);
    assert_eq!(envelopes[0]["source"], "event-sourcing-system");
    assert_eq!(envelopes[0]["detail-type"], "clientChanged");
    assert_eq!(envelopes[0]["time"], "2024-04-09T20:19:25Z", "the event's own time, as EventBridge tells it");
}

#[tokio::test]
async fn an_event_too_large_arrives_as_a_reference() {
    let config = sdk_config(&moto_endpoint());
    let queue = Queue::standard(&config).await;
    let bus = bus(&config, &json!({ "source": ["event-sourcing-system"] }), &queue).await;
    let publisher = EventBridgePublisher::new(&config, EventBridgeSettings { bus, ..Default::default() });
    let mut large = announcement(1);
    large.data.insert("notes".to_owned(), json!("x".repeat(300_000)));
    let answers = publisher.publish(vec![large.clone(), announcement(2)]).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let envelopes = envelopes(&queue).await;
    let (reference, whole) = (&envelopes[0]["detail"], &envelopes[1]["detail"]);
    assert_eq!(reference["data"], Value::Null);
    let size = serde_json::to_string(&large).unwrap().len();
    let expected = json!({ "aggregate_id": large.aggregate_id, "version": 2, "reason": "too large", "size": size });
    assert_eq!(reference["reference"], expected);
    assert_eq!(whole["data"]["id"], "001");
    assert!(whole.get("reference").is_none());
}

#[tokio::test]
async fn a_bus_that_is_not_there_is_named() {
    let config = sdk_config(&moto_endpoint());
    let settings = EventBridgeSettings { bus: "none-such".to_owned(), ..Default::default() };
    let answers = EventBridgePublisher::new(&config, settings).publish(vec![announcement(1), announcement(2)]).await;
    for answer in answers {
        let error = answer.unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Misconfigured);
        assert!(error.to_string().starts_with("bus `none-such`: ResourceNotFoundException"), "{error}");
    }
}
