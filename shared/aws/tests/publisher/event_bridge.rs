//! EventBridge, on moto: a rule sends published events to a queue.

use annals_application::contract::event_publisher::{check_event_publisher, published_event, set_text};
use annals_application::ports::{EventPublisher, PortErrorKind};
use annals_aws::publisher::{EventBridgePublisher, EventBridgeSettings};
use annals_services::{Queue, moto_endpoint, sdk_config};
use serde_json::{Value, json};

#[tokio::test]
async fn the_contract_holds() {
    let config = sdk_config(&moto_endpoint());
    let queue = Queue::standard().await;
    let bus = queue.with_bus(&json!({ "source": ["event-sourcing-system"] })).await;
    let publisher = EventBridgePublisher::new(&config, EventBridgeSettings { bus, ..Default::default() });
    let details = async || queue.bodies().await.into_iter().map(|mut envelope| envelope["detail"].take()).collect();
    check_event_publisher(&publisher, details).await;
}

#[tokio::test]
async fn rules_can_tell_events_by_source_detail_type_and_detail() {
    let config = sdk_config(&moto_endpoint());
    let queue = Queue::standard().await;
    let pattern = json!({
        "source": ["event-sourcing-system"],
        "detail-type": ["clientChanged"],
        "detail": { "provider": ["salesforce"] },
    });
    let bus = queue.with_bus(&pattern).await;
    let by_default = EventBridgeSettings { bus, ..Default::default() };
    let other_source = EventBridgeSettings { source: "other".to_owned(), ..by_default.clone() };
    let other_type = EventBridgeSettings { detail_type_suffix: "Moved".to_owned(), ..by_default.clone() };
    for settings in [other_source, by_default, other_type] {
        let answers = EventBridgePublisher::new(&config, settings).publish(vec![published_event(1)]).await;
        assert!(answers[0].is_ok(), "{answers:?}");
    }
    let envelopes = queue.bodies().await;
    assert_eq!(envelopes.len(), 1);
    assert_eq!(envelopes[0]["source"], "event-sourcing-system");
    assert_eq!(envelopes[0]["detail-type"], "clientChanged");
    assert_eq!(envelopes[0]["time"], "2024-04-09T20:19:25Z", "the event's own time, as EventBridge tells it");
}

#[tokio::test]
async fn an_event_too_large_arrives_as_a_reference() {
    let config = sdk_config(&moto_endpoint());
    let queue = Queue::standard().await;
    let bus = queue.with_bus(&json!({ "source": ["event-sourcing-system"] })).await;
    let publisher = EventBridgePublisher::new(&config, EventBridgeSettings { bus, ..Default::default() });
    let mut large = published_event(1);
    set_text(&mut large, "notes", &"x".repeat(300_000));
    let answers = publisher.publish(vec![large.clone(), published_event(2)]).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let envelopes = queue.bodies().await;
    let (reference, whole) = (&envelopes[0]["detail"], &envelopes[1]["detail"]);
    assert_eq!(reference["data"], Value::Null);
    let size = serde_json::to_string(&large).unwrap().len();
    let expected =
        json!({ "aggregate_id": large.entity.aggregate_id, "version": 2, "reason": "too large", "size": size });
    assert_eq!(reference["reference"], expected);
    assert_eq!(whole["data"]["id"], "001");
    assert!(whole.get("reference").is_none());
}

#[tokio::test]
async fn a_bus_that_is_not_there_is_named() {
    let config = sdk_config(&moto_endpoint());
    let settings = EventBridgeSettings { bus: "none-such".to_owned(), ..Default::default() };
    let answers =
        EventBridgePublisher::new(&config, settings).publish(vec![published_event(1), published_event(2)]).await;
    for answer in answers {
        let error = answer.unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Misconfigured);
        assert!(error.to_string().starts_with("bus `none-such`: ResourceNotFoundException"), "{error}");
    }
}
