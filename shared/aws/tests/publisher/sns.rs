//! SNS, on moto: a subscription sends published events to a queue.

use std::collections::BTreeMap;
use std::sync::Arc;

use annals_application::contract::event_publisher::{check_event_publisher, published_event, set_text};
use annals_application::contract::samples::key;
use annals_application::ports::{EventPublisher, PortErrorKind};
use annals_aws::publisher::{DEFAULT_MAX_BYTES, SnsPublisher, SnsSettings};
use annals_domain::event::EventType;
use annals_domain::identity::AggregateType;
use annals_services::{Queue, moto_endpoint, sdk_config};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use aws_types::SdkConfig;
use serde_json::{Value, json};

fn publisher(config: &SdkConfig, topic_arn: String) -> SnsPublisher {
    SnsPublisher::new(config, SnsSettings { topic_arn, max_bytes: DEFAULT_MAX_BYTES })
}

/// A message's own attributes, by name.
fn attributes(message: &Message) -> BTreeMap<&str, &str> {
    let attributes = message.message_attributes().unwrap().iter();
    attributes.map(|(name, value)| (name.as_str(), value.string_value().unwrap())).collect()
}

#[tokio::test]
async fn the_contract_holds() {
    let config = sdk_config(&moto_endpoint());
    let queue = Queue::standard().await;
    let topic = queue.with_topic(None).await;
    check_event_publisher(&publisher(&config, topic), async || queue.bodies().await).await;
}

#[tokio::test]
async fn a_filter_policy_can_tell_events_by_their_attributes() {
    let config = sdk_config(&moto_endpoint());
    let queue = Queue::standard().await;
    let filter = json!({ "aggregate_type": ["client"], "event_type": ["Deleted"], "provider": ["salesforce"] });
    let topic = queue.with_topic(Some(&filter)).await;
    let deleted = |number: u64, aggregate_type: &str| {
        let mut event = published_event(number);
        event.event_type = EventType::Deleted;
        Arc::make_mut(&mut event.entity).aggregate_type = AggregateType::new(aggregate_type);
        event
    };
    let events = vec![published_event(1), deleted(2, "platform"), deleted(3, "client")];
    let answers = publisher(&config, topic).publish(events).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let messages = queue.messages().await;
    assert_eq!(messages.len(), 1);
    let expected = [("aggregate_type", "client"), ("event_type", "Deleted"), ("provider", "salesforce")];
    assert_eq!(attributes(&messages[0]), expected.into());
    let body: Value = serde_json::from_str(messages[0].body().unwrap()).unwrap();
    assert_eq!(body["from_version"], 3);
}

#[tokio::test]
async fn on_a_fifo_topic_a_record_is_a_group_and_an_event_is_passed_on_once() {
    let config = sdk_config(&moto_endpoint());
    let queue = Queue::fifo().await;
    let topic = queue.with_topic(None).await;
    let publisher = publisher(&config, topic);
    let mut other = published_event(2);
    Arc::make_mut(&mut other.entity).aggregate_id = key("002").aggregate_id;
    for events in [vec![published_event(1), other.clone()], vec![published_event(1)]] {
        let answers = publisher.publish(events).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    }
    let messages = queue.messages().await;
    let names = [MessageSystemAttributeName::MessageGroupId, MessageSystemAttributeName::MessageDeduplicationId];
    let seen: Vec<_> =
        messages.iter().map(|message| names.clone().map(|name| message.attributes().unwrap()[&name].clone())).collect();
    let expected = [published_event(1), other]
        .map(|event| [event.entity.aggregate_id.to_string(), format!("{}-{}", event.event_id, event.version)]);
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn an_event_too_large_arrives_as_a_reference() {
    let config = sdk_config(&moto_endpoint());
    let queue = Queue::standard().await;
    let topic = queue.with_topic(None).await;
    let mut large = published_event(1);
    set_text(&mut large, "notes", &"x".repeat(300_000));
    let answers = publisher(&config, topic).publish(vec![large, published_event(2)]).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let bodies = queue.bodies().await;
    assert_eq!((&bodies[0]["data"], &bodies[0]["reference"]["reason"]), (&Value::Null, &json!("too large")));
    assert_eq!(bodies[1]["data"]["id"], "001");
}

#[tokio::test]
async fn a_topic_that_is_not_there_is_named() {
    let config = sdk_config(&moto_endpoint());
    let topic = "arn:aws:sns:us-east-1:123456789012:none-such";
    let answers = publisher(&config, topic.to_owned()).publish(vec![published_event(1)]).await;
    let error = answers.into_iter().next().unwrap().unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Misconfigured);
    assert!(error.to_string().starts_with(&format!("topic `{topic}`: NotFound")), "{error}");
}
